package audit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// Options say what a log is verified against.
type Options struct {
	// Vkey is the log's verifier key. It must come from elsewhere than the log: a forger signs with a key of his own.
	Vkey string
	// Outside are checkpoints of this log that were kept away from it, read by ParseCheckpoint, in any order. Without any, a log that was
	// rewritten by whoever holds the signing key cannot be told from the true one, nor an older copy from the newest.
	Outside []Checkpoint
	// Records, where not nil, are all records of the store that the log belongs to. Each is compared with the last event that names it.
	Records iter.Seq2[Record, error]
	// Bookkept are kinds that also change without an event. Of these only records that are missing are found.
	Bookkept []string
}

// Report is what verifying found.
type Report struct {
	// Origin is the log's name, from the key.
	Origin string `json:"origin"`
	// Events is how many there are and Root that of the tree of them.
	Events int64 `json:"events"`
	Root   Hash  `json:"root"`
	// Checkpoints is how many lie beside the events; Newest is the last of them, and Uncovered how many events came after it.
	Checkpoints int64      `json:"checkpoints"`
	Newest      Checkpoint `json:"newest,omitzero"`
	Uncovered   int64      `json:"uncovered"`
	// OutsideSeen is how many checkpoints from outside were compared; OutsideNewest is the one with the most events. Zero means that nothing
	// here was compared with anything that is kept elsewhere.
	OutsideSeen   int        `json:"outside_seen"`
	OutsideNewest Checkpoint `json:"outside_newest,omitzero"`
	// Records is how many were compared with the events.
	Records int64 `json:"records"`
	// AcceptedLosses are the numbers of the events in which people accepted that events before were lost.
	AcceptedLosses []int64 `json:"accepted_losses,omitempty"`
}

// String says it to a person. What was not shown is said as plainly as what was.
func (r Report) String() string {
	s := fmt.Sprintf("%s: %d events, %d checkpoints in the log", r.Origin, r.Events, r.Checkpoints)
	if r.Records > 0 {
		s += fmt.Sprintf(", %d records as their last events left them", r.Records)
	}
	if r.Uncovered > 0 {
		s += fmt.Sprintf("; the last %d events have no checkpoint yet", r.Uncovered)
	}
	if n := len(r.AcceptedLosses); n > 0 {
		s += fmt.Sprintf("\nEvents were lost, which two people accepted in event %d: a checkpoint of the lost ones does not fit this log.", r.AcceptedLosses[n-1])
	}
	if r.OutsideSeen == 0 {
		return s + "\nNo outside checkpoint was given: this shows that the log fits its own checkpoints, not that it is the newest or the only one. " +
			"Give a checkpoint that was kept on another machine."
	}
	return s + fmt.Sprintf("\nIt begins with each of %d outside checkpoints; the newest covers %d of the %d events.",
		r.OutsideSeen, r.OutsideNewest.Size, r.Events)
}

// BadEventsError names the events that are not what they were. Where only a checkpoint tells, it cannot tell which of several.
type BadEventsError struct {
	// First and Last are their numbers, from 0; the same where it is one.
	First, Last int64
	// Reason says what is wrong.
	Reason string
}

// Error begins with the numbers.
func (e *BadEventsError) Error() string {
	if e.First >= e.Last {
		return fmt.Sprintf("event %d: %s", e.First, e.Reason)
	}
	return fmt.Sprintf("events %d to %d: %s", e.First, e.Last, e.Reason)
}

// Verify reads an export (see [WriteExport]), builds its tree again, and compares that with every checkpoint in the export and from outside. The first
// difference ends it: errors.As finds a *BadEventsError where an event can be named, and the report says how far it came.
func Verify(export io.Reader, o Options) (Report, error) {
	v, err := NewVerifier(o)
	if err != nil {
		return Report{}, err
	}
	x, err := ReadExport(export)
	if err != nil {
		return v.report, err
	}
	if x.Header.Vkey != o.Vkey || x.Header.Origin != v.report.Origin {
		return v.report, fmt.Errorf("line 1: the export is of %q with the key %q, and is verified for %q with the key %q",
			clip(x.Header.Origin), clip(x.Header.Vkey), v.report.Origin, o.Vkey)
	}
	for {
		line, err := x.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return v.report, fmt.Errorf("after %d events: %w", v.report.Events, err)
		}
		if err := v.line(line); err != nil {
			return v.report, fmt.Errorf("line %d: %w", line.Number, err)
		}
	}
	if err := v.whole(x.Header); err != nil {
		return v.report, err
	}
	return v.Finish()
}

func (v *Verifier) line(line Line) error {
	if line.Checkpoint != nil {
		return v.Checkpoint(line.Checkpoint)
	}
	if hash := LeafHash(line.Event); hash != line.Hash {
		return v.bad(v.tree.size, v.tree.size, fmt.Sprintf("its hash is %s and was %s when the export was made: the event or the hash was changed",
			hash, line.Hash))
	}
	return v.Event(line.Event)
}

// whole compares what came with what the header promised.
func (v *Verifier) whole(h Header) error {
	n, c := v.report.Events, v.report.Checkpoints
	switch {
	case n < h.Events:
		return v.bad(n, h.Events-1, fmt.Sprintf("missing; the export is said to hold %d events and holds %d", h.Events, n))
	case n > h.Events:
		return v.bad(max(h.Events, 0), n-1, fmt.Sprintf("too many; the export is said to hold %d events and holds %d", h.Events, n))
	case c != h.Checkpoints:
		return fmt.Errorf("the export is said to hold %d checkpoints and holds %d", h.Checkpoints, c)
	case c == 0:
		return errors.New("the export holds no checkpoint: nothing in it is signed")
	case v.report.Uncovered > 0:
		return v.bad(n-v.report.Uncovered, n-1, "no checkpoint covers them, and an export ends with one that covers all")
	}
	return nil
}

// Verifier verifies a log that comes piece by piece, as from a store. Give it every event in order, and each checkpoint after the events that it
// covers, then call [Verifier.Finish]. The first difference is kept: every later call returns the same error.
type Verifier struct {
	key     note.Verifiers
	outside []Checkpoint // not compared yet, by size
	tree    Tree
	good    int64 // the first events up to this number fit a checkpoint
	records *ledger
	losses  losses
	report  Report
	err     error
}

// NewVerifier makes a Verifier. The error is one of the options.
func NewVerifier(o Options) (*Verifier, error) {
	if o.Vkey == "" {
		return nil, errors.New("verifying needs the log's verifier key, from elsewhere than the log itself; " +
			"the line has the form <origin>+<hash>+<public key>")
	}
	key, err := ParseKey(o.Vkey)
	if err != nil {
		return nil, err
	}
	v := &Verifier{key: key, outside: slices.Clone(o.Outside), records: newLedger(o)}
	v.report.Origin, v.report.Root = originOf(o.Vkey), v.tree.Root()
	for _, c := range v.outside {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("an outside checkpoint: %w", err)
		}
		if c.Origin != v.report.Origin {
			return nil, fmt.Errorf("an outside checkpoint is of %s, and the log that is verified is %s", c.Origin, v.report.Origin)
		}
	}
	slices.SortStableFunc(v.outside, func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	return v, v.compareOutside()
}

// Event takes the next event, as the bytes that were hashed.
func (v *Verifier) Event(leaf []byte) error {
	if v.err != nil {
		return v.err
	}
	var e event
	n := v.tree.size
	if err := json.Unmarshal(leaf, &e); err != nil {
		return v.bad(n, n, fmt.Sprintf("not an event: %v", err))
	}
	if e.Seq == nil || *e.Seq != n {
		return v.bad(n, n, "not the event of this number, "+e.number()+": events were dropped, added or moved")
	}
	v.tree, _ = v.tree.Append(leaf)
	v.records.note(e)
	if v.losses.note(e, n) {
		v.report.AcceptedLosses = append(v.report.AcceptedLosses, n)
	}
	v.report.Events, v.report.Root = v.tree.size, v.tree.Root()
	v.report.Uncovered++
	return v.compareOutside()
}

// Checkpoint takes a signed checkpoint of all events so far.
func (v *Verifier) Checkpoint(signed []byte) error {
	if v.err != nil {
		return v.err
	}
	c, err := ParseCheckpoint(signed, v.key)
	if err == nil && (c.Size != v.tree.size || v.report.Checkpoints > 0 && c.Size <= v.report.Newest.Size) {
		err = fmt.Errorf("the checkpoint of %d events comes after %d events and a checkpoint of %d: lines were dropped, added or moved",
			c.Size, v.tree.size, v.report.Newest.Size)
	}
	if err == nil {
		err = v.compare(c, "the signed checkpoint")
	}
	if err != nil {
		v.err = err
		return err
	}
	v.report.Checkpoints++
	v.report.Newest, v.report.Uncovered = c, 0
	return nil
}

// Finish compares what needs all events: outside checkpoints with more events than there are, and records.
func (v *Verifier) Finish() (Report, error) {
	if v.err == nil {
		v.outside, v.err = v.losses.settle(v.outside)
	}
	if v.err == nil && len(v.outside) > 0 {
		c := v.outside[len(v.outside)-1]
		v.err = &BadEventsError{v.tree.size, c.Size - 1, fmt.Sprintf("missing; the outside checkpoint of %s has %d events and the log %d: "+
			"the log was rolled back, or what is verified is older than the checkpoint", made(c), c.Size, v.tree.size)}
	}
	if v.err == nil {
		v.report.Records, v.err = v.records.compare()
	}
	if v.err == nil && v.losses.found != nil {
		v.err = v.losses.found
	}
	return v.report, v.err
}

// compareOutside compares the tree with the outside checkpoints of its size.
func (v *Verifier) compareOutside() error {
	for len(v.outside) > 0 && v.outside[0].Size == v.tree.size {
		c := v.outside[0]
		v.outside = v.outside[1:]
		if err := v.compare(c, "the outside checkpoint"); err != nil {
			if v.losses.explain(c, err) {
				continue
			}
			v.err = err
			return v.err
		}
		v.report.OutsideSeen++
		v.report.OutsideNewest = c
	}
	return nil
}

func (v *Verifier) compare(c Checkpoint, what string) error {
	if root := v.tree.Root(); c.Root != root {
		return &BadEventsError{v.good, c.Size - 1, fmt.Sprintf("one or more were changed; %s of %s says that the root of the first %d events is %s, and it is %s",
			what, made(c), c.Size, c.Root, root)}
	}
	v.good = c.Size
	return nil
}

func (v *Verifier) bad(first, last int64, reason string) error {
	v.err = &BadEventsError{first, last, reason}
	return v.err
}

func made(c Checkpoint) string {
	if c.Time.IsZero() {
		return "unknown time"
	}
	return formatTime(c.Time)
}

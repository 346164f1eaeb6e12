package audit

import (
	"fmt"
	"time"
)

// The events that tell of a loss: of a store that was found older than a checkpoint outside, and of two people who accepted that.
const (
	quarantinedVerb = "store.quarantined"
	acceptedVerb    = "store.loss-accepted"
)

// lost is which events are lost, as an event tells it.
type lost struct {
	Kept  int64     `json:"kept"`
	Size  int64     `json:"size"`
	Until time.Time `json:"until"`

	event int64 // that accepted it
}

// covers reports whether a checkpoint is one of the history that is lost.
func (l *lost) covers(c Checkpoint) bool {
	return c.Size > l.Kept && c.Size <= l.Size && !c.Time.IsZero() && !c.Time.After(l.Until)
}

// AcceptedLossError says that an outside checkpoint is of events that are lost, and that people accepted that in an event of the log. The rest
// of the log verifies; but it does not continue that checkpoint.
type AcceptedLossError struct {
	Checkpoint Checkpoint
	Kept       int64 // events before the loss
	Event      int64 // number of the event that accepted it
}

// Error names the event.
func (e *AcceptedLossError) Error() string {
	return fmt.Sprintf("the outside checkpoint of %s has %d events, and this log continues otherwise after the first %d: %d events are lost, which two people "+
		"accepted in event %d. Nothing else is wrong; from now on compare with a checkpoint that was made after it",
		made(e.Checkpoint), e.Checkpoint.Size, e.Kept, e.Checkpoint.Size-e.Kept, e.Event)
}

// losses are what a log tells of losses, and the outside checkpoints that do not fit and that a loss may explain.
type losses struct {
	forked   bool  // a loss was found; the log goes on otherwise after kept events
	kept     int64 // the fewest
	accepted []lost
	odd      []oddCheckpoint
	found    *AcceptedLossError // the first that is explained
}

type oddCheckpoint struct {
	checkpoint Checkpoint
	err        error
}

// note takes over what an event says, and reports whether it accepted a loss.
func (l *losses) note(e event, seq int64) bool {
	if e.Lost == nil || e.Lost.Kept > seq {
		return false
	}
	switch e.Verb {
	case quarantinedVerb:
		if !l.forked || e.Lost.Kept < l.kept {
			l.forked, l.kept = true, e.Lost.Kept
		}
	case acceptedVerb:
		e.Lost.event = seq
		l.accepted = append(l.accepted, *e.Lost)
		return true
	}
	return false
}

// explain keeps an outside checkpoint that does not fit for the end, if a loss may explain it.
func (l *losses) explain(c Checkpoint, err error) bool {
	if !l.forked || c.Size <= l.kept {
		return false
	}
	l.odd = append(l.odd, oddCheckpoint{c, err})
	return true
}

// settle judges at the end what did not fit, and which of the checkpoints of more events than there are belong to a loss; it returns the others.
func (l *losses) settle(longer []Checkpoint) (rest []Checkpoint, err error) {
	for _, o := range l.odd {
		if !l.covered(o.checkpoint) {
			return longer, o.err
		}
	}
	for _, c := range longer {
		if !l.covered(c) {
			rest = append(rest, c)
		}
	}
	return rest, nil
}

func (l *losses) covered(c Checkpoint) bool {
	for i := range l.accepted {
		if a := &l.accepted[i]; a.covers(c) {
			if l.found == nil {
				l.found = &AcceptedLossError{Checkpoint: c, Kept: a.Kept, Event: a.event}
			}
			return true
		}
	}
	return false
}

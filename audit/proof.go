package audit

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// HashReader reads stored hashes by index, one for each that is asked for and in that order; a store is one.
type HashReader = tlog.HashReader

// Inclusion shows that an event is part of a log. It has one hash for each level of the tree and discloses no other event.
type Inclusion struct {
	// Event is the number of the event, from 0.
	Event int64 `json:"event"`
	// Size is the number of events in the log, that of the checkpoint that the proof is checked with.
	Size int64 `json:"size"`
	// Hashes lead from the leaf to the root (RFC 6962 section 2.1.1), in Base64.
	Hashes []Hash `json:"hashes"`
}

// Consistency shows that a log is a beginning of a longer one: between the two nothing was changed, dropped or moved.
type Consistency struct {
	// Old and Size are the numbers of events of both.
	Old  int64 `json:"old"`
	Size int64 `json:"size"`
	// Hashes lead to both roots (RFC 6962 section 2.1.2), in Base64.
	Hashes []Hash `json:"hashes"`
}

// ProveInclusion makes the proof that event n (from 0) is in the log of the first size events. It believes the stored hashes; made from damaged
// ones, the proof fails where it is checked.
func ProveInclusion(n, size int64, r HashReader) (Inclusion, error) {
	if err := checkInclusionSizes(n, size); err != nil {
		return Inclusion{}, err
	}
	hashes, err := tlog.ProveRecord(size, n, r)
	if err != nil {
		return Inclusion{}, fmt.Errorf("prove event %d of %d: %w", n, size, err)
	}
	return Inclusion{Event: n, Size: size, Hashes: hashes}, nil
}

// CheckInclusion reports by a nil error that leaf is event n of the log that c describes.
func CheckInclusion(leaf []byte, n int64, c Checkpoint, p Inclusion) error {
	if p.Event != n || p.Size != c.Size {
		return fmt.Errorf("the proof is of event %d of %d, not of event %d of %d", p.Event, p.Size, n, c.Size)
	}
	if err := checkInclusionSizes(n, c.Size); err != nil {
		return err
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, n, LeafHash(leaf)); err != nil {
		return fmt.Errorf("the proof does not lead from this event %d to the root of the checkpoint of %d events: "+
			"the event, the proof or the checkpoint is another log's: %w", n, c.Size, err)
	}
	return nil
}

func checkInclusionSizes(n, size int64) error {
	if size < 1 || size > maxSize {
		return fmt.Errorf("a log of %d events; a proof is of one with 1 to %d", size, int64(maxSize))
	}
	if n < 0 || n >= size {
		return fmt.Errorf("event %d is not in a log of %d events, which are numbered 0 to %d", n, size, size-1)
	}
	return nil
}

// ProveConsistency makes the proof that the log of the first old events is a beginning of that of the first size. Every log begins with the
// empty one, and for that the proof has no hashes.
func ProveConsistency(old, size int64, r HashReader) (Consistency, error) {
	if old < 0 || size > maxSize || old > size {
		return Consistency{}, fmt.Errorf("a log of %d events is not a beginning of one of %d; sizes are 0 to %d, the older first", old, size, int64(maxSize))
	}
	if old == 0 {
		return Consistency{Size: size, Hashes: []Hash{}}, nil
	}
	hashes, err := tlog.ProveTree(size, old, r)
	if err != nil {
		return Consistency{}, fmt.Errorf("prove that %d events begin %d: %w", old, size, err)
	}
	return Consistency{Old: old, Size: size, Hashes: hashes}, nil
}

// CheckConsistency reports by a nil error that the log that older describes is a beginning of the one that newer does.
func CheckConsistency(older, newer Checkpoint, p Consistency) error {
	for _, c := range []Checkpoint{older, newer} {
		if err := c.check(); err != nil {
			return err
		}
	}
	switch {
	case older.Origin != newer.Origin:
		return fmt.Errorf("checkpoints of two logs, %s and %s, cannot be compared", older.Origin, newer.Origin)
	case older.Size > newer.Size:
		return fmt.Errorf("a log does not shrink: the older checkpoint has %d events and the newer one %d; the log was rolled back, "+
			"or the two are swapped", older.Size, newer.Size)
	case p.Old != older.Size || p.Size != newer.Size:
		return fmt.Errorf("the proof is that %d events begin %d, not that %d begin %d", p.Old, p.Size, older.Size, newer.Size)
	case older.Size == 0:
		if len(p.Hashes) != 0 {
			return errors.New("the proof for an empty log has hashes")
		}
		return nil
	}
	if err := tlog.CheckTree(p.Hashes, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("the log of %d events does not begin with the %d of the older checkpoint: history was rewritten, "+
			"or the proof is another's: %w", newer.Size, older.Size, err)
	}
	return nil
}

package authority

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

const (
	// exportBatch is how many events are read at a time.
	exportBatch = 1000
	// exportCheckpoints is about how many of the kept checkpoints go into an export, spread over the log. Each narrows down where an event was
	// changed; the last alone covers all.
	exportCheckpoints = 1000
)

// Proof shows that an event is in the log.
type Proof struct {
	Leaf       []byte          // the event, byte for byte
	Inclusion  audit.Inclusion // leads from it to the checkpoint
	Checkpoint []byte          // signed
}

// Prove shows that event seq, from 0, is in the log, by the newest checkpoint that covers it; one is signed if need be.
func (a *Authority) Prove(seq int64) (*Proof, error) {
	if seq < 0 || seq >= a.store.EventCount() {
		return nil, gate.Errorf(gate.NotFound, "there is no event %d; the log has events 0 to %d", seq, a.store.EventCount()-1)
	}
	size, signed, err := a.store.LatestCheckpoint()
	if errors.Is(err, gate.NotFound) || err == nil && size <= seq {
		var c audit.Checkpoint
		c, signed, err = a.Checkpoint()
		size = c.Size
	}
	if err != nil {
		return nil, err
	}
	leaves, err := a.store.Leaves(seq, 1)
	if err == nil && len(leaves) == 0 {
		err = gate.Errorf(gate.Internal, "event %d is missing", seq)
	}
	if err != nil {
		return nil, err
	}
	inclusion, err := audit.ProveInclusion(seq, size, a.store)
	if err != nil {
		return nil, err
	}
	return &Proof{Leaf: leaves[0], Inclusion: inclusion, Checkpoint: signed}, nil
}

// ProveSince shows that the log of the first old events is a beginning of that of the newest checkpoint, which it returns signed.
func (a *Authority) ProveSince(old int64) (audit.Consistency, []byte, error) {
	c, signed, err := a.Checkpoint()
	if err != nil {
		return audit.Consistency{}, nil, err
	}
	if old < 0 || old > c.Size {
		return audit.Consistency{}, nil, gate.FieldErrorf("old", "%d is not the size of an earlier log: this one has %d events. "+
			"If you hold a checkpoint of more, the log was rolled back", old, c.Size)
	}
	proof, err := audit.ProveConsistency(old, c.Size, a.store)
	return proof, signed, err
}

// Export writes the whole log, as audit.WriteExport does. An error may come after a part was written, which does not verify.
func (a *Authority) Export(w io.Writer) error {
	c, _, err := a.Checkpoint()
	if err != nil {
		return err
	}
	checkpoints, err := a.spread(c.Size)
	if err != nil {
		return err
	}
	h := audit.Header{Origin: a.store.Origin(), Vkey: a.store.Vkey(), Created: a.moment(), Events: c.Size}
	return audit.WriteExport(w, h, a.leaves(c.Size), checkpoints)
}

// spread picks checkpoints of up to size events, evenly, and that of size.
func (a *Authority) spread(size int64) (picked [][]byte, err error) {
	step, next := max(1, size/exportCheckpoints), int64(0)
	for next <= size {
		batch, err := a.store.Checkpoints(next, 1)
		if err != nil {
			return nil, err
		}
		if len(batch) == 0 {
			break
		}
		c, err := a.store.OpenCheckpoint(batch[0])
		if err != nil {
			return nil, err
		}
		if c.Size > size {
			break // signed since
		}
		picked = append(picked, batch[0])
		next = min(c.Size+step, max(size, c.Size+1))
	}
	return picked, nil
}

// leaves are the first n events.
func (a *Authority) leaves(n int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for from := int64(0); from < n; {
			batch, err := a.store.Leaves(from, int(min(exportBatch, n-from)))
			if err == nil && len(batch) == 0 {
				err = fmt.Errorf("event %d is missing", from)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, leaf := range batch {
				if !yield(leaf, nil) {
					return
				}
			}
			from += int64(len(batch))
		}
	}
}

package certstore

import (
	"fmt"

	"github.com/onerecord/certgate/gate"
)

// Delete stages the end of a record that was read in this transaction by [Belonging]. Nothing is expressed by it: it is for records that no decision can
// need any more. The event that the transaction makes names it, and is the last that does.
func Delete(tx *Tx, r Stored) {
	if tx.err == nil {
		if err := tx.delete(r); err != nil {
			tx.err = fmt.Errorf("delete %s %s: %w", r.Kind, gate.Clip(r.ID, 80), err)
		}
	}
}

func (tx *Tx) delete(r Stored) error {
	if err := tx.writes(r.Kind); err != nil {
		return err
	}
	w := &write{key: recordKey(r.Kind, r.ID), kind: r.Kind, id: r.ID}
	if tx.staged[string(w.key)] != nil {
		return gate.Errorf(gate.Internal, "it is written in the same transaction")
	}
	before, had, err := tx.read(w.key)
	if err != nil {
		return err
	}
	if before == nil {
		return gate.Errorf(gate.NotFound, "there is none")
	}
	w.before, w.had = before, &had
	if err := tx.txn.Delete(w.key); err != nil {
		return tooBig(err)
	}
	tx.staged[string(w.key)] = w
	tx.order = append(tx.order, w)
	return nil
}

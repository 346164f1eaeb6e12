package certstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// Stored is a record as it is stored.
type Stored struct {
	Kind gate.RecordKind
	ID   string
	Body []byte // JSON; its SHA-256 is what events say of it
}

// customerKinds are the kinds of record that belong to an account.
var customerKinds = []gate.RecordKind{
	gate.AccountRecord, gate.OrganizationRecord, gate.DeviceRecord, gate.ContractRecord, gate.CertificationRecord, gate.KeyRecord,
	gate.CertificateRecord, gate.EnrollmentRecord, gate.RemediationRecord, gate.IncidentRecord, gate.RulingRecord, gate.ReviewRecord, gate.NoticeRecord, gate.ReminderRecord, gate.UseRecord, gate.ObservedRecord, gate.SpentRecord,
}

// Belonging iterates over the records of an account, in the order of kinds and identifiers: its own, and each that names it as its account. It
// reads all records of these kinds, so it is for what is rare. It yields an error once, as the last pair. Nothing may be put meanwhile.
func Belonging(tx *Tx, account gate.AccountID) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		for _, kind := range customerKinds {
			if !tx.belonging(kind, account, yield) {
				return
			}
		}
	}
}

func (tx *Tx) belonging(kind gate.RecordKind, account gate.AccountID, yield func(Stored, error) bool) bool {
	prefix, needle := kindPrefix(kind), []byte(`"`+account+`"`)
	it := tx.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if tx.store.closing.Load() {
			return yield(Stored{}, ErrClosed) && false
		}
		item, body := it.Item(), []byte(nil)
		err := item.Value(func(value []byte) error {
			if !bytes.Contains(value, needle) {
				return nil
			}
			text, _, err := tx.store.keys().unwrap(item.Key(), value)
			body = bytes.Clone(text)
			return err
		})
		r := Stored{Kind: kind, ID: string(item.Key()[len(prefix):]), Body: body}
		if err == nil && body != nil {
			var of struct {
				Account gate.AccountID `json:"account"`
			}
			if err = json.Unmarshal(body, &of); kind != gate.AccountRecord && of.Account != account || kind == gate.AccountRecord && r.ID != string(account) {
				body = nil
			}
		}
		if err != nil {
			yield(Stored{}, fmt.Errorf("read %s %s: %w", kind, r.ID, err))
			return false
		}
		if body != nil && !yield(r, nil) {
			return false
		}
	}
	return true
}

// Head is how many events the log has in the cut of a transaction.
func Head(tx *Tx) (events int64, err error) {
	h, err := readHead(tx.txn, tx.store.keys())
	return h.Events, err
}

// Leaves iterates over the first n events of the cut, as the bytes that were hashed; each has been compared with its MAC and with its hash in the
// audit tree. It yields an error once, as the last pair.
func Leaves(tx *Tx, n int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for seq := range n {
			leaf, err := tx.leaf(seq)
			if err == nil && leaf == nil {
				err = gate.Errorf(gate.Internal, "missing")
			}
			if tx.store.closing.Load() {
				err = ErrClosed
			}
			if err != nil {
				yield(nil, fmt.Errorf("read event %d: %w", seq, err))
				return
			}
			if !yield(leaf, nil) {
				return
			}
		}
	}
}

// Leaf is one event of the cut, as Leaves has it.
func Leaf(tx *Tx, seq int64) ([]byte, error) {
	leaf, err := tx.leaf(seq)
	if err == nil && leaf == nil {
		err = gate.Errorf(gate.NotFound, "there is no event %d", seq)
	}
	return leaf, err
}

// Prove shows that event n is in the log of the first size events, from the hashes of the cut.
func Prove(tx *Tx, n, size int64) (audit.Inclusion, error) {
	return audit.ProveInclusion(n, size, cut{tx})
}

// cut makes a transaction an audit.HashReader.
type cut struct{ tx *Tx }

// ReadHashes implements audit.HashReader.
func (c cut) ReadHashes(indexes []int64) ([]audit.Hash, error) {
	hashes := make([]audit.Hash, 0, len(indexes))
	for _, i := range indexes {
		hash, err := c.tx.hash(i)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

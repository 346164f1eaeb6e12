package usage

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// known is which patients an account has named lately, so that new ones can be told. Two sketches overlap: each is begun 30 days after the
// other under a key of its own and lasts 60 days. What the older one has not seen the account has not named for 30 days at least.
type known struct {
	account        gate.AccountID
	generation     int64 // of the younger one: the number of its first 30 days since 1970
	older, younger sketch
	keys           [2]cipher.Block
	changed        bool
	in, out        [16]byte
}

const generationDays = 30

// knownTo reads what an account knows on a day.
func (s *Store) knownTo(account gate.AccountID, day int32) (*known, error) {
	k := &known{account: account}
	err := s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(keyOf(knownTo, gate.DeviceID(account), 0))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return item.Value(k.decode)
	})
	if err != nil {
		return nil, fmt.Errorf("read which patients %s has named: %w", account, err)
	}
	k.turn(int64(day) / generationDays)
	k.keys = [2]cipher.Block{s.Meter.keys.of("known", k.generation-1), s.Meter.keys.of("known", k.generation)}
	return k, nil
}

// turn goes over to a generation. A clock that was set back does not take back one; one that had jumped far ahead begins anew.
func (k *known) turn(to int64) {
	switch k.generation - to {
	case 0, 1:
	case -1:
		k.generation, k.older, k.younger = to, k.younger, sketch{}
	default:
		k.generation, k.older, k.younger = to, sketch{}, sketch{}
	}
}

// see shows it patients and returns how many of them are new.
func (k *known) see(named []Patient) (fresh float64) {
	for i := range named {
		k.in = named[i]
		for n, sketch := range []*sketch{&k.older, &k.younger} {
			k.keys[n].Encrypt(k.out[:], k.in[:])
			novel := sketch.add(binary.BigEndian.Uint64(k.out[:]))
			k.changed = k.changed || novel > 0
			if n == 0 {
				fresh += novel
			}
		}
	}
	return fresh
}

func (k *known) encode() []byte {
	return k.younger.append(k.older.append(binary.AppendVarint([]byte{1}, k.generation)))
}

func (k *known) decode(value []byte) error {
	if len(value) == 0 || value[0] != 1 {
		return fmt.Errorf("%w: not of version 1", errBucket)
	}
	d := decoder{rest: value[1:]}
	k.generation, k.older, k.younger = d.number(), d.sketch(), d.sketch()
	return d.err
}

// put writes it, if it has changed.
func (k *known) put(batch *badger.WriteBatch) error {
	if k == nil || !k.changed {
		return nil
	}
	return batch.Set(keyOf(knownTo, gate.DeviceID(k.account), 0), k.encode())
}

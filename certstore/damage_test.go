package certstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// tamper changes what lies in a closed store as somebody could who has its secret's Badger key but goes past the store: Badger's own
// checksums are right afterwards.
func tamper(t *testing.T, dir string, f func(*tampering)) {
	t.Helper()
	s, err := newStore(testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	db, err := badger.Open(s.badgerOptions(filepath.Join(dir, storeName)))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(txn *badger.Txn) error {
		f(&tampering{t, s.keys(), txn})
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

type tampering struct {
	t    *testing.T
	keys *keyring
	txn  *badger.Txn
}

func (x *tampering) get(key []byte) []byte {
	x.t.Helper()
	item, err := x.txn.Get(key)
	if err != nil {
		x.t.Fatal(err)
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		x.t.Fatal(err)
	}
	return value
}

func (x *tampering) set(key, value []byte) {
	x.t.Helper()
	if err := x.txn.Set(key, value); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tampering) drop(key []byte) {
	x.t.Helper()
	if err := x.txn.Delete(key); err != nil {
		x.t.Fatal(err)
	}
}

func dataKey(t *testing.T, dir string) []byte {
	t.Helper()
	s, err := newStore(testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	registry, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: filepath.Join(dir, storeName), ReadOnly: true, EncryptionKey: s.keys().badger})
	if err != nil {
		t.Fatal(err)
	}
	key, err := registry.DataKey(1)
	if err != nil {
		t.Fatal(err)
	}
	return key.GetData()
}

// story is a closed store with a history: events 0 to 4, a key that was revoked by event 3, a notice whose delivery was noted twice, and a
// mark. early holds the raw values as they were after event 2.
func story(t *testing.T) (dir string, early map[string][]byte) {
	t.Helper()
	dir = made(t)
	s := openIn(t, dir)
	w := newWorld(1)
	notice := &gate.Notice{ID: "not_1", Account: w.account.ID, Subject: "first", CreatedAt: dawn}
	update(t, s, notice)
	w.account.Name = "Acme Health"
	update(t, s, w.account)
	bookkeep(t, s, &gate.Mark{ID: "m1", Object: "first"})
	early = raw(t, s)
	revoked, err := w.key.Revoke(gate.Revocation{At: dawn, By: "stf_ben", Why: "a leak"})
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, &revoked)
	update(t, s, newWorld(2).account)
	notice.TakenAt = &dawn
	bookkeep(t, s, notice)
	bookkeep(t, s, &gate.Mark{ID: "m1", Object: "second"})
	closeStore(t, s)
	return dir, early
}

func bookkeep(t *testing.T, s *Store, r gate.Record) {
	t.Helper()
	if err := s.Bookkeep(func(tx *Tx) error { Put(tx, r); return nil }); err != nil {
		t.Fatal(err)
	}
}

// raw copies everything that lies in a store.
func raw(t *testing.T, s *Store) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			all[string(it.Item().Key())] = value
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatWasTamperedWithIsNamed(t *testing.T) {
	w := newWorld(1)
	key := recordKey(gate.KeyRecord, string(w.key.ID))
	notice, mark := recordKey(gate.NoticeRecord, "not_1"), recordKey(gate.MarkRecord, "m1")
	dir, early := story(t)
	rows := []struct {
		name   string
		tamper func(*tampering)
		want   string
	}{
		{"a flipped record", func(x *tampering) {
			x.set(key, bytes.Replace(x.get(key), []byte(`"revoked"`), []byte(`"unvoked"`), 1))
		}, "key " + string(w.key.ID) + ": its MAC does not fit"},
		{"a record moved to another's place", func(x *tampering) {
			x.set(recordKey(gate.KeyRecord, "key_other"), x.get(key))
		}, "key key_other: its MAC does not fit"},
		{"a record cut off", func(x *tampering) { x.set(key, x.get(key)[:20]) }, "key " + string(w.key.ID) + ": it has 20 bytes"},
		{"a dropped record", func(x *tampering) { x.drop(key) }, "key " + string(w.key.ID) + ": missing; event 3 wrote it"},
		{"a record rolled back to before it was revoked", func(x *tampering) {
			x.set(key, early[string(key)])
		}, "key " + string(w.key.ID) + ": not as event 3 left it"},
		{"a dropped notice", func(x *tampering) { x.drop(notice) }, "notice not_1: missing; event 1 wrote it"},
		{"a notice rolled back", func(x *tampering) { x.set(notice, early[string(notice)]) }, "kind notice: the 1 records are not those of the head"},
		{"a dropped mark", func(x *tampering) { x.drop(mark) }, "kind mark: 0 records, and the head counts 1"},
		{"a mark rolled back", func(x *tampering) { x.set(mark, early[string(mark)]) }, "kind mark: the 1 records are not those of the head"},
		{"a record that no event wrote", func(x *tampering) {
			host := recordKey(gate.HostRecord, "evil.example.com")
			x.set(host, x.keys.wrap(host, []byte(`{"name":"evil.example.com","strictest":"sandbox"}`)))
		}, "host evil.example.com: there, but no event wrote it"},
		{"a record of a newer form", func(x *tampering) {
			value := x.get(key)
			value[0] = 2
			m := x.keys.mac(key, 2, value[overhead:])
			copy(value[1:], m[:])
			x.set(key, value)
		}, "it was written by a newer certgate"},
		{"two things at once", func(x *tampering) { x.drop(key); x.drop(notice) }, "key " + string(w.key.ID) + ": missing; event 3 wrote it; notice not_1: missing"},
		{"a flipped event", func(x *tampering) {
			x.set(eventKey(2), bytes.Replace(x.get(eventKey(2)), []byte("fixture"), []byte("fixturE"), 1))
		}, "event 2: its MAC does not fit"},
		{"an event in another's place", func(x *tampering) { x.set(eventKey(2), x.get(eventKey(1))) }, "event 2: its MAC does not fit"},
		{"a dropped event", func(x *tampering) { x.drop(eventKey(2)) }, "event 2: missing"},
		{"the last event dropped", func(x *tampering) { x.drop(eventKey(4)) }, "event 4: missing; the log holds 4 events and its head says 5"},
		{"an event rewritten by who has the secret", func(x *tampering) {
			leaf, _, _ := x.keys.unwrap(eventKey(2), x.get(eventKey(2)))
			leaf = bytes.Replace(leaf, []byte("fixture"), []byte("fixturE"), 1)
			x.set(eventKey(2), x.keys.wrap(eventKey(2), leaf))
		}, "event 2: its hash is "},
		{"an event more", func(x *tampering) {
			x.set(eventKey(5), x.keys.wrap(eventKey(5), []byte(`{"seq":5,"changes":[]}`)))
		}, "event 5: 0 hashes are stored with it"},
		{"a changed hash", func(x *tampering) {
			x.set(hashKey(audit.StoredCount(3)), make([]byte, 32))
		}, "event 3: its hash is "},
		{"a dropped hash", func(x *tampering) { x.drop(hashKey(audit.StoredCount(3))) }, "event 3: 0 hashes are stored with it instead of 3"},
		{"a cut hash", func(x *tampering) { x.set(hashKey(0), []byte{1}) }, "event 0: its hashes: stored hash 0 has 1 bytes"},
		{"hashes of no event", func(x *tampering) { x.set(hashKey(99), make([]byte, 32)) }, "stored hash 99 belongs to no event"},
		{"a flipped head", func(x *tampering) {
			x.set([]byte(headKey), bytes.Replace(x.get([]byte(headKey)), []byte(`"events":5`), []byte(`"events":4`), 1))
		}, "the head: its MAC does not fit"},
		{"a dropped head", func(x *tampering) { x.drop([]byte(headKey)) }, "the head is missing"},
		{"a head rolled back", func(x *tampering) { x.set([]byte(headKey), early[headKey]) }, "event 3: not covered by the head"},
		{"everything rolled back", func(x *tampering) {
			for k, v := range early {
				x.set([]byte(k), v)
			}
			x.drop(recordKey(gate.AccountRecord, string(newWorld(2).account.ID)))
			for _, k := range [][]byte{eventKey(3), eventKey(4), hashKey(4), hashKey(5), hashKey(6), hashKey(7)} {
				x.drop(k)
			}
		}, "it holds 4 commits and there were 8"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			bad := t.TempDir()
			if err := os.CopyFS(bad, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			tamper(t, bad, row.tamper)
			if err := refused(t, bad, ErrDamaged); !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %q, want %q in it", err, row.want)
			}
		})
	}
}

func TestAnErrorNamesAHandfulAtMost(t *testing.T) {
	dir := made(t)
	s := openIn(t, dir)
	w := newWorld(1)
	for n := range 40 {
		update(t, s, newDevice(w, 10+n))
	}
	closeStore(t, s)
	tamper(t, dir, func(x *tampering) {
		for n := range 40 {
			x.drop(recordKey(gate.DeviceRecord, fixedID(gate.DevicePrefix, 10+n)))
		}
	})
	err := refused(t, dir, ErrDamaged)
	if n := strings.Count(err.Error(), ": missing;"); n != maxNamed || !strings.Contains(err.Error(), fmt.Sprintf("and %d more", 40-maxNamed)) {
		t.Errorf("%d named: %v", n, err)
	}
}

func TestATamperedRecordIsNotReadEither(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	key := recordKey(gate.AccountRecord, string(w.account.ID))
	if err := s.db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err != nil {
			return err
		}
		value, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		if err := txn.Set(eventKey(1), value); err != nil {
			return err
		}
		return txn.Set(key, bytes.Replace(value, []byte("Acme"), []byte("Evil"), 1))
	}); err != nil {
		t.Fatal(err)
	}
	err := s.View(func(tx *Tx) error {
		_, err := Get[gate.Account](tx, string(w.account.ID))
		return err
	})
	if !errors.Is(err, errMAC) || !strings.Contains(err.Error(), string(w.account.ID)) {
		t.Errorf("reading the record: %v", err)
	}
	if _, err := s.Events(0, 10); !errors.Is(err, errMAC) || !strings.Contains(err.Error(), "event 1") {
		t.Errorf("reading the events: %v", err)
	}
	w.account.Name = "Acme Health"
	if _, err := tryUpdate(s, w.account); !errors.Is(err, errMAC) {
		t.Errorf("writing over it: %v", err)
	}
}

func TestAMissingTimeZoneIsNotDamage(t *testing.T) {
	dir := made(t)
	o := testOptions(dir)
	o.Zones = func(name string) (*time.Location, error) { return nil, errors.New("unknown time zone " + name) }
	_, err := Open(o)
	if err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "America/New_York") || !strings.Contains(err.Error(), "tzdata") {
		t.Errorf("error %v", err)
	}
}

package usage

import (
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

type silent struct{}

func (silent) Errorf(string, ...any)   {}
func (silent) Warningf(string, ...any) {}
func (silent) Infof(string, ...any)    {}
func (silent) Debugf(string, ...any)   {}

// A write that fails while certgate runs loses nothing: the next one that succeeds writes all, once.
func TestWhatCannotBeWrittenIsHeldAndWrittenLater(t *testing.T) {
	now := time.Date(2027, time.March, 1, 12, 0, 0, 0, time.UTC)
	s, err := Open(Options{Dir: t.TempDir(), Key: make([]byte, 32), Now: now, Log: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	broken, err := badger.Open(badger.DefaultOptions("").WithInMemory(true).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	key := Key{Behavior: "b", Outcome: Succeeded}
	whole := s.db
	for i := range 5 {
		s.Meter.Count(now, "dev_1", &Call{Key: key}, &Shown{Account: "acc_1", Patients: []Patient{{1}, {byte(i)}}})
		s.db = broken
		if err := s.Flush(now, []Note{{Key: "a", Value: []byte{byte(i)}}}); err == nil {
			t.Fatal("written to a database that is closed")
		}
		if err := s.FlushSeen(); err == nil {
			t.Fatal("written to a database that is closed")
		}
		s.db = whole
	}
	for range 2 {
		if err := s.Flush(now, []Note{{Key: "a", Value: []byte{9}}}); err != nil {
			t.Fatal(err)
		}
		if err := s.FlushSeen(); err != nil {
			t.Fatal(err)
		}
	}
	calls := int64(0)
	err = s.Hours("dev_1", now, now.Add(time.Hour), func(h *Hour) error {
		calls += h.Cells[0].Calls
		if h.Patients != 5 || h.FirstSeen != 5 {
			t.Errorf("%d patients, %d of them new", h.Patients, h.FirstSeen)
		}
		return nil
	})
	if err != nil || calls != 5 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

package usage

import (
	"fmt"
	"runtime"
	"testing"
)

// notedBound is how many bytes are kept of a note on disk: what was used of a limit.
const notedBound = 48

func TestWhatIsKeptOfANoteIsSmallAndGoesWithIt(t *testing.T) {
	const n = 20_000
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	notes := make([]Note, n)
	for i := range notes {
		notes[i] = Note{Key: fmt.Sprintf("acc_%026d\x00dev_%026d\x00day", i, i), Value: []byte("used")}
	}
	fresh, err := s.putNotes(batch, notes)
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	s.notes.take(fresh)
	if each := (heap() - before) / n; each > notedBound || len(s.notes) != n {
		t.Errorf("%.0f bytes of each of %d", each, len(s.notes))
	}
	if again, err := s.putNotes(batch, notes); err != nil || len(again) != 0 {
		t.Errorf("%d notes that did not change are written again: %v", len(again), err)
	}
	for i := range notes {
		notes[i].Value = nil
	}
	if fresh, err = s.putNotes(batch, notes); err != nil {
		t.Fatal(err)
	}
	if s.notes.take(fresh); len(s.notes) != 0 {
		t.Errorf("%d notes that are gone are kept", len(s.notes))
	}
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

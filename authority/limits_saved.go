package authority

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/ratelimit"
	"github.com/onerecord/certgate/usage"
)

// savedLimits are what was used of limits, on its way to the disk: it is written with usage, within each second, or every saveSlowly where more than
// manySaved limits are in use. A process that is killed forgets what was used since then, and so lets through at most what passes in that
// time beyond a quota.
type savedLimits struct {
	writing  sync.Mutex // held from when notes are made until they are written: an older one must not be written after a newer one
	mu       sync.Mutex
	patients map[string]bool // guarded by mu; keys of the notes on disk that hold patients
	gone     []string        // guarded by mu; keys of notes that were found on disk and are of no use
	next     time.Time       // guarded by mu; when limits are written again
}

const (
	manySaved  = 5_000
	saveSlowly = 5 * time.Second
	// Patients of a limit lie in one note, or, where they are many, in patientParts by their hash, so that one more changes a small part.
	manyPatients = 4_096
	patientParts = 256
)

// hurry has the next notes not wait.
func (s *savedLimits) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = time.Time{}
}

// notes are what has to be written now. The notes of limits that need not be remembered any more are taken away.
func (s *savedLimits) notes(book *ratelimit.Book, now time.Time) (list []usage.Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.next) && s.next.Sub(now) <= saveSlowly {
		return nil
	}
	patients := make(map[string]bool)
	book.Save(now, func(saved *ratelimit.Saved) {
		if saved.Gone() {
			s.gone = append(s.gone, noteKey(saved))
			return
		}
		for i, n := range notesOf(saved) {
			list = append(list, n)
			if i > 0 {
				patients[n.Key] = true
			}
		}
	})
	s.next = now
	if len(list) > manySaved {
		s.next = now.Add(saveSlowly)
	}
	for key := range s.patients {
		if !patients[key] {
			s.gone = append(s.gone, key)
		}
	}
	all := make([]usage.Note, 0, len(s.gone)+len(list)) // what is gone first: it may be in use again
	for _, key := range s.gone {
		all = append(all, usage.Note{Key: key})
	}
	s.patients, s.gone = patients, nil
	return append(all, list...)
}

// unwritten takes back notes that could not be written. What is used is told whole each time, but what is gone only once: it would come back at the
// next start.
func (s *savedLimits) unwritten(list []usage.Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		if list[i].Value == nil {
			s.gone = append(s.gone, list[i].Key)
		}
	}
}

func noteKey(saved *ratelimit.Saved) string {
	return string(saved.Account) + "\x00" + saved.Subject + "\x00" + saved.Limit
}

// notesOf are the notes of one limit: what it is and what was used, and beside it the patients.
func notesOf(saved *ratelimit.Saved) []usage.Note {
	head := *saved
	head.Patients = nil
	value, err := json.Marshal(&head)
	if err != nil { // cannot happen: strings, numbers and times
		return nil
	}
	key := noteKey(saved)
	list := []usage.Note{{Key: key, Value: value}}
	if len(saved.Patients) == 0 {
		return list
	}
	parts := 1
	if len(saved.Patients) > manyPatients {
		parts = patientParts
	}
	values := make([][]byte, parts)
	for _, id := range slices.Sorted(slices.Values(saved.Patients)) {
		values[id%uint64(parts)] = binary.BigEndian.AppendUint64(values[id%uint64(parts)], id)
	}
	for i, v := range values {
		if v != nil {
			list = append(list, usage.Note{Key: key + "\x00" + strconv.Itoa(i), Value: v})
		}
	}
	return list
}

// restoreLimits takes back what was used before the start.
func (a *Authority) restoreLimits() error {
	a.saved.patients = make(map[string]bool)
	saved := make(map[string]*ratelimit.Saved)
	patients := make(map[string][]uint64)
	err := a.usage.Notes(func(n usage.Note) error {
		if i := strings.LastIndexByte(n.Key, 0); strings.Count(n.Key, "\x00") == 3 {
			a.saved.patients[n.Key] = true
			for v := n.Value; len(v) >= 8; v = v[8:] {
				patients[n.Key[:i]] = append(patients[n.Key[:i]], binary.BigEndian.Uint64(v))
			}
			return nil
		}
		s := new(ratelimit.Saved)
		if err := json.Unmarshal(n.Value, s); err != nil {
			a.log.Error("what was used of a limit cannot be read; it counts from nothing", zap.Strings("limit", strings.Split(n.Key, "\x00")), zap.Error(err))
			a.saved.gone = append(a.saved.gone, n.Key)
			return nil
		}
		saved[n.Key] = s
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what was used of limits: %w", err)
	}
	now := a.now()
	for _, key := range slices.Sorted(maps.Keys(saved)) {
		if !now.Before(saved[key].Until) {
			a.saved.gone = append(a.saved.gone, key)
			continue
		}
		saved[key].Patients = patients[key]
		a.limits.Restore(now, saved[key])
	}
	return nil
}

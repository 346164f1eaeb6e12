package ratelimit

import (
	"iter"
	"time"
)

// subject is what an account, an organization or a device has used of its limits.
type subject struct {
	next     *subject
	id       string
	holdings *holding
	rules    *rules // of callers of which it is the narrowest subject
	// waiting is what was saved before, until a call asks for it: limits come to be when they are first used.
	waiting *waiting
}

// waiting is what was used of a limit before the start.
type waiting struct {
	next *waiting
	*Saved
}

// rulesOf are those for a call; nil if there are none yet under its plan.
func (s *subject) rulesOf(who *Caller) *rules {
	if s == nil {
		return nil
	}
	for r := s.rules; r != nil; r = r.next {
		if r.behavior == who.Behavior {
			if r.plan != who.Plan {
				return nil
			}
			return r
		}
	}
	return nil
}

// keep puts rules in the place of those that the behavior had.
func (s *subject) keep(r *rules) {
	for at := &s.rules; *at != nil; at = &(*at).next {
		if (*at).behavior == r.behavior {
			*at = (*at).next
			break
		}
	}
	r.next, s.rules = s.rules, r
}

func (s *subject) holding(limit string) *holding {
	for h := s.holdings; h != nil; h = h.next {
		if h.name == limit {
			return h
		}
	}
	return nil
}

// awaits reports whether something was saved of the limit and has not been asked for.
func (s *subject) awaits(limit string) bool {
	for w := s.waiting; w != nil; w = w.next {
		if w.Limit == limit {
			return true
		}
	}
	return false
}

// await takes what was saved of the limit; nil if nothing was.
func (s *subject) await(limit string) *Saved {
	for at := &s.waiting; *at != nil; at = &(*at).next {
		if w := *at; w.Limit == limit {
			*at = w.next
			return w.Saved
		}
	}
	return nil
}

// sweep forgets limiters that have nothing to remember, and reports whether there was one. What is kept of a limit elsewhere is told to be gone
// first, by [Book.Save].
func (s *subject) sweep(now time.Time) (forgotten bool) {
	for at := &s.holdings; *at != nil; {
		if h := *at; h.idle(now) && !h.kept {
			*at, forgotten = h.next, true
		} else {
			at = &h.next
		}
	}
	return forgotten
}

func (s *subject) empty() bool { return s.holdings == nil && s.waiting == nil }

// subjects are those of one account. The zero value is none.
type subjects struct {
	first *subject
	index map[string]*subject // the same by identifier, once they are many
}

// fewSubjects is how many are found faster, and in less memory, by walking.
const fewSubjects = 8

// all walks them. None may be made or taken away meanwhile.
func (l *subjects) all() iter.Seq[*subject] {
	return func(yield func(*subject) bool) {
		for s := l.first; s != nil; s = s.next {
			if !yield(s) {
				return
			}
		}
	}
}

// find is nil if there is no such subject.
func (l *subjects) find(id string) *subject {
	if l.index != nil {
		return l.index[id]
	}
	for s := l.first; s != nil; s = s.next {
		if s.id == id {
			return s
		}
	}
	return nil
}

// make finds a subject or makes it.
func (l *subjects) make(id string) *subject {
	if s := l.find(id); s != nil {
		return s
	}
	s := &subject{next: l.first, id: id}
	l.first = s
	if l.index != nil {
		l.index[id] = s
	} else {
		l.reindex()
	}
	return s
}

// reindex makes the index if there are many, and drops it if not.
func (l *subjects) reindex() {
	count := 0
	for range l.all() {
		count++
	}
	l.index = nil
	if count <= fewSubjects {
		return
	}
	l.index = make(map[string]*subject, count)
	for s := range l.all() {
		l.index[s.id] = s
	}
}

// tidy forgets subjects that have nothing left, and reports whether none has.
func (l *subjects) tidy() bool {
	removed := false
	for at := &l.first; *at != nil; {
		if s := *at; s.empty() {
			*at, removed = s.next, true
		} else {
			at = &s.next
		}
	}
	if removed && l.index != nil {
		l.reindex()
	}
	return l.first == nil
}

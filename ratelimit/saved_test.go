package ratelimit_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/ratelimit"
)

// What was saved of a limit is told to be gone once, however often the book is swept before; a limiter of which nothing was saved is just forgotten.
func TestWhatNeedNotBeRememberedIsToldOnce(t *testing.T) {
	saves := func(b *ratelimit.Book, now time.Time) (kept, gone int) {
		b.Save(now, func(s *ratelimit.Saved) {
			if s.Gone() {
				gone++
			} else {
				kept++
			}
		})
		return kept, gone
	}
	var b, restored ratelimit.Book
	takes(&b, caller(plan(t, "rate 10", "day 10")), morning)
	b.Save(morning, func(s *ratelimit.Saved) { restored.Restore(morning, s) })
	for name, book := range map[string]*ratelimit.Book{"used": &b, "restored": &restored} {
		for i, row := range []struct {
			after      time.Duration
			kept, gone int
		}{{0, 2, 0}, {time.Minute, 1, 1}, {time.Minute, 1, 0}, {80 * time.Hour, 0, 1}, {80 * time.Hour, 0, 0}} {
			now := morning.Add(row.after)
			if name == "used" {
				book.Sweep(now)
			}
			if kept, gone := saves(book, now); kept != row.kept || gone != row.gone {
				t.Errorf("%s, row %d: %d kept and %d gone, want %d and %d", name, i, kept, gone, row.kept, row.gone)
			}
		}
		if book.Sweep(morning.Add(80 * time.Hour)); book.Len() != 0 {
			t.Errorf("%s: %d accounts are held that use nothing", name, book.Len())
		}
	}
}

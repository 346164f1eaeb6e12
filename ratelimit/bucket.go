package ratelimit

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/onerecord/certgate/gate"
)

// bucket is a token bucket: it fills steadily, and what a call costs is taken out.
type bucket struct {
	tokens   *rate.Limiter
	capacity int64
	last     int64 // when something was taken, in Unix nanoseconds
	// sure is at most what was there when something was last taken, and so at most what there is at any time. While it suffices, which it does for
	// nearly every call of a customer within its limits, the limiter need not be asked before something is taken from it.
	sure float64
}

// skew is by how much calls that come at the same time may have read the clock in another order than they are asked about.
const skew = time.Second

// at is what there is at now. The limiter counts from when something was last taken, and would wait for that time where the clock was set
// back behind it; it then goes on from now with what there was.
func (b *bucket) at(now time.Time) float64 {
	if b.last-now.UnixNano() > int64(skew) {
		used := float64(b.capacity) - b.tokens.TokensAt(time.Unix(0, b.last))
		b.tokens = rate.NewLimiter(b.tokens.Limit(), int(b.capacity))
		b.use(now, used)
	}
	return b.tokens.TokensAt(now)
}

func newBucket(l *gate.Limit) *bucket {
	return &bucket{tokens: rate.NewLimiter(speed(l), int(l.Capacity())), capacity: l.Capacity()}
}

func speed(l *gate.Limit) rate.Limit { return rate.Limit(float64(l.Amount) / float64(l.Window())) }

// cost is what the call takes: never more than there can be, or it could never pass.
func (b *bucket) cost(c *Call) float64 { return float64(min(c.Cost, b.capacity)) }

func (b *bucket) ask(c *Call) (time.Duration, bool) {
	cost := b.cost(c)
	if cost <= b.sure {
		return 0, true
	}
	missing := cost - b.at(c.Now)
	if missing <= 0 {
		return 0, true
	}
	return b.fill(missing), false
}

// fill is how long the bucket takes to gain so many units.
func (b *bucket) fill(units float64) time.Duration {
	return time.Duration(math.Ceil(units / float64(b.tokens.Limit()) * float64(time.Second)))
}

func (b *bucket) spend(c *Call) {
	cost, now := b.cost(c), c.Now
	if behind := b.last - now.UnixNano(); behind > 0 && behind <= int64(skew) {
		now = time.Unix(0, b.last) // or the limiter would count from before, and what flowed in since would flow in again
	}
	b.tokens.AllowN(now, int(cost))
	b.last = now.UnixNano()
	if b.sure -= cost; b.sure < 0 {
		b.sure = b.tokens.TokensAt(now)
	}
}

func (b *bucket) adopt(l *gate.Limit, _ *time.Location, now time.Time) {
	used := float64(b.capacity) - b.at(now)
	b.tokens, b.capacity = rate.NewLimiter(speed(l), int(l.Capacity())), l.Capacity()
	b.use(now, used)
}

// use takes units out of a full bucket.
func (b *bucket) use(now time.Time, units float64) {
	b.tokens.AllowN(now, int(math.Ceil(min(max(units, 0), float64(b.capacity)))))
	b.last, b.sure = now.UnixNano(), 0
}

func (b *bucket) left(now time.Time) (int64, time.Duration) {
	tokens := b.at(now)
	whole := math.Floor(tokens)
	if whole >= float64(b.capacity) {
		return b.capacity, 0
	}
	return int64(max(whole, 0)), b.fill(whole + 1 - tokens)
}

func (b *bucket) idle(now time.Time) bool { return b.at(now) >= float64(b.capacity) }

func (b *bucket) save(now time.Time, s *Saved) {
	s.Used = int64(math.Ceil(float64(b.capacity) - b.at(now)))
	s.Until = now.Add(b.fill(float64(s.Used)))
}

// restore counts what has flowed back while nobody was there.
func (b *bucket) restore(now time.Time, s *Saved) {
	b.use(now, min(float64(s.Used), s.Until.Sub(now).Seconds()*float64(b.tokens.Limit())))
}

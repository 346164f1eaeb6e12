package authority

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// CloseAfter is how long a call may take to end after it was canceled; then its connection is closed. A write to a client that
// does not read ignores every context, and a proxy may be told to outlive the client.
const CloseAfter = 10 * time.Second

// ErrRevoked is the cause with which a call in flight is canceled.
var ErrRevoked = errors.New("the call is no longer allowed")

// flights holds the calls in flight: a list that a call enters and leaves in constant time.
type flights struct {
	mu    sync.Mutex
	first *Call // guarded by mu, as are the flight fields of every call in the list
	count int
}

// flight is a call's place in the list.
type flight struct {
	previous, next *Call
	listed         bool
	cancel         func(error)
	closer         io.Closer
	canceledAt     time.Time // zero: still allowed
}

func (f *flights) add(c *Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.next = f.first
	if f.first != nil {
		f.first.previous = c
	}
	f.first, c.listed = c, true
	f.count++
}

func (f *flights) remove(c *Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !c.listed {
		return
	}
	if c.previous != nil {
		c.previous.next = c.next
	} else {
		f.first = c.next
	}
	if c.next != nil {
		c.next.previous = c.previous
	}
	c.listed = false
	f.count--
}

func (f *flights) guard(c *Call, cancel func(error), closer io.Closer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.cancel, c.closer = cancel, closer
	if !c.canceledAt.IsZero() && cancel != nil {
		cancel(ErrRevoked) // refused between Check and Guard
	}
}

// Len is the number of calls in flight.
func (f *flights) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// perDevice counts the calls in flight that may still go on.
func (f *flights) perDevice() map[gate.DeviceID]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := make(map[gate.DeviceID]int)
	for c := f.first; c != nil; c = c.next {
		if c.canceledAt.IsZero() && c.Caller.Device != nil {
			counts[c.Caller.Device.ID]++
		}
	}
	return counts
}

// sweep judges every call in flight again, cancels those that would now be refused, and closes the connections of those that were
// canceled and did not end.
func (f *flights) sweep(dir *certstore.Directory, now time.Time) {
	for _, closer := range f.judge(dir, now) {
		go closer.Close() //nolint:errcheck // closing a TLS connection may wait for its peer, and nobody waits for that
	}
}

func (f *flights) judge(dir *certstore.Directory, now time.Time) (stuck []io.Closer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := f.first; c != nil; c = c.next {
		if !c.canceledAt.IsZero() {
			if c.closer != nil && now.Sub(c.canceledAt) >= CloseAfter {
				stuck = append(stuck, c.closer)
				c.closer = nil
			}
			continue
		}
		if reason := c.judgeAgain(dir, now); reason != gate.Allowed {
			c.canceledAt = now
			if c.cancel != nil {
				c.cancel(fmt.Errorf("%w: %s", ErrRevoked, reason))
			}
		}
	}
	return stuck
}

// endSoon ends the calls that are left when nobody will judge them any more.
func (f *flights) endSoon() {
	if f.len() == 0 {
		return
	}
	time.AfterFunc(CloseAfter, func() {
		f.cancelAll()
		time.AfterFunc(CloseAfter, f.closeAll)
	})
}

func (f *flights) cancelAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := f.first; c != nil; c = c.next {
		if c.cancel != nil {
			c.cancel(fmt.Errorf("%w: certgate was stopped", ErrRevoked))
		}
	}
}

func (f *flights) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := f.first; c != nil; c = c.next {
		if c.closer != nil {
			go c.closer.Close() //nolint:errcheck // as in sweep
			c.closer = nil
		}
	}
}

// judgeAgain decides on the records as they are now. The key was proven when the call began; its record is found again by handle.
func (c *Call) judgeAgain(dir *certstore.Directory, now time.Time) gate.Reason {
	var caller gate.Caller
	dir.Caller(&c.probe, &caller)
	caller.KeyProven = caller.Key != nil && c.Caller.Key != nil && caller.Key.ID == c.Caller.Key.ID
	d := gate.Decide(&c.Request, &caller, now)
	return d.Reason
}

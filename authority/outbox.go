package authority

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

const (
	// atOnce bounds the attempts that run at the same time on one channel, so that one slow receiver holds up no other.
	atOnce = 4
	// holdOff is the pause before an attempt is repeated whose outcome could not be written down. Without it a full disk would make a
	// mail loop.
	holdOff = time.Minute
)

// outbox holds the notices to which something may still happen. The records in the store are the truth, and it is filled from them at the
// start; it spares reading all of them every second.
type outbox struct {
	wake chan struct{} // holds one token
	done chan struct{} // closed when nothing is being sent any more

	mu      sync.Mutex
	open    map[gate.NoticeID]*gate.Notice // guarded by mu
	settled map[gate.NoticeState]int       // guarded by mu; how many are not open
	busy    map[errand]bool                // guarded by mu; being sent
	held    map[errand]time.Time           // guarded by mu; not to be sent before
	stale   bool                           // guarded by mu; a commit failed, and may be on disk all the same

	sending sync.WaitGroup
	config  *Config // whose channels were compared last; of the outbox's own goroutine alone
}

// errand is one notice to be sent over one channel.
type errand struct {
	notice  gate.NoticeID
	channel string
}

func (b *outbox) init() {
	b.wake, b.done = make(chan struct{}, 1), make(chan struct{})
	b.busy, b.held = make(map[errand]bool), make(map[errand]time.Time)
}

// wakeUp makes the outbox look for what is due. It never waits.
func (b *outbox) wakeUp() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// runOutbox sends what is due whenever it is woken, by the job each second and by each attempt that has ended, until ctx ends.
func (a *Authority) runOutbox(ctx context.Context) {
	b := &a.outbox
	defer close(b.done)
	defer b.sending.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		a.dispatch(ctx)
	}
}

func (a *Authority) dispatch(ctx context.Context) {
	c := a.current()
	if c == nil {
		return
	}
	b := &a.outbox
	if b.isStale() {
		if err := a.loadOutbox(); err != nil {
			a.log.Error("the notices could not be read again; those of a failed commit may wait", zap.Error(err))
		}
	}
	if b.config != c {
		a.forgetWebhooks(c)
		b.config = c
	}
	var after time.Time // while the store is quarantined, what it believes is owed may have been sent long ago
	if l := a.quarantine.Load(); l != nil {
		after = l.FoundAt
	}
	for _, e := range b.take(c.channels(), after, a.now()) {
		b.sending.Go(func() { a.run(ctx, c, e) })
	}
}

// take picks what is to be sent now of what was not made before after, the oldest first, and marks it busy.
func (b *outbox) take(channels []string, after, now time.Time) (errands []errand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	running := make(map[string]int)
	for e := range b.busy {
		running[e.channel]++
	}
	for _, id := range slices.Sorted(maps.Keys(b.open)) {
		n := b.open[id]
		if n.CreatedAt.Before(after) {
			continue
		}
		for _, channel := range channels {
			e := errand{id, channel}
			if running[channel] >= atOnce || b.busy[e] || now.Before(b.held[e]) || !n.Due(channel, now) || channel != gate.MailChannel && n.Event == "" {
				continue
			}
			running[channel]++
			b.busy[e] = true
			errands = append(errands, e)
		}
	}
	return errands
}

// release ends an errand, which makes room for another.
func (b *outbox) release(e errand) {
	b.mu.Lock()
	delete(b.busy, e)
	b.mu.Unlock()
	b.wakeUp()
}

// hold keeps an errand from being repeated before the time.
func (b *outbox) hold(e errand, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[e] = until
}

func (b *outbox) isStale() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stale
}

// count tells how many notices are in each state.
func (b *outbox) count(now time.Time) map[gate.NoticeState]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := make(map[gate.NoticeState]int)
	for _, s := range gate.NoticeStates() {
		counts[s] = b.settled[s]
	}
	for _, n := range b.open {
		counts[n.State(now)]++
	}
	return counts
}

// loadOutbox reads all notices.
func (a *Authority) loadOutbox() error {
	b := &a.outbox
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open, b.settled = make(map[gate.NoticeID]*gate.Notice), make(map[gate.NoticeState]int)
	now := a.now()
	err := a.store.View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if n.Open(now) {
				b.open[n.ID] = slim(n)
			} else {
				b.settled[n.State(now)]++
			}
		}
		return nil
	})
	b.stale = err != nil
	return err
}

// slim leaves out the texts, which are read again when they are sent.
func slim(n *gate.Notice) *gate.Notice {
	n.Body, n.HTML, n.Meeting = "", "", nil
	return n
}

// noteNotices takes over the notices that a change made or touched.
func (a *Authority) noteNotices(event gate.Event, err error) {
	if err != nil && gate.KindOf(err) == gate.ShuttingDown {
		a.outbox.mu.Lock()
		a.outbox.stale = true
		a.outbox.mu.Unlock()
	}
	for _, c := range event.Changes {
		if c.Kind == gate.NoticeRecord {
			a.noteNotice(gate.NoticeID(c.ID))
		}
	}
}

// noteNotice reads a notice under the lock, so that of two readers the later one leaves what is newest.
func (a *Authority) noteNotice(id gate.NoticeID) {
	b := &a.outbox
	b.mu.Lock()
	defer b.mu.Unlock()
	now := a.now()
	err := a.store.View(func(tx *certstore.Tx) error {
		n, err := certstore.Get[gate.Notice](tx, string(id))
		if err != nil {
			return err
		}
		_, was := b.open[id]
		switch open := n.Open(now); {
		case open:
			b.open[id] = slim(n)
		case was:
			delete(b.open, id)
			maps.DeleteFunc(b.held, func(e errand, _ time.Time) bool { return e.notice == id })
			b.settled[n.State(now)]++
		}
		return nil
	})
	if err != nil {
		b.stale = true
	}
}

// forgetWebhooks ends what is pending on webhooks that a new configuration does not have.
func (a *Authority) forgetWebhooks(c *Config) {
	b, channels, now := &a.outbox, c.channels(), a.moment()
	gone := func(n *gate.Notice) bool {
		return slices.ContainsFunc(n.Deliveries, func(d gate.Delivery) bool {
			return d.Pending() && d.Channel != gate.MailChannel && !slices.Contains(channels, d.Channel)
		})
	}
	b.mu.Lock()
	var ids []gate.NoticeID
	for id, n := range b.open {
		if gone(n) {
			ids = append(ids, id)
		}
	}
	b.mu.Unlock()
	for _, id := range ids {
		if err := a.keep(id, func(n gate.Notice) gate.Notice { return n.Forget(channels, now) }); err != nil {
			a.log.Error("a notice waits for a webhook that is not configured any more", zap.String("notice", string(id)), zap.Error(err))
		}
	}
}

// keep writes down how a notice's delivery goes on.
func (a *Authority) keep(id gate.NoticeID, next func(gate.Notice) gate.Notice) error {
	err := a.store.Bookkeep(func(tx *certstore.Tx) error {
		n, err := certstore.Get[gate.Notice](tx, string(id))
		if err != nil {
			return err
		}
		after := next(*n)
		certstore.Put(tx, &after)
		return nil
	})
	a.noteNotice(id)
	return err
}

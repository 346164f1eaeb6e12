package authority

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/onerecord/certgate/gate"
)

const (
	// maxWatchers bounds how many people may watch at once, and with that the memory for it.
	maxWatchers = 32
	// watchBuffer is how many decisions may wait for one watcher; what comes while it is full is counted and lost.
	watchBuffer = 256
)

// watchers are who wants to be told of decisions as they are made.
type watchers struct {
	any    atomic.Bool // whether list has any; the request path asks this alone
	mu     sync.RWMutex
	list   []*Watch // guarded by mu
	closed bool     // guarded by mu
}

// tell never waits: a watcher that does not keep up loses decisions.
func (w *watchers) tell(n *note) {
	if !w.any.Load() {
		return
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, watch := range w.list {
		if !watch.filter.matches(n) {
			continue
		}
		select {
		case watch.queue <- *n:
		default:
			watch.lost.Add(1)
		}
	}
}

// beat lets every watcher look whether it may go on.
func (w *watchers) beat() {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, watch := range w.list {
		select {
		case watch.beats <- struct{}{}:
		default:
		}
	}
}

// close ends every watch, and those to come.
func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, watch := range w.list {
		close(watch.ended)
	}
	w.any.Store(false)
	w.list, w.closed = nil, true
}

// Watch is told of decisions as they are made. It must be stopped.
type Watch struct {
	watchers *watchers
	filter   DecisionFilter
	queue    chan note
	beats    chan struct{}
	ended    chan struct{} // closed when the authority is
	lost     atomic.Uint64
}

// Watched is what a watcher is told: a decision, or how many were lost because it did not keep up; neither about every five seconds, so
// that it can look whether it may go on.
type Watched struct {
	Decision *PastDecision
	Lost     uint64
}

// Watch begins to watch what matches. It fails with gate.Conflict if too many do, and with gate.ShuttingDown when the authority is closed.
func (d *Decisions) Watch(f DecisionFilter) (*Watch, error) {
	w := &d.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return nil, gate.Errorf(gate.ShuttingDown, "certgate is stopping")
	case len(w.list) >= maxWatchers:
		return nil, gate.Errorf(gate.Conflict, "%d people watch already, which is all that may at once", maxWatchers)
	}
	watch := &Watch{watchers: w, filter: f, queue: make(chan note, watchBuffer), beats: make(chan struct{}, 1), ended: make(chan struct{})}
	w.list = append(w.list, watch)
	w.any.Store(true)
	return watch, nil
}

// Next waits for what there is to tell; false: the context or the authority has ended.
func (w *Watch) Next(ctx context.Context) (Watched, bool) {
	if lost := w.lost.Swap(0); lost > 0 {
		return Watched{Lost: lost}, true
	}
	select {
	case <-ctx.Done():
	case <-w.ended:
	case <-w.beats:
		return Watched{}, true
	case n := <-w.queue:
		p := n.past()
		return Watched{Decision: &p}, true
	}
	return Watched{}, false
}

// Stop ends the watch.
func (w *Watch) Stop() {
	all := w.watchers
	all.mu.Lock()
	defer all.mu.Unlock()
	all.list = slices.DeleteFunc(all.list, func(other *Watch) bool { return other == w })
	all.any.Store(len(all.list) > 0)
}

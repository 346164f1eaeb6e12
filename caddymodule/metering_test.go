package caddymodule_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/usage"
)

// used is what certgate counted, by behavior and outcome.
func (w *world) used() map[string]usage.Tally {
	w.t.Helper()
	must(w.t, w.authority().FlushUsage())
	all := map[string]usage.Tally{}
	now := time.Now()
	must(w.t, w.authority().Usage(&authority.UsageQuery{From: now.AddDate(0, 0, -1), To: now.AddDate(0, 0, 1)}, func(r *authority.UsageRow) error {
		sum := all[r.Behavior+" "+string(r.Outcome)]
		sum.Add(&r.Tally)
		all[r.Behavior+" "+string(r.Outcome)] = sum
		return nil
	}))
	return all
}

func TestATunnelCountsWhenItEnds(t *testing.T) {
	w := foundWorld(t)
	s := newSource(t)
	w.mustLoad(w.streaming(s))
	_, _, c := w.certified("acme")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := &holder{w: w, name: "acme", key: c.Key, crt: &c.tls, ctx: ctx, wg: new(sync.WaitGroup)}
	tunnel := &stream{name: "tunnel", ended: make(chan struct{})}
	go h.tunnel(tunnel)
	eventually(t, "an echo", func() bool { return tunnel.progress.Load() > 0 })
	if got := w.used()["live 1xx"]; got.Calls != 0 {
		t.Errorf("it counts while it is open: %+v", got)
	}
	cancel()
	eventually(t, "the tunnel to end", func() bool { return w.authority().Stats().InFlight == 0 })
	if got := w.used()["live 1xx"]; got.Calls != 1 || got.Out == 0 {
		t.Errorf("after it: %+v", got)
	}
}

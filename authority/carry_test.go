package authority_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/notify"
)

// auditor keeps the checkpoints that a webhook brings, as an auditor's machine does.
type auditor struct {
	*httptest.Server

	mu    sync.Mutex
	down  bool     // guarded by mu
	asked int      // guarded by mu
	kept  []string // guarded by mu; checkpoints
	ids   []string // guarded by mu
	wrong []error  // guarded by mu
}

const checkpointSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newAuditor(t *testing.T) *auditor {
	t.Helper()
	r := new(auditor)
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *auditor) take(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.down {
		w.WriteHeader(http.StatusGone) // even what elsewhere ends a subscription
		return
	}
	verifier, err := webhooks.NewWebhook(checkpointSecret)
	if err == nil {
		err = verifier.VerifyIgnoringTimestamp(body, request.Header) // the clock of a test is its own
	}
	if err != nil {
		r.wrong = append(r.wrong, err)
	}
	var event struct {
		Data struct {
			Checkpoint string `json:"checkpoint"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		r.wrong = append(r.wrong, err)
	}
	r.kept, r.ids = append(r.kept, event.Data.Checkpoint), append(r.ids, request.Header.Get("webhook-id"))
}

// state is how often it was asked, and what it has.
func (r *auditor) state() (asked int, kept, ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked, r.kept, r.ids
}

func (r *auditor) stop(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// carrying puts a configuration with a checkpoint webhook into force.
func (o *office) carrying(r *auditor) {
	o.t.Helper()
	var err error
	s := settings(table()...)
	s.CheckpointWebhook, err = notify.NewWebhook(notify.WebhookConfig{URL: r.URL, Secrets: []string{checkpointSecret}, AllowPrivate: true})
	must(o.t, err)
	next, err := o.Start(s)
	must(o.t, err)
	o.t.Cleanup(next.Close)
}

// carried waits until the auditor has the newest checkpoint.
func (o *office) carried(r *auditor) {
	o.t.Helper()
	_, latest, err := o.Store().LatestCheckpoint()
	must(o.t, err)
	eventually(o.t, "the newest checkpoint at the receiver", func() bool {
		o.pass(time.Second)
		_, kept, _ := r.state()
		return len(kept) > 0 && kept[len(kept)-1] == string(latest)
	})
}

func TestEachNewestCheckpointIsCarriedToTheWebhook(t *testing.T) {
	o, r := newOffice(t), newAuditor(t)
	o.carrying(r)
	o.carried(r)
	for _, slug := range []string{"acme", "beta"} {
		o.account(slug)
		o.pass(time.Minute)
		o.carried(r)
	}
	asked, kept, ids := r.state()
	if asked != 3 || len(r.wrong) > 0 {
		t.Errorf("asked %d times for 3 checkpoints, %v", asked, r.wrong)
	}
	for i, note := range kept {
		c, err := o.Store().OpenCheckpoint([]byte(note))
		if err != nil || i == 2 && c.Size != o.Store().EventCount() {
			t.Errorf("checkpoint %d: %+v, %v", i, c, err)
		}
	}
	o.carrying(r) // a reload: the new configuration does not know what the auditor has, which knows the copy by its id
	eventually(t, "the newest again", func() bool {
		o.pass(time.Second)
		_, _, ids = r.state()
		return len(ids) == 4
	})
	if ids[3] != ids[2] || ids[2] == ids[1] {
		t.Errorf("ids %v", ids)
	}
}

func TestAReceiverThatWasDownGetsTheNewestCheckpoint(t *testing.T) {
	p := newPlace(t)
	o, logs := watched(t, p)
	r := newAuditor(t)
	r.stop(true)
	o.carrying(r)
	tries := func(n int) func() bool {
		return func() bool { o.pass(time.Second); asked, _, _ := r.state(); return asked >= n }
	}
	eventually(t, "a first attempt", tries(1))
	for _, slug := range []string{"acme", "beta", "ceta"} { // each change goes through meanwhile
		o.account(slug)
		o.pass(time.Minute)
	}
	alarm := func() int { return logs.FilterMessageSnippet("CHECKPOINTS DO NOT LEAVE THE MACHINE").Len() }
	if alarm() != 0 {
		t.Error("called an error before 15 minutes were over")
	}
	eventually(t, "an alarm", func() bool { o.pass(time.Minute); return alarm() > 0 })
	asked, _, _ := r.state()
	for range 20 {
		o.pass(time.Second)
	}
	if again, _, _ := r.state(); again > asked+1 || alarm() != 1 {
		t.Errorf("asked %d times more in 20 seconds, with %d alarms", again-asked, alarm())
	}
	r.stop(false)
	eventually(t, "a checkpoint", func() bool { o.pass(time.Minute); _, kept, _ := r.state(); return len(kept) > 0 })
	o.carried(r)
	_, kept, _ := r.state()
	c, err := o.Store().OpenCheckpoint([]byte(kept[0]))
	if err != nil || c.Size != o.Store().EventCount() || len(kept) != 1 {
		t.Errorf("it got %d checkpoints, the first of %d events instead of %d: %v", len(kept), c.Size, o.Store().EventCount(), err)
	}
	eventually(t, "a line that it works again", func() bool { return logs.FilterMessage("the checkpoint webhook works again").Len() == 1 })
	var outside []audit.Checkpoint
	v, err := o.Verify(append(outside, c)...)
	if err != nil || v.Err != nil {
		t.Errorf("%v, %v", v, err)
	}
}

func TestAReceiverThatHangsHoldsUpNeitherAChangeNorTheEnd(t *testing.T) {
	o := newOffice(t)
	asked, release := make(chan struct{}, 100), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	o.carrying(&auditor{Server: server})
	ctx, cancel := context.WithCancel(t.Context())
	eventually(t, "an attempt", func() bool {
		o.clock.advance(time.Second)
		o.Tick(ctx, o.clock.now())
		return len(asked) > 0
	})
	o.account("acme")
	o.pass(time.Minute)
	if size, _, err := o.Store().LatestCheckpoint(); err != nil || size != o.Store().EventCount() {
		t.Errorf("%d events are signed while the receiver hangs, %v", size, err)
	}
	cancel()           // as closing does to the jobs that it started
	must(t, o.Close()) // does not wait for it either: the handler is released after this
}

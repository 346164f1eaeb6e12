package caddymodule_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/onerecord/certgate/caddymodule"
	"github.com/onerecord/certgate/gate"
)

// withCheckpoints is the usual configuration, with a checkpoint file.
func (w *world) withCheckpoints() string {
	return strings.Replace(w.caddyfile(), "pki_url http://pki.test", "pki_url http://pki.test\n\t\tcheckpoint_file "+w.path("checkpoints"), 1)
}

// sealed waits until the checkpoint file ends with the newest checkpoint and that covers all events.
func (w *world) sealed() {
	w.t.Helper()
	a := caddymodule.Running()
	eventually(w.t, "a checkpoint of everything in the file", func() bool {
		// Asked for each time: an event of the start may come between, and the file takes only the newest.
		_, signed, err := a.Checkpoint()
		must(w.t, err)
		text, err := os.ReadFile(w.path("checkpoints"))
		return err == nil && bytes.Contains(text, signed)
	})
}

func TestCaddyQuarantinesAnOlderStoreThanItsCheckpoint(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.withCheckpoints())
	w.sealed()
	must(t, caddy.Stop())
	must(t, os.CopyFS(w.path("old"), os.DirFS(w.path("data"))))

	w.mustLoad(w.withCheckpoints())
	w.customer("acme", gate.Sandbox)
	w.sealed()
	must(t, caddy.Stop())
	w.mustLoad(w.withCheckpoints()) // the newest one goes on
	must(t, caddy.Stop())

	must(t, os.RemoveAll(w.path("data")))
	must(t, os.CopyFS(w.path("data"), os.DirFS(w.path("old"))))
	w.mustLoad(w.withCheckpoints())
	if err := caddymodule.Running().Ready(); err == nil || !strings.Contains(err.Error(), "quarantined") {
		t.Errorf("an older copy: %v", err)
	}
}

func TestTheNewestCheckpointReachesItsWebhook(t *testing.T) {
	w := foundWorld(t)
	posts := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts <- string(body)
	}))
	t.Cleanup(hook.Close)
	must(t, os.WriteFile(w.path("hook"), []byte(hookSecret), 0o600))
	w.mustLoad(w.global("checkpoint_webhook " + hook.URL + " {\n\t\t\tsecret_file " + w.path("hook") + "\n\t\t\tallow_private\n\t\t}"))
	post := <-posts
	if !strings.Contains(post, "com.onerecord.certgate.audit.checkpoint") || !strings.Contains(post, caddymodule.Running().Store().Origin()) {
		t.Errorf("%s", post)
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// kill ends the process without any warning.
func (s *serving) kill() {
	s.t.Helper()
	if err := s.process.Signal(os.Kill); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.code:
	case <-time.After(30 * time.Second):
		s.t.Fatal("it did not die within 30 s")
	}
}

// The whole binary is killed right after each answer. What was answered is there at the next start, and what was revoked stays revoked.
func TestTheWholeBinaryKeepsWhatItAnsweredWhenItIsKilled(t *testing.T) {
	d := trial{t: t, dir: t.TempDir(), port: freePorts(t)}
	var made []string
	for round := range 3 {
		s := d.start()
		for _, slug := range made {
			if r := try(t, append([]string{"organization", "show", "acme/" + slug}, d.staff("ben")...)...); r.code != 0 {
				t.Fatalf("after %d kills: %s was answered and is gone: %s", round, slug, r.stderr)
			}
		}
		slug := fmt.Sprintf("clinic-%d", round)
		if r := try(t, append([]string{"organization", "create", "acme/" + slug, "--name", "Clinic"}, d.staff("ben")...)...); r.code != 0 {
			t.Fatalf("create: %s", r.stderr)
		}
		made = append(made, slug)
		s.kill()
	}

	s := d.start()
	key := d.liveKey()
	if r := try(t, append([]string{"credential", "revoke", key, "--reason", "keyCompromise", "--why", "it was seen elsewhere"}, d.staff("ben")...)...); r.code != 0 {
		t.Fatalf("revoke: %s", r.stderr)
	}
	s.kill()
	r := end(t, command(t, "certgate", d.args("--once")...))
	if r.code != 1 || !strings.Contains(r.stderr+r.stdout, "invalid-token") {
		t.Errorf("the demo starts again with a key that was revoked: code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// liveKey is the identifier of acme's only key.
func (d trial) liveKey() string {
	d.t.Helper()
	r := try(d.t, append([]string{"credential", "list", "--account", "acme", "--json"}, d.staff("ben")...)...)
	var page struct {
		Items []struct {
			ID   string `json:"id"`
			Kind string `json:"kind"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &page); err != nil {
		d.t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
	}
	for _, c := range page.Items {
		if c.Kind == "key" {
			return c.ID
		}
	}
	d.t.Fatalf("no key in %s", r.stdout)
	return ""
}

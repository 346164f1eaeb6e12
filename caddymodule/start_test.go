package caddymodule

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onerecord/certgate/authority"
)

// Caddy starts apps in no order that can be chosen, so this asks the app itself.
func TestRequestsWaitForAColdStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &App{ready: make(chan struct{})}
		got := make(chan *authority.Config, 1)
		go func() {
			config, err := app.wait(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- config
		}()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("the request did not wait")
		}
		started := new(authority.Config)
		app.config.Store(started)
		close(app.ready)
		if config := <-got; config != started {
			t.Error("the request got another configuration")
		}
	})
}

func TestRequestsDoNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &App{ready: make(chan struct{})}
		began := time.Now()
		if _, err := app.wait(t.Context()); !errors.Is(err, authority.ErrUnavailable) || time.Since(began) != startWait {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := app.wait(gone); !errors.Is(err, authority.ErrUnavailable) {
			t.Errorf("a client that has gone: %v", err)
		}
	})
}

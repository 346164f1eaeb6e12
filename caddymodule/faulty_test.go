package caddymodule_test

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(new(faulty)) }

// faulty is another app in a configuration, which fails when it is told to.
type faulty struct {
	Fail string `json:"fail,omitempty"` // provision or start
}

func (*faulty) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "faulty", New: func() caddy.Module { return new(faulty) }}
}

func (f *faulty) Provision(caddy.Context) error {
	if f.Fail == "provision" {
		return errors.New("faulty: told to fail in provisioning")
	}
	return nil
}

func (f *faulty) Start() error {
	if f.Fail == "start" {
		return errors.New("faulty: told to fail at its start")
	}
	return nil
}

func (*faulty) Stop() error { return nil }

// loadWith loads a configuration that has the faulty app in it.
func (w *world) loadWith(caddyfile string, f faulty) error {
	config, err := adapt(caddyfile)
	if err != nil {
		return err
	}
	part, err := json.Marshal(f)
	if err != nil {
		return err
	}
	// The adapter writes apps as an object with certgate in it.
	text := strings.Replace(string(config), `"apps":{`, `"apps":{"faulty":`+string(part)+`,`, 1)
	return caddy.Load([]byte(text), true)
}

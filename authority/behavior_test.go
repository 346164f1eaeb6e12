package authority_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// without is the table less one behavior.
func without(name string) (out []gate.Behavior) {
	for _, b := range table() {
		if b.Name != name {
			out = append(out, b)
		}
	}
	return out
}

func TestAReloadThatDropsAGrantedBehaviorIsRefusedUntilAllowed(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	_, err := o.Start(settings(without("live")...))
	if err == nil || !strings.Contains(err.Error(), "live") || !strings.Contains(err.Error(), "certgate behavior allow") {
		t.Fatalf("the refusal must name the behavior and what to run: %v", err)
	}
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("the running configuration answers %s", r)
	}
	if _, err := o.Start(settings(without("fhir-write")...)); err != nil {
		t.Errorf("dropping what nobody was granted: %v", err)
	}
	must(t, o.AllowBehavior(o.cho, gate.Behavior{Name: "live"}, "nobody uses it"))
	o.pass(time.Second)
	before := o.Stats().AuditEvents
	next, err := o.Start(settings(without("live")...))
	must(t, err)
	o.config.Close()
	o.pass(time.Second)
	if diff := cmp.Diff([]gate.Verb{gate.BehaviorsChanged}, verbs(o.events(before))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if len(o.Directory().Behaviors().Allowances) != 0 {
		t.Error("an allowance that was used remains")
	}
	next.Close()
}

func TestOnAColdStartAChangedBehaviorIsDeniedUntilAllowed(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	must(t, o.Close())

	widened := append(without("fhir-query"), gate.Behavior{Name: "fhir-query", Method: "*", Path: "/fhir/*", Cost: 1})
	start := func() *authority.Authority {
		a, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, Now: o.clock.now, NoJobs: true})
		must(t, err)
		o.config, err = a.Start(settings(widened...))
		must(t, err)
		a.Tick(t.Context(), o.clock.now())
		return a
	}
	o.Authority = start()
	if r := o.reason(acme.got); r != gate.BehaviorNotGranted {
		t.Errorf("a behavior that was widened: %s", r)
	}
	must(t, o.AllowBehavior(o.cho, gate.Behavior{Name: "fhir-query", Method: "*", Path: "/fhir/*", Cost: 1}, "as agreed"))
	reloaded, err := o.Start(settings(widened...))
	must(t, err)
	o.config.Close()
	o.config = reloaded
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("after it was allowed: %s", r)
	}
	o.pass(time.Second)
	must(t, o.Close())
	o.Authority = start()
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("after another cold start: %s", r)
	}
	must(t, o.Close())
}

func TestATableCountsOnceItsConfigurationIsActive(t *testing.T) {
	o := newOffice(t)
	var active atomic.Bool // the outbox asks too
	s := settings(append(table(), gate.Behavior{Name: "new", Method: "GET", Path: "/new/*", Cost: 1})...)
	s.Active = active.Load
	before := o.Stats().AuditEvents
	next, err := o.Start(s)
	must(t, err)
	defer next.Close()
	o.pass(time.Second)
	if n := o.Stats().AuditEvents; n != before {
		t.Fatalf("a configuration that is not active left %v", verbs(o.events(before)))
	}
	grant := gate.Grant{Behaviors: []string{"new"}, Purposes: []gate.Purpose{gate.Treatment}}
	_, err = o.CreateDevice(o.ben, gate.Device{Organization: "org_x", Slug: "d", Name: "d", Environment: gate.Sandbox, Addresses: gate.Addresses{Any: true}, Grant: &grant})
	refused(t, "granting what is not in force", err, gate.Invalid)
	active.Store(true)
	o.pass(time.Second)
	o.pass(time.Second)
	if diff := cmp.Diff([]gate.Verb{gate.BehaviorsChanged}, verbs(o.events(before))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	o := newOffice(t)
	for name, edit := range map[string]func(*authority.Settings){
		"public_url":         func(s *authority.Settings) { s.PublicURL = "" },
		"pki_url":            func(s *authority.Settings) { s.PKIURL = "ftp://pki.test" },
		"public_url \"//x\"": func(s *authority.Settings) { s.PublicURL = "//x" },
		"api_url preprod":    func(s *authority.Settings) { s.APIURLs = map[gate.Environment]string{gate.Preprod: "http://api.test"} },
		"host and no path": func(s *authority.Settings) {
			s.APIURLs = map[gate.Environment]string{gate.Production: "https://api.test/fhir"}
		},
		"api_url production": func(s *authority.Settings) { s.APIURLs = map[gate.Environment]string{gate.Production: "https://$(id)"} },
		"declared twice":     func(s *authority.Settings) { s.Behaviors = append(s.Behaviors, s.Behaviors[0]) },
	} {
		s := settings(table()...)
		edit(&s)
		if _, err := o.Start(s); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

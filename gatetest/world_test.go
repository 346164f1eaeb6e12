package gatetest_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

func TestACertifiedDeviceIsAllowed(t *testing.T) {
	c := gatetest.New(t)
	credential := c.MustProduction("acme")
	if d := c.Check(credential.Request("GET", "/fhir/Patient/1")); !d.Allowed() {
		t.Errorf("refused: %s", d.Reason)
	}
}

func TestEveryEnvironmentCanBeEnrolled(t *testing.T) {
	w := gatetest.New(t)
	account := w.MustAccount("acme")
	for _, e := range []gate.Environment{gate.Sandbox, gate.Preprod} {
		credential := w.MustEnroll(w.MustDevice(account, e.String(), e))
		r := credential.Request("GET", "/fhir/Patient/1")
		r.Host = e.String() + ".example.com"
		if d := w.Check(r); !d.Allowed() {
			t.Errorf("%s refused: %s", e, d.Reason)
		}
	}
}

func TestWorldsAreAlike(t *testing.T) {
	one, two := gatetest.New(t).MustAccount("acme"), gatetest.New(t).MustAccount("acme")
	if one.ID != two.ID || !one.CreatedAt.Equal(gatetest.Epoch) {
		t.Errorf("accounts %s and %s, made at %s", one.ID, two.ID, one.CreatedAt)
	}
}

func TestTimePassesOnlyWhenTheTestSaysSo(t *testing.T) {
	w := gatetest.New(t)
	w.Advance(36 * time.Hour)
	if got := w.Now().Sub(gatetest.Epoch); got != 36*time.Hour {
		t.Errorf("%s have passed", got)
	}
}

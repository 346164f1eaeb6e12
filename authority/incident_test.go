package authority_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

func TestALeakOpensOneIncidentInTheSameCommit(t *testing.T) {
	w := gatetest.New(t)
	c := w.MustProduction("acme")
	events := w.Store().EventCount()
	id, err := w.Leaked(w.Ben, authority.Leak{Key: c.Key, Why: "in a public repository"})
	if err != nil {
		t.Fatal(err)
	}
	if n := w.Store().EventCount() - events; n != 1 {
		t.Errorf("%d events", n)
	}
	i := w.LeakIncident(id)
	want := &gate.Incident{
		Account: c.Certificate.Account, Device: c.Certificate.Device, Subject: gate.Subject{Kind: gate.KeySubject, ID: id}, Origin: gate.IncidentLeak,
		Opened: gate.Act{By: w.Ben.Staff, At: w.Directory().Key(c.KeyID).Revoked.At, Why: "in a public repository"},
	}
	if i == nil {
		t.Fatal("no incident was opened")
	}
	want.ID = i.ID
	if diff := cmp.Diff(want, i); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := w.Leaked(w.Ben, authority.Leak{Key: c.Key, Why: "again"}); err != nil || len(w.Directory().Incidents("")) != 1 {
		t.Errorf("told again: %v, %d incidents", err, len(w.Directory().Incidents("")))
	}
}

// What was done with it before it was revoked is to be looked into all the same.
func TestALeakOfWhatWasRevokedBeforeOpensAnIncident(t *testing.T) {
	w := gatetest.New(t)
	c := w.MustProduction("acme")
	if _, err := w.RevokeKey(w.Ben, c.KeyID, gate.Superseded, "rotated"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RevokeCertificate(w.Ben, c.Certificate.ID, gate.Superseded, "rotated"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, leak := range []authority.Leak{{Key: c.Key, Why: "in a backup"}, {Fingerprint: c.Certificate.Fingerprint, Why: "in a backup"}} {
			if id, err := w.Leaked(w.Ben, leak); err != nil || w.LeakIncident(id) == nil {
				t.Errorf("%q, %v", id, err)
			}
		}
	}
	if n := len(w.Directory().Incidents(c.Certificate.Account)); n != 2 {
		t.Errorf("%d incidents", n)
	}
}

func TestAnIncidentNamesWhatWasImposedForIt(t *testing.T) {
	w := gatetest.New(t)
	c := w.MustProduction("acme")
	subject := gate.Subject{Kind: gate.CertificateSubject, ID: string(c.Certificate.ID)}
	i, err := w.OpenIncident(w.Ben, authority.NewIncident{Subject: subject, Origin: gate.IncidentDetected, Why: "a strange network"})
	if err != nil || i.Device != c.Certificate.Device {
		t.Fatalf("%+v, %v", i, err)
	}
	r, err := w.Impose(w.Ben, authority.Imposition{Subject: subject, Measure: gate.Suspend, Why: "calls from a strange network", Incident: i.ID})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Directory().Incident(i.ID); !cmp.Equal(got.Remediations, []gate.RemediationID{r.ID}) {
		t.Errorf("it names %v", got.Remediations)
	}
	if _, err := w.CloseIncident(w.Ben, i.ID, authority.IncidentEnd{Outcome: gate.IncidentBenign, Why: "their new data center"}); err != nil {
		t.Fatal(err)
	}
	if reason := decided(t, w, c); reason != gate.AccountSuspended {
		t.Errorf("closing an incident let calls through: %s", reason)
	}
	_, err = w.Impose(w.Ben, authority.Imposition{Subject: subject, Measure: gate.Suspend, Why: "again", Incident: i.ID})
	if gate.KindOf(err) != gate.Conflict || len(w.Directory().Remediations("")) != 1 {
		t.Errorf("for one that is closed: %v, %d remediations", err, len(w.Directory().Remediations("")))
	}
}

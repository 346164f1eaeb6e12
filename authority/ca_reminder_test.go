package authority_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

func TestAdminsAreRemindedOfEveryCAThatEnds(t *testing.T) {
	o := newOffice(t)
	first := o.caOf("certgate customers 1")
	full := first.NotAfter.Add(time.Second - issuer.LeafLifetime)
	ends := o.CAEnds()
	var said []string
	for _, e := range ends {
		said = append(said, e.Name+" "+e.What)
	}
	slices.Sort(said)
	want := []string{"certgate customers 1 can issue certificates of full length", "certgate customers 1 is trusted", "certgate customers 2 is trusted",
		"certgate customers root can sign standbys", "certgate staff 1 can issue certificates of full length", "certgate staff 1 is trusted",
		"certgate staff 2 is trusted", "certgate staff root can sign standbys"}
	if !slices.Equal(said, want) {
		t.Errorf("%q", said)
	}
	o.pass(full.Add(-89 * 24 * time.Hour).Sub(o.clock.now()))
	o.pass(time.Hour)
	told := o.reminded(gate.CAEndsNotice)
	if len(told) != 2 { // of customers and of staff, once each
		t.Fatalf("%d notices", len(told))
	}
	for _, n := range told {
		if len(n.To) != 2 || !strings.Contains(n.Subject, "can issue certificates of full length for 89 days more") {
			t.Errorf("to %v: %s", n.To, n.Subject)
		}
	}
	if n := o.Stats().Expiring[authority.Expiring{Kind: gate.CAEndsNotice, Days: 90}]; n != 2 {
		t.Errorf("%d CAs end within 90 days", n)
	}
}

func TestACAMaySignWithAKeyThatLiesElsewhere(t *testing.T) {
	o := newOffice(t)
	first := o.caOf("certgate customers 1")
	der, err := o.Store().Unseal("ca/"+first.Fingerprint.String(), first.SealedKey)
	must(t, err)
	key, err := issuer.ParseKey(der)
	must(t, err)
	asked, broken := 0, false
	store, _, err := authority.FoundInMemory(authority.Setup{Admins: people(), Now: o.clock.now})
	must(t, err)
	// The device has another CA's key, and the record no key at all.
	_, err = store.Update(func(tx *certstore.Tx) (gate.Event, error) {
		for _, ca := range store.Directory().CAs() {
			if ca.Audience == gate.Customers && ca.IssuesFrom != nil {
				record, err := certstore.Get[gate.CA](tx, ca.RecordID())
				if err != nil {
					return gate.Event{}, err
				}
				record.Retired = &gate.Ending{At: o.clock.now(), Why: "test"}
				certstore.Put(tx, record)
			}
		}
		outside := *first
		outside.SealedKey = nil
		certstore.Put(tx, &outside)
		return gate.Event{Verb: gate.CAAdded, Object: first.RecordID(), At: o.clock.now(), By: gate.Actor{Name: "test"}}, nil
	})
	must(t, err)
	p := &office{t: t, clock: o.clock}
	p.open(authority.Options{Store: store, Now: o.clock.now, NoJobs: true, Signer: func(ca *x509.Certificate) (crypto.Signer, error) {
		if gate.FingerprintOf(ca.Raw) != first.Fingerprint {
			return nil, nil //nolint:nilnil // the key of that one does not lie elsewhere
		}
		asked++
		if broken {
			return nil, errors.New("the device does not answer")
		}
		return key, nil
	}})
	acme := p.customer("acme")
	if asked == 0 || acme.got.Certificate.Issuer != first.Fingerprint || p.reason(acme.got) != gate.Allowed {
		t.Errorf("asked %d times, issued by %v", asked, acme.got.Certificate.Issuer)
	}
	broken = true
	device, enrollment, token := p.preprod("beta")
	if _, err := p.Redeem(token, newCSR(t)); err == nil || !strings.Contains(err.Error(), "the device does not answer") {
		t.Errorf("%s %s: %v", device.Slug, enrollment.ID, err)
	}
}

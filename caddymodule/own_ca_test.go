package caddymodule_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// ownCA is a customer's own CA that two admins have allowed for the account, with the list that is served.
func (w *world) ownCA(account *gate.Account, list *gatetest.ListServer) *gatetest.ForeignCA {
	w.t.Helper()
	ca := gatetest.NewForeignCA(w.t, account.Slug+" CA", time.Now())
	list.Serve(ca.List(1, time.Now().Add(-time.Minute), nil))
	proposed, err := w.authority().AllowCA(w.cho, authority.Allowing{Certificate: []byte(ca.PEM()), Why: "runs its own CA",
		Allowance: gate.Allowance{Accounts: []gate.AccountID{account.ID}, CRL: list.URL, GraceHours: 24}})
	must(w.t, err)
	_, err = w.authority().ConfirmCA(w.eve, proposed.Fingerprint)
	must(w.t, err)
	w.eventuallyRead(proposed.Fingerprint, "1")
	return ca
}

// eventuallyRead waits until the list with the number was read.
func (w *world) eventuallyRead(ca gate.Fingerprint, number string) {
	w.t.Helper()
	eventually(w.t, "the list is read", func() bool {
		l := w.authority().Directory().RevocationList(ca)
		return l != nil && l.Number == number
	})
}

// again makes the list due at once, which would else take a quarter of an hour.
func (w *world) again(ca gate.Fingerprint) {
	w.t.Helper()
	must(w.t, w.authority().Store().Bookkeep(func(tx *certstore.Tx) error {
		l, err := certstore.Get[gate.RevocationList](tx, ca.String())
		if err == nil {
			l.TriedAt = time.Now().Add(-time.Hour)
			certstore.Put(tx, l)
		}
		return err
	}))
}

func TestACertificateOfTheCustomersOwnCAPassesUntilItsCARevokesIt(t *testing.T) {
	w := newWorld(t)
	account, other := w.customer("acme", gate.Preprod)
	device, err := w.authority().CreateDevice(w.ben, gate.Device{Organization: other.Organization, Slug: "engine", Name: "Engine", Environment: gate.Preprod,
		DefaultPurpose: gate.Treatment, Addresses: gate.Addresses{Any: true}})
	must(t, err)
	list := gatetest.NewListServer(t)
	ca := w.ownCA(account, list)
	fp := gate.FingerprintOf(ca.Certificate.Raw)
	crt, sibling := ca.Issue(nil), ca.Issue(nil)
	got := w.brings(device, ca, crt)

	clients := make(map[string]*http.Client)
	for _, proto := range []string{"h1", "h2"} {
		clients[proto] = w.client(proto, &crt)
		if resp, body := w.get(clients[proto], "preprod.test", "/fhir/Patient/1", got.Key); resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", proto, resp.StatusCode, body)
		}
		if resp, body := w.get(w.client(proto, &sibling), "preprod.test", "/fhir/Patient/1", got.Key); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "certificate-unknown") {
			t.Errorf("%s: another leaf of the CA: %d %s", proto, resp.StatusCode, body)
		}
	}
	// The CA vouches for names of others as it likes, and it is of no use.
	ours := w.credentialOf(device)
	issued, err := x509.ParseCertificate(ours.tls.Certificate[0])
	must(t, err)
	forged := ca.Issue(func(c *x509.Certificate) {
		c.Subject, c.URIs, c.SerialNumber = issued.Subject, issued.URIs, issued.SerialNumber
	})
	if resp, body := w.get(w.client("h2", &forged), "preprod.test", "/fhir/Patient/1", ours.Key); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "certificate-unknown") {
		t.Errorf("in the name of a device of ours: %d %s", resp.StatusCode, body)
	}

	list.Serve(ca.List(2, time.Now(), nil, crt.Leaf.SerialNumber))
	w.again(fp)
	w.eventuallyRead(fp, "2")
	eventually(t, "it is revoked", func() bool { return w.authority().Directory().Certificate(got.Certificate.ID).Revoked != nil })
	for proto, client := range clients {
		if resp, body := w.get(client, "preprod.test", "/fhir/Patient/1", got.Key); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "certificate-revoked") {
			t.Errorf("%s, on the open connection: %d %s", proto, resp.StatusCode, body)
		}
	}
	if resp, body := w.get(w.client("h2", &ours.tls), "preprod.test", "/fhir/Patient/1", ours.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("what is ours: %d %s", resp.StatusCode, body)
	}
}

// brings takes a credential for a certificate of the customer's own.
func (w *world) brings(device *gate.Device, ca *gatetest.ForeignCA, crt tls.Certificate) *authority.Credential {
	w.t.Helper()
	e, err := w.authority().Release(w.eve, device.ID, "")
	must(w.t, err)
	link, err := w.authority().TakeLink(e.Notice)
	must(w.t, err)
	_, token, _ := strings.Cut(link, "#")
	got, err := w.authority().Bring(token, ca.Request(crt.PrivateKey), []byte(gatetest.PEM(crt.Leaf.Raw)))
	must(w.t, err)
	return got
}

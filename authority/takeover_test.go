package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// oldToken is what a customer has sent for years: more characters than RFC 6750 allows.
const oldToken = `eyJhbGciOiJub25lIn0.{"sub":"acme"}.with-"quotes",and;more`

// incumbent is a certified customer from before with one production device that brings credentials along.
func incumbent(slug string, old authority.OldCredentials) authority.Customer {
	profile := gate.Profile{Grant: gatetest.Everything(), Hosting: "own", KeyStorage: "HSM", DailyVolume: 10}
	return authority.Customer{
		Account: gate.Account{Slug: slug, Name: slug, Zone: "UTC", Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Tim", Email: "tim@" + slug + ".example"}}},
		Devices: []authority.CustomerDevice{{Old: old, Device: gate.Device{Slug: "prod-1", Name: "Engine", Environment: gate.Production,
			DefaultPurpose: gate.Treatment, Addresses: gate.Addresses{Any: true}}}},
		Contract: &gate.Contract{First: "2027-01-01", Last: "2027-12-31", Grant: gatetest.Everything(), Agreements: []gate.Agreement{
			{Kind: gate.BusinessAssociate, Reference: "D1", SignedOn: "2026-12-01"}, {Kind: gate.Participation, Reference: "D2", SignedOn: "2026-12-01"}}},
		Certified: &authority.PastCase{ApprovedOn: "2026-03-01", ApprovedBy: "Dana Ng", CustomerCase: authority.CustomerCase{Devices: []string{"prod-1"}, Profile: profile}},
	}
}

func takeover(customers ...authority.Customer) authority.Takeover {
	return authority.Takeover{Source: "the old gateway", Customers: customers}
}

// oldCall is a call with a token and a certificate from before.
func oldCall(w *gatetest.World, token string, crt *tls.Certificate) *gate.Request {
	r := &gate.Request{Site: w.Config.Site(gate.Production), TLS: true, Host: "api.example.com", Authorization: []string{"Bearer " + token},
		Method: "GET", Path: "/fhir/Patient/1", Peer: gatetest.Peer}
	if crt == nil {
		return r
	}
	r.Leaf = &gate.Leaf{Fingerprint: gate.FingerprintOf(crt.Leaf.Raw), NotBefore: crt.Leaf.NotBefore, NotAfter: crt.Leaf.NotAfter, ClientAuth: true}
	if chain, err := w.Anchors(gate.Customers).Verify(crt.Leaf, nil, w.Now()); err == nil {
		r.Leaf.Anchor = gate.FingerprintOf(chain.Anchor.Raw)
	}
	return r
}

func TestATokenAndACertificateFromBeforeCountOnceASecondAdminHasConfirmedThem(t *testing.T) {
	w := gatetest.New(t)
	ca := gatetest.NewForeignCA(t, "Acme Private CA", w.Now())
	crt, sibling := ca.Issue(nil), ca.Issue(nil)
	id, err := w.Import(w.Cho, takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}, Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}})))
	must(t, err)
	if got := w.Check(oldCall(w, oldToken, &crt)); got.Reason != gate.CertificateUntrusted {
		t.Errorf("before it was confirmed: %s", got.Reason)
	}
	refused(t, "confirmed by who imported", w.ConfirmImport(w.Cho, id), gate.Forbidden)
	refused(t, "confirmed by an operator", w.ConfirmImport(w.Ben, id), gate.Forbidden)
	must(t, w.ConfirmImport(w.Eve, id))
	refused(t, "confirmed again", w.ConfirmImport(w.Eve, id), gate.Conflict)

	if got := w.Check(oldCall(w, oldToken, &crt)); got.Reason != gate.Allowed {
		t.Errorf("after it was confirmed: %s", got.Reason)
	}
	other := w.MustProduction("other")
	strange := other.Request("GET", "/fhir/Patient/1")
	strange.Authorization = []string{"Bearer " + oldToken}
	mixed := oldCall(w, other.Key, &crt)
	for name, row := range map[string]struct {
		r    *gate.Request
		want gate.Reason
	}{
		"another leaf of the same CA":             {oldCall(w, oldToken, &sibling), gate.CertificateUnknown},
		"the token without the certificate":       {oldCall(w, oldToken, nil), gate.CertificateRequired},
		"the token with another's certificate":    {strange, gate.InvalidToken},
		"another's key with the certificate":      {mixed, gate.InvalidToken},
		"a token that was never imported":         {oldCall(w, oldToken+"x", &crt), gate.InvalidToken},
		"the token in another environment's site": {inPreprod(w, oldCall(w, oldToken, &crt)), gate.CertificateUnknown},
	} {
		if got := w.Check(row.r); got.Reason != row.want {
			t.Errorf("%s: %s, want %s", name, got.Reason, row.want)
		}
	}
	list, err := w.CheckAll(30)
	must(t, err)
	if len(list) != 0 {
		t.Errorf("check --all lists %+v", list[0])
	}
}

func inPreprod(w *gatetest.World, r *gate.Request) *gate.Request {
	r.Site, r.Host = w.Config.Site(gate.Preprod), "preprod.example.com"
	return r
}

func TestAnImportedCAVouchesForPinnedCertificatesAlone(t *testing.T) {
	w := gatetest.New(t)
	ca := gatetest.NewForeignCA(t, "Acme Private CA", w.Now())
	crt := ca.Issue(nil)
	id, err := w.Import(w.Cho, takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}, Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}})))
	must(t, err)
	must(t, w.ConfirmImport(w.Eve, id))
	// A registered certificate of ours, copied by the customer's CA to the letter, is another one; and one of ours found under their CA is unknown.
	other := w.MustProduction("other")
	r := other.Request("GET", "/fhir/Patient/1")
	leaf := *r.Leaf
	leaf.Anchor = gate.FingerprintOf(ca.Certificate.Raw)
	r.Leaf = &leaf
	if got := w.Check(r); got.Reason != gate.CertificateUnknown {
		t.Errorf("one of ours under an imported CA: %s", got.Reason)
	}
	imposter := ca.Issue(func(c *x509.Certificate) { c.URIs = other.TLS.Leaf.URIs })
	if got := w.Check(oldCall(w, other.Key, &imposter)); got.Reason != gate.CertificateUnknown {
		t.Errorf("their CA names our device: %s", got.Reason)
	}
	staff := ca.Issue(nil)
	_, err = w.Operator(oldCall(w, "", &staff).Leaf)
	refused(t, "a member of staff by an imported CA", err, gate.Unauthorized)
	if w.CAByName(gate.FingerprintOf(ca.Certificate.Raw).String()[:16]) != nil {
		t.Error("we publish the CA of a customer as ours")
	}
	if issued := w.MustProduction("third"); issued.Certificate.Issuer == gate.FingerprintOf(ca.Certificate.Raw) {
		t.Error("an imported CA issued for us")
	}
}

func TestRevokingWhatWasImportedTakesEffectOnTheNextRequest(t *testing.T) {
	for _, half := range []string{"token", "certificate"} {
		w := gatetest.New(t)
		ca := gatetest.NewForeignCA(t, "Acme Private CA", w.Now())
		crt := ca.Issue(nil)
		in := takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}, Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}}))
		id, err := w.Import(w.Cho, in)
		must(t, err)
		must(t, w.ConfirmImport(w.Eve, id))
		found, err := w.ImportByID(id)
		must(t, err)
		want := gate.InvalidToken
		if half == "token" {
			_, err = w.RevokeKey(w.Ben, found.Keys[0].ID, gate.KeyCompromise, "in a log")
		} else {
			want = gate.CertificateRevoked
			_, err = w.RevokeCertificate(w.Ben, found.Certificates[0].ID, gate.KeyCompromise, "in a log")
		}
		must(t, err)
		if got := w.Check(oldCall(w, oldToken, &crt)); got.Reason != want {
			t.Errorf("%s: %s, want %s", half, got.Reason, want)
		}
		in.Customers[0].Account.Slug = "acme-2"
		_, err = w.Import(w.Cho, in)
		several, _ := errors.AsType[gate.Faults](err)
		if len(several) != 2 || several[0].Field != "customers[0].devices[0].tokens[0]" || several[1].Field != "customers[0].devices[0].certificates[0]" {
			t.Errorf("%s: imported again: %v", half, err)
		}
	}
}

func TestAnImportedCredentialIsReplacedByARealOne(t *testing.T) {
	w := gatetest.New(t)
	ca := gatetest.NewForeignCA(t, "Acme Private CA", w.Now())
	crt := ca.Issue(nil)
	id, err := w.Import(w.Cho, takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}, Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}})))
	must(t, err)
	must(t, w.ConfirmImport(w.Eve, id))
	device, err := w.Directory().Device("acme/main/prod-1")
	must(t, err)
	fresh := w.MustEnroll(device)
	for name, r := range map[string]*gate.Request{"new": fresh.Request("GET", "/fhir/Patient/1"), "old": oldCall(w, oldToken, &crt), "new key, old certificate": oldCall(w, fresh.Key, &crt)} {
		if got := w.Check(r); got.Reason != gate.Allowed {
			t.Errorf("%s: %s", name, got.Reason)
		}
	}
	_, err = w.Release(w.Eve, device.ID, w.Directory().Certifications(device.Account)[0].ID)
	refused(t, "a third live key", err, gate.Conflict)
	_, err = w.RevokeKey(w.Ben, w.Directory().Keys(device.ID)[0].ID, gate.Superseded, "replaced")
	must(t, err)
	_, err = w.RevokeCertificate(w.Ben, w.Directory().Certificates(device.ID)[0].ID, gate.Superseded, "replaced")
	must(t, err)
	if got := w.Check(fresh.Request("GET", "/fhir/Patient/1")); got.Reason != gate.Allowed {
		t.Errorf("without the old one: %s", got.Reason)
	}
}

func TestARejectedImportOfCredentialsEndsThemAndLeavesTheCustomers(t *testing.T) {
	w := gatetest.New(t)
	ca := gatetest.NewForeignCA(t, "Acme Private CA", w.Now())
	crt := ca.Issue(nil)
	in := takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}, Certificates: []string{gatetest.PEM(crt.Leaf.Raw)}}))
	in.CAs = []string{ca.PEM()}
	id, err := w.Import(w.Cho, in)
	must(t, err)
	must(t, w.RejectImport(w.Ben, id, "not the token that the customer named"))
	refused(t, "confirmed after all", w.ConfirmImport(w.Eve, id), gate.Conflict)
	if got := w.Check(oldCall(w, oldToken, &crt)); got.Reason != gate.CertificateUntrusted {
		t.Errorf("rejected: %s", got.Reason)
	}
	if ca := w.Directory().CA(gate.FingerprintOf(ca.Certificate.Raw)); ca.Retired == nil {
		t.Error("its CA is left")
	}
	device, err := w.Directory().Device("acme/main/prod-1")
	must(t, err)
	if got := w.Check(w.MustEnroll(device).Request("GET", "/fhir/Patient/1")); got.Reason != gate.Allowed {
		t.Errorf("released and enrolled: %s", got.Reason)
	}
	// The CA may come again, with another certificate.
	other := ca.Issue(nil)
	again := takeover(incumbent("beta", authority.OldCredentials{Tokens: []string{oldToken + "2"}, Certificates: []string{gatetest.PEM(other.Leaf.Raw) + ca.PEM()}}))
	id, err = w.Import(w.Cho, again)
	must(t, err)
	must(t, w.ConfirmImport(w.Eve, id))
	if got := w.Check(oldCall(w, oldToken+"2", &other)); got.Reason != gate.Allowed {
		t.Errorf("another of its CA: %s", got.Reason)
	}
	if got := w.Check(oldCall(w, oldToken, &crt)); got.Reason != gate.CertificateUnknown {
		t.Errorf("the rejected one: %s", got.Reason)
	}
}

func TestTheTextOfATokenIsNowhere(t *testing.T) {
	w := gatetest.New(t)
	in := takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}}))
	for _, spoil := range []func(*authority.Customer){
		func(c *authority.Customer) { c.Account.Zone = "Mars" },
		func(c *authority.Customer) { c.Devices[0].Old.Tokens = []string{oldToken, oldToken} },
		func(c *authority.Customer) { c.Devices[0].Old.Tokens = []string{oldToken + " "} },
		func(c *authority.Customer) { c.Devices[0].Old.Certificates = []string{oldToken} },
		func(c *authority.Customer) { c.Devices[0].Environment = 0 },
	} {
		bad := takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}}))
		spoil(&bad.Customers[0])
		_, err := w.Import(w.Cho, bad)
		if err == nil || strings.Contains(fmt.Sprint(err), oldToken[:20]) {
			t.Errorf("error %v", err)
		}
	}
	_, err := w.Import(w.Cho, in)
	must(t, err)
	events, err := w.Store().Events(0, 1000)
	must(t, err)
	said, err := json.Marshal(events)
	must(t, err)
	records, err := json.Marshal(w.Directory().Keys(""))
	must(t, err)
	for _, part := range []string{oldToken, oldToken[:20], "with-"} {
		if strings.Contains(string(said), part) || strings.Contains(string(records), part) {
			t.Errorf("%q is in an event or a record", part)
		}
	}
}

func TestWhatNobodyMayImport(t *testing.T) {
	w := gatetest.New(t)
	ca, twin, second := gatetest.NewForeignCA(t, "Acme CA", w.Now()), gatetest.NewForeignCA(t, "Acme CA", w.Now()), gatetest.NewForeignCA(t, "Second CA", w.Now())
	crt := ca.Issue(nil)
	pinned := gatetest.PEM(crt.Leaf.Raw) + ca.PEM()
	ours := w.MustProduction("ours")
	oursPEM := gatetest.PEM(ours.TLS.Certificate[0]) + gatetest.PEM(ours.TLS.Certificate[1])
	staffCA := w.Directory().CA(mustStaffCA(t, w))
	person, err := w.Directory().Staff("cho")
	must(t, err)
	badge := gatetest.PEM(person.Certificates[0].DER) + gatetest.PEM(staffCA.DER)
	expired := ca.Issue(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = w.Now().AddDate(0, -2, 0), w.Now().AddDate(0, -1, 0)
	})
	key, _, err := gate.NewKey(gate.Production, strings.NewReader(strings.Repeat("\x07", 200)))
	must(t, err)
	for name, row := range map[string]struct {
		old  authority.OldCredentials
		cas  []string
		want string
	}{
		"a key of ours":             {authority.OldCredentials{Tokens: []string{key}}, nil, "customers[0].devices[0].tokens[0]: this begins like a key of ours"},
		"a short token":             {authority.OldCredentials{Tokens: []string{"short"}}, nil, "tokens[0]: a token must have at least 20 characters; this one has 5"},
		"three tokens":              {authority.OldCredentials{Tokens: []string{oldToken + "1", oldToken + "2", oldToken + "3"}}, nil, "devices[0].tokens: has 3; a device can have 2 live keys"},
		"the same token twice":      {authority.OldCredentials{Tokens: []string{oldToken, oldToken}}, nil, "tokens[1]: is the same as customers[0].devices[0].tokens[0]"},
		"a certificate without CA":  {authority.OldCredentials{Certificates: []string{gatetest.PEM(crt.Leaf.Raw)}}, nil, `its issuing CA "CN=Acme CA" is not given`},
		"a CA of the same name":     {authority.OldCredentials{Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + twin.PEM()}}, nil, `its issuing CA "CN=Acme CA" is not given`},
		"a CA for a certificate":    {authority.OldCredentials{Certificates: []string{ca.PEM()}}, nil, "is self-signed"},
		"the same certificate":      {authority.OldCredentials{Certificates: []string{pinned, pinned}}, nil, "certificates[1]: is the same as"},
		"no PEM":                    {authority.OldCredentials{Certificates: []string{"MIIB"}}, nil, "certificates[0]: there is text outside the PEM blocks"},
		"expired":                   {authority.OldCredentials{Certificates: []string{gatetest.PEM(expired.Leaf.Raw) + ca.PEM()}}, nil, "cannot be imported: it expired at"},
		"one of ours":               {authority.OldCredentials{Certificates: []string{oursPEM}}, nil, "what CAs of ours issue is enrolled"},
		"one of ours without CA":    {authority.OldCredentials{Certificates: []string{gatetest.PEM(ours.TLS.Certificate[0])}}, nil, "what CAs of ours issue is enrolled"},
		"a badge of staff":          {authority.OldCredentials{Certificates: []string{badge}}, nil, "what CAs of ours issue is enrolled"},
		"a CA that nobody needs":    {authority.OldCredentials{Certificates: []string{pinned}}, []string{second.PEM()}, `cas[0]: no certificate in this import was issued by "Second CA"`},
		"a CA that is none":         {authority.OldCredentials{Certificates: []string{pinned}}, []string{"x"}, "cas[0]: "},
		"a certificate for sandbox": {authority.OldCredentials{Certificates: []string{"sandbox"}}, nil, "a sandbox device has no certificate"},
	} {
		in := takeover(incumbent("acme", row.old))
		in.CAs = row.cas
		if name == "a certificate for sandbox" {
			in.Customers[0].Devices[0].Environment, in.Customers[0].Certified = gate.Sandbox, nil
		}
		events := w.Store().EventCount()
		_, err := w.Import(w.Cho, in)
		if err == nil || !strings.Contains(err.Error(), row.want) || w.Store().EventCount() != events {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	_, err = w.Import(w.Ben, takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}})))
	refused(t, "credentials from an operator", err, gate.Forbidden)
}

func mustStaffCA(t *testing.T, w *gatetest.World) gate.Fingerprint {
	t.Helper()
	for _, ca := range w.Directory().CAs() {
		if ca.Audience == gate.Operators && ca.IssuesFrom != nil {
			return ca.Fingerprint
		}
	}
	t.Fatal("no staff CA")
	return gate.Fingerprint{}
}

func TestACertificateIsPinnedToOneDevice(t *testing.T) {
	w := gatetest.New(t)
	ca := gatetest.NewForeignCA(t, "Acme CA", w.Now())
	crt := ca.Issue(nil)
	old := authority.OldCredentials{Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}}
	_, err := w.Import(w.Cho, takeover(incumbent("acme", old), incumbent("beta", old)))
	if err == nil || !strings.Contains(err.Error(), "customers[1].devices[0].certificates[0]: is the same as customers[0].devices[0].certificates[0]") {
		t.Errorf("twice in one import: %v", err)
	}
	_, err = w.Import(w.Cho, takeover(incumbent("acme", old)))
	must(t, err)
	_, err = w.Import(w.Cho, takeover(incumbent("beta", old)))
	if err == nil || !strings.Contains(err.Error(), "another device has this certificate or one with the same key") {
		t.Errorf("twice in two imports: %v", err)
	}
}

func TestTheImportedCAsStayFew(t *testing.T) {
	w := gatetest.New(t)
	var customers []authority.Customer
	for i := range authority.MaxForeignCAs + 1 {
		ca := gatetest.NewForeignCA(t, fmt.Sprintf("CA %d", i), w.Now())
		crt := ca.Issue(nil)
		customers = append(customers, incumbent(fmt.Sprintf("clinic-%d", i), authority.OldCredentials{Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}}))
	}
	_, err := w.Import(w.Cho, takeover(customers...))
	if err == nil || !strings.Contains(err.Error(), "cas: with these there would be 65 imported CAs") {
		t.Errorf("error %v", err)
	}
	_, err = w.Import(w.Cho, takeover(customers[1:]...))
	must(t, err)
	_, err = w.Import(w.Cho, takeover(customers[0]))
	if err == nil || !strings.Contains(err.Error(), "65 imported CAs") {
		t.Errorf("one more: %v", err)
	}
}

func TestATokenIsFoundUnderItsOwnPepper(t *testing.T) {
	o := newOffice(t)
	id, err := o.Import(o.cho, takeover(incumbentHere("acme", authority.OldCredentials{Tokens: []string{oldToken}})))
	must(t, err)
	found, err := o.ImportByID(id)
	must(t, err)
	versions, n := o.Directory().TokenPeppers()
	if n != 1 || versions[0] != found.Keys[0].Pepper {
		t.Errorf("peppers %v", versions[:n])
	}
	_, err = o.Store().Update(func(tx *certstore.Tx) (gate.Event, error) {
		k, err := certstore.Get[gate.Key](tx, string(found.Keys[0].ID))
		if err != nil {
			return gate.Event{}, err
		}
		k.Pepper = 2 // its MAC is not of that version
		certstore.Put(tx, k)
		return gate.Event{Verb: "test.put", Object: "test", At: o.clock.now(), By: gate.Actor{Name: "test"}}, nil
	})
	must(t, err)
	if o.KnownToken(oldToken) {
		t.Error("a token was taken for one under another pepper")
	}
}

func incumbentHere(slug string, old authority.OldCredentials) authority.Customer {
	c := incumbent(slug, old)
	c.Contract.Grant, c.Certified.Profile.Grant = everything, everything
	return c
}

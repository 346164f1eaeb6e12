package authority_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// caOf is the CA of the audience with a common name.
func (o *office) caOf(name string) *gate.CA {
	o.t.Helper()
	for _, ca := range o.Directory().CAs() {
		cert, err := x509.ParseCertificate(ca.DER)
		must(o.t, err)
		if cert.Subject.CommonName == name {
			return ca
		}
	}
	o.t.Fatalf("there is no CA %q", name)
	return nil
}

// rotate lets the standby issue, by two.
func (o *office) rotate(audience gate.Audience) *gate.CA {
	o.t.Helper()
	o.clock.advance(time.Minute)
	proposed, err := o.RotateCA(o.cho, audience, "a year before its end")
	must(o.t, err)
	rotated, err := o.ConfirmCA(o.eve, proposed.Fingerprint)
	must(o.t, err)
	return rotated
}

// sign signs the request that waits with the root from the kit.
func (p *place) sign(o *office, audience gate.Audience) []byte {
	o.t.Helper()
	f, err := os.Open(p.kit)
	must(o.t, err)
	defer func() { _ = f.Close() }()
	kit, err := certstore.ReadKit(f, p.identity)
	must(o.t, err)
	for _, key := range kit.Keys {
		if key.Name != string(audience)+" root" {
			continue
		}
		root, err := issuer.ReadRoot([]byte(key.Certificate), []byte(key.Key))
		must(o.t, err)
		for _, ca := range o.Directory().CAs() {
			if ca.Audience != audience || ca.Request == nil {
				continue
			}
			request, err := issuer.ParseStandbyRequest(ca.Request.CSR)
			must(o.t, err)
			cert, err := issuer.SignStandby(root, request, rand.Reader, o.clock.now())
			must(o.t, err)
			return issuer.CertificatePEM(cert.Raw)
		}
	}
	o.t.Fatal("there is no request to sign")
	return nil
}

func TestTheStandbyIssuesWhenTwoAdminsSaySo(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	first, second := o.caOf("certgate customers 1"), o.caOf("certgate customers 2")
	_, err := o.RotateCA(o.ben, gate.Customers, "why not")
	refused(t, "an operator", err, gate.Forbidden)
	_, err = o.RotateCA(o.cho, gate.Customers, "")
	refused(t, "no reason", err, gate.Invalid)
	_, err = o.RotateCA(o.cho, "nobody", "because")
	refused(t, "no audience", err, gate.Invalid)
	_, err = o.ConfirmCA(o.eve, second.Fingerprint)
	refused(t, "nothing proposed", err, gate.Conflict)

	o.clock.advance(time.Minute)
	_, err = o.RotateCA(o.cho, gate.Customers, "a year before its end")
	must(t, err)
	_, err = o.ConfirmCA(o.cho, second.Fingerprint)
	refused(t, "the same admin", err, gate.Forbidden)
	if o.caOf("certgate customers 2").IssuesFrom != nil {
		t.Fatal("it issues already")
	}
	rotated, err := o.ConfirmCA(o.eve, second.Fingerprint)
	must(t, err)
	if rotated.IssuesFrom == nil || rotated.Request == nil || rotated.Proposal != nil {
		t.Errorf("%+v", rotated)
	}
	if got := verbs(o.events(0)); !slices.Contains(got, gate.CARotationProposed) || got[len(got)-1] != gate.CARotated {
		t.Errorf("events %v", got)
	}

	// What the former one issued stays good, and what is issued now is the new one's.
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("a customer from before is refused: %v", r)
	}
	bell := o.customer("bell")
	if bell.got.Certificate.Issuer != second.Fingerprint || acme.got.Certificate.Issuer != first.Fingerprint || o.reason(bell.got) != gate.Allowed {
		t.Errorf("issued by %v", bell.got.Certificate.Issuer)
	}
	if o.LeavesByCA()[first.Fingerprint].Live != 1 || o.LeavesByCA()[second.Fingerprint].Live != 1 {
		t.Errorf("%v", o.LeavesByCA())
	}
	_, err = o.RotateCA(o.cho, gate.Customers, "once more")
	refused(t, "no standby", err, gate.Conflict)
}

func TestACAThatThePoolLacksDoesNotIssue(t *testing.T) {
	o := newOffice(t)
	s, pooled := settings(table()...), false
	s.Pooled = func(gate.Audience, gate.Fingerprint) bool { return pooled }
	config, err := o.Start(s)
	must(t, err)
	defer config.Close()
	_, err = o.RotateCA(o.cho, gate.Customers, "because")
	refused(t, "proposed", err, gate.Conflict)
	if !strings.Contains(err.Error(), "caddy reload --force") {
		t.Error(err)
	}
	if n := o.Stats().CAsOutsidePool; n != 4 {
		t.Errorf("%d CAs outside the pool", n)
	}
	pooled = true
	proposed, err := o.RotateCA(o.cho, gate.Customers, "because")
	must(t, err)
	pooled = false
	_, err = o.ConfirmCA(o.eve, proposed.Fingerprint)
	refused(t, "confirmed", err, gate.Conflict)
	pooled = true
	_, err = o.ConfirmCA(o.eve, proposed.Fingerprint)
	must(t, err)
	if n := o.Stats().CAsOutsidePool; n != 0 {
		t.Errorf("%d CAs outside the pool", n)
	}
}

func TestTheNextStandbyComesFromTheRootInTheKit(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	_, err := o.ImportCA(o.cho, issuer.CertificatePEM(o.caOf("certgate customers 2").DER))
	refused(t, "no request", err, gate.Invalid)
	o.rotate(gate.Customers)
	signed := p.sign(o, gate.Customers)
	for name, text := range map[string][]byte{"nothing": nil, "no PEM": []byte("x"), "two": append(slices.Clone(signed), signed...)} {
		_, err := o.ImportCA(o.cho, text)
		refused(t, name, err, gate.Invalid)
	}
	_, err = o.ImportCA(o.ben, signed)
	refused(t, "an operator", err, gate.Forbidden)
	if _, err := o.RequestCA(o.cho, gate.Customers); err != nil {
		t.Fatal(err)
	}
	_, err = o.ImportCA(o.cho, signed)
	refused(t, "signed for a request that was replaced", err, gate.Invalid)

	standby, err := o.ImportCA(o.cho, p.sign(o, gate.Customers))
	must(t, err)
	name := filepath.Join(p.data, "trust", "customers.pem")
	text, err := os.ReadFile(name)
	must(t, err)
	if !bytes.Contains(text, issuer.CertificatePEM(standby.DER)) {
		t.Error("the trust file lacks the standby")
	}
	if !standby.Standby(o.clock.now()) || standby.Audience != gate.Customers {
		t.Errorf("%+v", standby)
	}
	got := o.events(0)
	if v := verbs(got[len(got)-2:]); !slices.Equal(v, []gate.Verb{gate.CAAdded, gate.TrustRewritten}) {
		t.Errorf("events %v", v)
	}
	// Its key is the one that was made here: it issues after a restart, too.
	must(t, o.Close())
	o.reopen(p)
	o.rotate(gate.Customers)
	acme := o.customer("acme")
	if acme.got.Certificate.Issuer != standby.Fingerprint || o.reason(acme.got) != gate.Allowed {
		t.Errorf("issued by %v", acme.got.Certificate.Issuer)
	}
}

func TestACertificateThatTheRootDidNotSignIsNoStandby(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	o.rotate(gate.Customers)
	var csr []byte
	for _, ca := range o.Directory().CAs() {
		if ca.Request != nil {
			csr = ca.Request.CSR
		}
	}
	request, err := issuer.ParseStandbyRequest(csr)
	must(t, err)
	root, err := issuer.NewRoot("another", rand.Reader, o.clock.now())
	must(t, err)
	cert, err := issuer.SignStandby(root, request, rand.Reader, o.clock.now())
	must(t, err)
	_, err = o.ImportCA(o.cho, issuer.CertificatePEM(cert.Raw))
	refused(t, "another root", err, gate.Invalid)
	if err == nil || !strings.Contains(err.Error(), "is not signed by root") {
		t.Error(err)
	}
}

func TestACAIsRetiredWhenItsLastCertificateHasEnded(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	first := o.caOf("certgate customers 1")
	retire := authority.Retirement{Why: "its last certificate has ended"}
	_, err := o.RetireCA(o.cho, first.Fingerprint, retire)
	refused(t, "it issues", err, gate.Conflict)
	o.rotate(gate.Customers)
	_, err = o.RetireCA(o.cho, first.Fingerprint, retire)
	refused(t, "a certificate is left", err, gate.Conflict)
	_, err = o.RetireCA(o.cho, first.Fingerprint, authority.Retirement{Why: "because", RevokeAll: true})
	refused(t, "revoke all of ours", err, gate.Invalid)
	_, err = o.RevokeCertificate(o.ben, acme.got.Certificate.ID, gate.Superseded, "has a new one")
	must(t, err)
	_, err = o.RetireCA(o.ben, first.Fingerprint, retire)
	refused(t, "an operator", err, gate.Forbidden)
	retired, err := o.RetireCA(o.cho, first.Fingerprint, retire)
	must(t, err)
	if retired.Anchors(o.clock.now()) {
		t.Error("it is an anchor still")
	}
	_, err = o.RetireCA(o.cho, first.Fingerprint, retire)
	refused(t, "twice", err, gate.Conflict)
	_, err = o.RetireCA(o.cho, o.caOf("certgate customers 2").Fingerprint, authority.Retirement{Why: "because", Compromised: true})
	must(t, err)
	_, err = o.ConfirmCA(o.eve, o.caOf("certgate customers 2").Fingerprint)
	refused(t, "the last one", err, gate.Conflict)
}

func TestACompromisedCAIsRefusedOnTheNextRequest(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	first, second := o.caOf("certgate customers 1"), o.caOf("certgate customers 2")
	_, err := o.RetireCA(o.cho, first.Fingerprint, authority.Retirement{Why: "the disk was copied", Compromised: true})
	must(t, err)
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("refused by one admin alone: %v", r)
	}
	_, err = o.ConfirmCA(o.cho, first.Fingerprint)
	refused(t, "the same admin", err, gate.Forbidden)
	retired, err := o.ConfirmCA(o.eve, first.Fingerprint)
	must(t, err)
	if !retired.Compromised || retired.Retired.Why != "the disk was copied" {
		t.Errorf("%+v", retired)
	}
	if r := o.reason(acme.got); r != gate.CertificateUntrusted {
		t.Errorf("after it was retired: %v", r)
	}
	if ca := o.caOf("certgate customers 2"); ca.IssuesFrom == nil {
		t.Error("the standby does not issue")
	}
	// The rest is revoked by a job, and the customer is told.
	o.pass(time.Minute)
	authority.WaitForJobs(o.Authority)
	crt := o.Directory().Certificate(acme.got.Certificate.ID)
	if crt.Revoked == nil || crt.Revoked.Why != "the disk was copied" {
		t.Errorf("%+v", crt.Revoked)
	}
	list, err := o.Notices(acme.account.ID, 10)
	must(t, err)
	if !slices.ContainsFunc(list, func(n *gate.Notice) bool {
		return n.Kind == gate.CredentialNotice && strings.Contains(n.Body, "the disk was copied")
	}) {
		t.Errorf("%d notices, and none tells", len(list))
	}
	if bell := o.customer("bell"); bell.got.Certificate.Issuer != second.Fingerprint {
		t.Error("somebody else issues")
	}
}

func TestTwoAdminsCanStillActAfterAStaffCAIsRetired(t *testing.T) {
	o := newOffice(t)
	first := o.caOf("certgate staff 1")
	o.rotate(gate.Operators)
	_, err := o.RetireCA(o.cho, first.Fingerprint, authority.Retirement{Why: "the disk was copied", Compromised: true})
	must(t, err)
	_, err = o.ConfirmCA(o.eve, first.Fingerprint)
	refused(t, "nobody could act", err, gate.Conflict)
	for _, by := range []authority.By{o.cho, o.eve} {
		person, err := o.Directory().Staff(string(by.Staff))
		must(t, err)
		_, err = o.RenewStaff(by, person.Certificates[0].Fingerprint, newCSR(t))
		must(t, err)
	}
	_, err = o.ConfirmCA(o.eve, first.Fingerprint)
	must(t, err)
	person, err := o.Directory().Staff(string(o.cho.Staff))
	must(t, err)
	for i, c := range person.Certificates {
		_, err := o.Operator(&gate.Leaf{Fingerprint: c.Fingerprint, Anchor: c.Issuer, NotBefore: c.NotBefore, NotAfter: c.NotAfter, ClientAuth: true})
		if got := gate.KindOf(err); i == 0 && got != gate.Unauthorized || i == 1 && err != nil {
			t.Errorf("certificate %d: %v", i, err)
		}
	}
}

func TestAProposalForACAIsWithdrawnByAnyAdmin(t *testing.T) {
	o := newOffice(t)
	second := o.caOf("certgate customers 2")
	_, err := o.WithdrawCA(o.cho, second.Fingerprint)
	refused(t, "nothing proposed", err, gate.Conflict)
	for _, by := range []authority.By{o.cho, o.eve} { // who proposed it, and another
		_, err = o.RotateCA(o.cho, gate.Customers, "a year before its end")
		must(t, err)
		_, err = o.WithdrawCA(o.ben, second.Fingerprint)
		refused(t, "an operator", err, gate.Forbidden)
		_, err = o.WithdrawCA(by, second.Fingerprint)
		must(t, err)
		_, err = o.ConfirmCA(o.eve, second.Fingerprint)
		refused(t, "it was withdrawn", err, gate.Conflict)
	}
	// Whoever has read that it shall issue must not end it by confirming what took that one's place.
	_, err = o.RetireCA(o.cho, second.Fingerprint, authority.Retirement{Compromised: true, Why: "swapped"})
	must(t, err)
	_, err = o.ConfirmCA(o.eve, second.Fingerprint)
	refused(t, "unread", err, gate.Stale)
	o.eve.IfMatch = certstore.ETag(o.caOf("certgate customers 2"))
	_, err = o.ConfirmCA(o.eve, second.Fingerprint)
	must(t, err)
	if got := verbs(o.events(0)); got[len(got)-1] != gate.CARetired || !slices.Contains(got, gate.CAProposalWithdrawn) {
		t.Errorf("events %v", got)
	}
}

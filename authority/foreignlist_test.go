package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// bringer is a customer with a CA of its own, whose revocation list is served.
type bringer struct {
	*office
	ca      *gatetest.ForeignCA
	list    *gatetest.ListServer
	account *gate.Account
	record  *gate.CA
}

// allowedCA is a customer's own CA that two admins have allowed, with a list that names nobody.
func (o *office) allowedCA(slug string) *bringer {
	o.t.Helper()
	b := &bringer{office: o, ca: gatetest.NewForeignCA(o.t, slug+" CA", o.clock.now()), list: gatetest.NewListServer(o.t), account: o.account(slug)}
	b.list.Serve(b.ca.List(1, o.clock.now(), nil))
	b.allow(gate.Allowance{Accounts: []gate.AccountID{b.account.ID}, CRL: b.list.URL, GraceHours: 24})
	o.ReadLists(o.t)
	return b
}

func (b *bringer) allow(w gate.Allowance) {
	b.t.Helper()
	proposed, err := b.AllowCA(b.cho, authority.Allowing{Certificate: []byte(b.ca.PEM()), Allowance: w, Why: "runs its own CA"})
	must(b.t, err)
	b.record, err = b.ConfirmCA(b.eve, proposed.Fingerprint)
	must(b.t, err)
}

// bring makes a device in pre-production and brings the certificate to its link.
func (b *bringer) bring(slug string, crt tls.Certificate) (*authority.Credential, error) {
	b.t.Helper()
	_, token := b.release(b.device(b.account, slug, gate.Preprod).ID, "")
	return b.Bring(token, b.ca.Request(crt.PrivateKey), []byte(gatetest.PEM(crt.Leaf.Raw)))
}

func (b *bringer) mustBring(slug string, crt tls.Certificate) *authority.Credential {
	b.t.Helper()
	got, err := b.bring(slug, crt)
	must(b.t, err)
	return got
}

// known is what is known of the list.
func (b *bringer) known() *gate.RevocationList {
	return b.Directory().RevocationList(b.record.Fingerprint)
}

// later moves the clock and reads the lists.
func (b *bringer) later(d time.Duration) {
	b.t.Helper()
	b.clock.advance(d)
	b.ReadLists(b.t)
}

func TestWhatACustomersCARevokesIsRefusedAndToldOnce(t *testing.T) {
	b := newOffice(t).allowedCA("acme")
	one, two := b.ca.Issue(nil), b.ca.Issue(nil)
	first, second := b.mustBring("one", one), b.mustBring("two", two)
	if r := b.reason(first); r != gate.Allowed {
		t.Fatal(r)
	}
	b.list.Serve(b.ca.List(2, b.clock.now(), nil, big.NewInt(5), one.Leaf.SerialNumber))
	b.later(gate.ListInterval)
	if r := b.reason(first); r != gate.CertificateRevoked {
		t.Errorf("the one that is listed: %s", r)
	}
	if r := b.reason(second); r != gate.Allowed {
		t.Errorf("the other: %s", r)
	}
	record := b.Directory().Certificate(first.Certificate.ID)
	if record.Revoked == nil || record.Revoked.Reason != gate.KeyCompromise || !strings.Contains(record.Revoked.Why, "acme CA") {
		t.Errorf("%+v", record.Revoked)
	}
	b.list.Serve(b.ca.List(3, b.clock.now(), nil)) // a list that forgets it
	for range 3 {
		b.later(gate.ListInterval)
	}
	if r := b.reason(first); r != gate.CertificateRevoked {
		t.Errorf("taken off the list: %s", r)
	}
	if n := b.noticed(gate.CredentialNotice); n != 1 {
		t.Errorf("%d notices", n)
	}
	if asked, spared := b.list.Asked(); asked != 5 || spared != 2 {
		t.Errorf("asked %d times, %d of them answered with 304", asked, spared)
	}
}

// noticed counts those of a kind.
func (o *office) noticed(kind gate.NoticeKind) (n int) {
	o.t.Helper()
	all, err := o.Notices("", 1000)
	must(o.t, err)
	for _, each := range all {
		if each.Kind == kind {
			n++
		}
	}
	return n
}

func TestCertificatesAreRefusedWhenTheListHasRunOutForLongerThanTheGrace(t *testing.T) {
	b := newOffice(t).allowedCA("acme")
	got := b.mustBring("one", b.ca.Issue(nil))
	b.list.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	told := func(when string, staff, customers int) {
		t.Helper()
		if s, c := b.noticed(gate.ListFailsNotice), b.noticed(gate.ListEndsNotice); s != staff || c != customers {
			t.Errorf("%s: %d notices to staff and %d to customers", when, s, c)
		}
	}
	b.later(20 * time.Minute)
	told("after the first failure", 0, 0)
	for range 5 {
		b.later(gate.ListInterval)
	}
	told("after an hour", 1, 0)
	if k := b.known(); k.Failures < 5 || !strings.Contains(k.Problem, "503") {
		t.Errorf("%+v", k)
	}
	b.clock.advance(23 * time.Hour) // the list ran out, and the grace has begun
	b.ReadLists(t)
	told("a day before", 1, 1)
	if r := b.reason(got); r != gate.Allowed {
		t.Errorf("within the grace: %s", r)
	}
	b.clock.advance(b.record.Allowance.RefusedFrom(b.known()).Sub(b.clock.now()) - time.Second)
	if r := b.reason(got); r != gate.Allowed {
		t.Errorf("at the end of the grace: %s", r)
	}
	b.later(time.Second)
	if r := b.reason(got); r != gate.CertificateUnchecked {
		t.Errorf("after the grace: %s", r)
	}
	if _, err := b.bring("two", b.ca.Issue(nil)); err == nil || !strings.Contains(err.Error(), "no current revocation list") {
		t.Errorf("brought without a list: %v", err)
	}
	b.list.Serve(b.ca.List(2, b.clock.now(), nil))
	b.later(gate.ListInterval)
	if r := b.reason(got); r != gate.Allowed {
		t.Errorf("with a list again: %s", r)
	}
	told("in the end", 1, 1)
}

func TestListsThatSayTooLittleOrCannotBeTrustedChangeNothing(t *testing.T) {
	b := newOffice(t).allowedCA("acme")
	crt := b.ca.Issue(nil)
	got := b.mustBring("one", crt)
	b.list.Serve(b.ca.List(5, b.clock.now(), nil))
	b.later(gate.ListInterval)
	if k := b.known(); k.Number != "5" {
		t.Fatalf("%+v", k)
	}
	other := gatetest.NewForeignCA(t, "acme CA", b.clock.now()) // by the same name
	extension := func(id asn1.ObjectIdentifier, critical bool, value []byte) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: value})
		}
	}
	now, serial := b.clock.now(), crt.Leaf.SerialNumber
	good := b.ca.List(6, now, nil, serial)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) }))
	defer elsewhere.Close()
	body := func(der []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(der) }
	}
	for want, answer := range map[string]http.HandlerFunc{
		"ran out":          body(b.ca.List(6, now.Add(-48*time.Hour), nil, serial)),
		"in the future":    body(b.ca.List(6, now.Add(72*time.Hour), nil, serial)),
		"not signed by":    body(other.List(6, now, nil, serial)),
		"lower than":       body(b.ca.List(4, now, nil, serial)),
		"but is another":   body(b.ca.List(5, now, nil, serial)),
		"older than":       body(b.ca.List(6, now.Add(-time.Hour), nil, serial)),
		"2.5.29.99":        body(b.ca.List(6, now, extension(asn1.ObjectIdentifier{2, 5, 29, 99}, true, []byte{5, 0}), serial)),
		"delta list":       body(b.ca.List(6, now, extension(asn1.ObjectIdentifier{2, 5, 29, 27}, true, []byte{2, 1, 1}), serial)),
		"indirect list":    body(b.ca.List(6, now, extension(asn1.ObjectIdentifier{2, 5, 29, 28}, true, []byte{0x30, 3, 0x84, 1, 0xff}), serial)),
		"covers a part":    body(b.ca.List(6, now, extension(asn1.ObjectIdentifier{2, 5, 29, 28}, true, []byte{0x30, 4, 0xa0, 2, 0xa0, 0}), serial)),
		"status 500":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no revocation":    body([]byte("<html>captive portal</html>")),
		"is no revocation": body(good[:len(good)-9]),
		"broke off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			_, _ = w.Write(good[:100])
		},
		"at most": func(w http.ResponseWriter, _ *http.Request) {
			for range 20 << 4 {
				_, _ = w.Write(make([]byte, 1<<16))
			}
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
	} {
		b.list.Answer(answer)
		b.later(gate.ListInterval)
		if k := b.known(); k.Number != "5" || k.Failures == 0 || !strings.Contains(k.Problem, want) {
			t.Errorf("%s: %+v", want, k)
		}
		if r := b.reason(got); r != gate.Allowed {
			t.Errorf("%s: %s", want, r)
		}
	}
	b.list.Serve(b.ca.List(6, b.clock.now(), nil, serial))
	b.later(gate.ListInterval)
	if r := b.reason(got); r != gate.CertificateRevoked {
		t.Errorf("a list in order: %s, %+v", r, b.known())
	}
}

func TestASlowListServerHoldsUpNothingElse(t *testing.T) {
	o := &office{t: t, clock: newClock()}
	store, badges, err := authority.FoundInMemory(authority.Setup{Admins: people(), Now: o.clock.now})
	must(t, err)
	o.badges = badges
	o.open(authority.Options{Store: store, Now: o.clock.now, NoJobs: true, ListTimeout: 200 * time.Millisecond})
	slow, quick := o.allowedCA("slow"), o.allowedCA("quick")
	slow.list.Answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	quick.list.Serve(quick.ca.List(2, o.clock.now(), nil))
	o.clock.advance(gate.ListInterval)
	done := make(chan struct{})
	go func() { defer close(done); o.ReadLists(t) }()
	_ = o.account("while-it-waits") // a change does not wait for it
	<-done
	if k := slow.known(); k.Failures != 1 || k.Number != "1" || !strings.Contains(k.Problem, "too long") {
		t.Errorf("%+v", k)
	}
	if k := quick.known(); k.Number != "2" {
		t.Errorf("%+v", k)
	}
}

func TestARestartKeepsTheListAndFinishesWhatItRevokes(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	b := o.allowedCA("acme")
	crt, listed := b.ca.Issue(nil), b.ca.Issue(nil)
	got := b.mustBring("one", crt)
	second := b.ca.List(2, b.clock.now(), nil, listed.Leaf.SerialNumber)
	b.list.Serve(second)
	b.later(gate.ListInterval)
	b.list.Answer(http.NotFound)
	must(t, o.Close())
	o.reopen(p)
	b.ReadLists(t)
	if k := b.known(); k.Number != "2" || k.Failures != 0 {
		t.Errorf("%+v", k)
	}
	if r := o.reason(got); r != gate.Allowed {
		t.Error(r)
	}
	if _, err := b.bring("two", listed); err == nil || !strings.Contains(err.Error(), "on the CA's revocation list (keyCompromise)") {
		t.Errorf("what is on the list that was kept: %v", err)
	}
	must(t, o.Close())
	must(t, removeLists(p))
	b.list.Serve(second)
	o.reopen(p)
	b.ReadLists(t)
	if _, err := b.bring("three", listed); err == nil || !strings.Contains(err.Error(), "on the CA's revocation list") {
		t.Errorf("after the file was lost: %v", err)
	}
	must(t, removeLists(p)) // while it runs
	if _, err := b.bring("four", listed); err == nil || !strings.Contains(err.Error(), "no current revocation list") {
		t.Errorf("as long as it is missing: %v", err)
	}
	b.ReadLists(t)
	if _, err := b.bring("five", listed); err == nil || !strings.Contains(err.Error(), "on the CA's revocation list") {
		t.Errorf("after it was fetched again: %v", err)
	}
}

func TestACertificateThatIsImportedAfterItsCARevokedItIsRevoked(t *testing.T) {
	b := newOffice(t).allowedCA("acme")
	crt := b.ca.Issue(nil)
	b.list.Serve(b.ca.List(2, b.clock.now(), nil, crt.Leaf.SerialNumber))
	b.later(gate.ListInterval)
	_, err := b.Import(b.cho, takeover(incumbentHere("beta", authority.OldCredentials{Tokens: []string{oldToken}, Certificates: []string{gatetest.PEM(crt.Leaf.Raw)}})))
	must(t, err)
	b.ReadLists(t) // the same list as before
	for _, c := range b.Directory().Certificates("") {
		if c.Imported != nil && c.Revoked == nil {
			t.Error("it waits to be confirmed, and would count")
		}
	}
}

func TestACertificateThatWasBroughtWhileNoListWasReadIsRevokedOnceItIs(t *testing.T) {
	b := newOffice(t).allowedCA("acme")
	crt := b.ca.Issue(nil)
	b.list.Serve(b.ca.List(2, b.clock.now(), nil, crt.Leaf.SerialNumber))
	b.later(gate.ListInterval)
	read := *b.record.Allowance
	b.allow(gate.Allowance{Accounts: read.Accounts})
	got := b.mustBring("one", crt)
	b.allow(gate.Allowance{Accounts: read.Accounts, CRL: read.CRL, GraceHours: read.GraceHours})
	b.ReadLists(t)
	if r := b.reason(got); r != gate.CertificateRevoked {
		t.Error(r)
	}
}

func TestNoListIsAskedForAtAnAddressOfTheLink(t *testing.T) {
	for _, host := range []string{"169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "0.0.0.0"} {
		b := newOffice(t).allowedCA("acme")
		b.allow(gate.Allowance{Accounts: []gate.AccountID{b.account.ID}, CRL: "http://" + host + "/latest/meta-data"})
		b.ReadLists(t)
		if k := b.known(); k.Failures != 1 || !strings.Contains(k.Problem, "where no list is asked for") {
			t.Errorf("%s: %+v", host, k)
		}
	}
}

package caddymodule_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// scene is one request that is refused, and how.
type scene struct {
	status int    // of the answer, by the table of codes
	host   string // empty: api.test
	path   string // empty: /fhir/Patient/1
	key    string
	crt    *tls.Certificate
	edit   func(*http.Request)
	before func() // what must happen first; the scene is then the last one
}

func (s *scene) orDefaults() scene {
	out := *s
	if out.host == "" {
		out.host = "api.test"
	}
	if out.path == "" {
		out.path = "/fhir/Patient/1"
	}
	if out.edit == nil {
		out.edit = func(*http.Request) {}
	}
	return out
}

// scenes has one for every reason for which a request can be refused.
func (w *world) scenes() map[gate.Reason]scene {
	w.t.Helper()
	_, _, acme := w.certified("acme")
	all := map[gate.Reason]scene{
		gate.Unavailable: {status: 503, key: acme.Key, crt: &acme.tls, before: func() { must(w.t, w.authority().Close()) }},
	}
	w.certificateScenes(all, acme)
	w.keyScenes(all, acme)
	w.remediationScenes(all)
	w.termScenes(all)
	w.callScenes(all, acme)
	w.siteScenes(all)
	w.limitScenes(all)
	w.throttledScene(all)
	return all
}

func (w *world) certificateScenes(all map[gate.Reason]scene, acme *credential) {
	known := func(edit func(*x509.Certificate)) *tls.Certificate {
		crt := w.sign(edit)
		w.register(acme.Device, crt)
		return &crt
	}
	unknown, revoked := w.sign(nil), w.sign(nil)
	record := w.register(acme.Device, revoked)
	_, err := w.authority().RevokeCertificate(w.ben, record.ID, gate.KeyCompromise, "lost")
	must(w.t, err)
	for reason, crt := range map[gate.Reason]*tls.Certificate{
		gate.CertificateRequired:  nil,
		gate.CertificateUntrusted: foreign(w.t),
		gate.CertificateExpired: known(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute) // the CA is 5 minutes old
		}),
		gate.CertificateNotYetValid: known(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		}),
		gate.CertificateUnsuitable: known(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		gate.CertificateUnknown:    &unknown,
		gate.CertificateRevoked:    &revoked,
	} {
		all[reason] = scene{status: 403, key: acme.Key, crt: crt}
	}
	w.uncheckedScene(all)
}

// uncheckedScene is about a certificate of a customer's own CA, of which no list could be read since it was allowed long ago.
func (w *world) uncheckedScene(all map[gate.Reason]scene) {
	ca, list := gatetest.NewForeignCA(w.t, "Own CA", time.Now()), gatetest.NewListServer(w.t)
	crt := ca.Issue(nil)
	w.takeOver("own", oldToken+"-own", pinned(ca, crt), true)
	fp := gate.FingerprintOf(ca.Certificate.Raw)
	record := *w.authority().Directory().CA(fp)
	long := gate.Act{At: time.Now().Add(-48 * time.Hour)}
	record.Allowance = &gate.Allowance{CRL: list.URL, GraceHours: 24, Act: long, Confirmed: long}
	w.put(&record)
	all[gate.CertificateUnchecked] = scene{status: 403, key: oldToken + "-own", crt: &crt}
}

// foreign is a certificate of somebody else's authority.
func foreign(t testing.TB) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "stranger"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (w *world) keyScenes(all map[gate.Reason]scene, acme *credential) {
	unknown, _, err := gate.NewKey(gate.Production, rand.Reader)
	must(w.t, err)
	all[gate.KeyRequired] = scene{status: 401, crt: &acme.tls}
	all[gate.InvalidToken] = scene{status: 401, crt: &acme.tls, key: unknown}
	all[gate.InvalidRequest] = scene{status: 400, crt: &acme.tls, path: "/fhir/Patient/1?access_token=" + acme.Key}
}

func (w *world) remediationScenes(all map[gate.Reason]scene) {
	suspended, _, a := w.certified("suspended")
	w.impose(w.ben, gate.Suspend, gate.AccountSubject, string(suspended.ID))
	terminated, _, b := w.certified("terminated")
	w.impose(w.cho, gate.Terminate, gate.AccountSubject, string(terminated.ID))
	all[gate.AccountSuspended] = scene{status: 403, key: a.Key, crt: &a.tls}
	all[gate.AccountTerminated] = scene{status: 403, key: b.Key, crt: &b.tls}
}

func (w *world) impose(by authority.By, measure gate.Measure, kind gate.SubjectKind, id string) {
	w.t.Helper()
	_, err := w.authority().Impose(by, authority.Imposition{Subject: gate.Subject{Kind: kind, ID: id}, Measure: measure, Why: "abuse"})
	must(w.t, err)
}

// termScenes are about contracts and certifications.
func (w *world) termScenes(all map[gate.Reason]scene) {
	a := w.authority()
	add := func(reason gate.Reason, c *credential) { all[reason] = scene{status: 403, key: c.Key, crt: &c.tls} }

	_, device := w.customer("no-contract", gate.Production)
	add(gate.ContractMissing, w.credentialOf(device))

	account, device := w.customer("early", gate.Production)
	w.contract(account, today().AddDays(5), today().AddDays(50))
	add(gate.ContractNotYetStarted, w.credentialOf(device))

	account, device = w.customer("late", gate.Production)
	w.contract(account, today().AddDays(-50), today().AddDays(-5))
	add(gate.ContractHasEnded, w.credentialOf(device))

	account, device = w.customer("no-case", gate.Production)
	w.contract(account, today(), today().AddDays(50))
	add(gate.CertificationMissing, w.credentialOf(device))

	account, _, c := w.certified("next-term")
	_, err := a.EndContract(w.cho, a.Directory().Contracts(account.ID)[0].ID, "a new one follows")
	must(w.t, err)
	w.contract(account, today(), today().AddDays(50))
	add(gate.CertificationEnded, c)

	account, _, c = w.certified("decertified")
	_, err = a.RevokeCertification(w.cho, a.Directory().Certifications(account.ID)[0].ID, "for cause")
	must(w.t, err)
	add(gate.CertificationNoLonger, c)

	account, _, c = w.certified("overdue")
	lapsed := *a.Directory().Certifications(account.ID)[0]
	due := time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
	lapsed.RecertifyBy = &due
	w.put(&lapsed)
	add(gate.RecertificationOverdue, c)
}

// credentialOf makes a credential with no case behind it, for states that no operation leads to.
func (w *world) credentialOf(device *gate.Device) *credential {
	w.t.Helper()
	key, handle, err := gate.NewKey(device.Environment, rand.Reader)
	must(w.t, err)
	pepper, mac := w.authority().MAC(key)
	fp := gate.FingerprintOf([]byte(handle))
	record := &gate.Key{ID: gate.KeyID(gate.FormatID(gate.KeyPrefix, [16]byte(fp[:16]))), Account: device.Account, Device: device.ID,
		Environment: device.Environment, Handle: handle, Pepper: pepper, MAC: mac, IssuedAt: time.Now().UTC().Truncate(time.Second)}
	crt := w.sign(nil)
	registered := w.register(device, crt)
	w.put(record)
	return &credential{Credential: &authority.Credential{Device: device, Certificate: registered, KeyID: record.ID, Key: key}, tls: crt}
}

func (w *world) callScenes(all map[gate.Reason]scene, acme *credential) {
	all[gate.BehaviorUnknown] = scene{status: 403, key: acme.Key, crt: &acme.tls, path: "/elsewhere"}
	all[gate.BehaviorNotGranted] = scene{status: 403, key: acme.Key, crt: &acme.tls, path: "/secret/1"}
	all[gate.PurposeNotGranted] = scene{status: 403, key: acme.Key, crt: &acme.tls,
		edit: func(r *http.Request) { r.Header.Set("Purpose-Of-Use", "HPAYMT") }}
	all[gate.UpgradeNotAllowed] = scene{status: 403, key: acme.Key, crt: &acme.tls, edit: func(r *http.Request) { r.Method = http.MethodTrace }}

	account, _, c := w.certified("two-purposes")
	w.widen(account, gate.Grant{Behaviors: everything.Behaviors, Purposes: []gate.Purpose{gate.Treatment, gate.Payment}})
	all[gate.PurposeRequired] = scene{status: 403, key: c.Key, crt: &c.tls}

	_, device, c := w.certified("far-away")
	moved := *device
	moved.Addresses = gate.Addresses{These: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	w.put(&moved)
	all[gate.AddressNotAllowed] = scene{status: 403, key: c.Key, crt: &c.tls}
}

// widen gives the account's contract and certification another grant.
func (w *world) widen(account *gate.Account, grant gate.Grant) {
	w.t.Helper()
	directory := w.authority().Directory()
	contract, certification := *directory.Contracts(account.ID)[0], *directory.Certifications(account.ID)[0]
	contract.Grant, certification.Profile.Grant = grant, grant
	w.put(&contract, &certification)
}

// siteScenes has a host that was production once and is now served as a sandbox.
func (w *world) siteScenes(all map[gate.Reason]scene) {
	_, device := w.customer("tester", gate.Sandbox)
	key, _, err := w.authority().SandboxKey(w.eve, device.ID)
	must(w.t, err)
	w.put(&gate.Host{Name: "sandbox.test", Strictest: gate.Production})
	all[gate.StateUnconfirmed] = scene{status: 503, host: "sandbox.test", key: key}
}

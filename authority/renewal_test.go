package authority_test

import (
	"bytes"
	"encoding/pem"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"errors"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// renewKey renews with the credential, and returns what it is afterwards.
func (o *office) renewKey(got *authority.Credential) (*authority.Credential, error) {
	o.t.Helper()
	call, err := o.config.Entitle(o.request(got))
	must(o.t, err)
	defer call.Done(authority.Outcome{})
	if !call.Allowed() {
		o.t.Fatalf("not entitled: %s", call.Reason)
	}
	made, err := o.RenewKey(call)
	if err != nil {
		return nil, err
	}
	next := *got
	next.Key, next.KeyID = made.Key, made.Record.ID
	return &next, nil
}

func (o *office) renewCertificate(got *authority.Credential, csr []byte, replace gate.CertificateID) (*authority.Credential, []byte, error) {
	o.t.Helper()
	call, err := o.config.Entitle(o.request(got))
	must(o.t, err)
	defer call.Done(authority.Outcome{})
	if !call.Allowed() {
		o.t.Fatalf("not entitled: %s", call.Reason)
	}
	chain, err := o.RenewCertificate(call, csr, replace)
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(chain)
	for _, c := range o.Directory().Certificates(got.Device.ID) {
		if c.Fingerprint == gate.FingerprintOf(block.Bytes) {
			next := *got
			next.Certificate, next.Chain = c, chain
			return &next, chain, nil
		}
	}
	o.t.Fatal("the new certificate is not registered")
	return nil, nil, nil
}

func TestARenewedKeyAndTheOneBeforeBothWorkForThirtyDays(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	before := o.Stats().AuditEvents
	next, err := o.renewKey(acme.got)
	must(t, err)
	if got := verbs(o.events(before)); got[len(got)-1] != gate.KeyRenewed {
		t.Errorf("events %v", got)
	}
	if a, b := o.reason(acme.got), o.reason(next); a != gate.Allowed || b != gate.Allowed {
		t.Fatalf("old %s, new %s", a, b)
	}
	if s := o.Directory().Key(acme.got.KeyID).State(o.clock.now()); s != gate.Retiring {
		t.Errorf("the old key is %s", s)
	}
	o.pass(gate.KeyOverlap - time.Second)
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("a second before its end: %s", r)
	}
	o.pass(time.Second)
	if a, b := o.reason(acme.got), o.reason(next); a != gate.InvalidToken || b != gate.Allowed {
		t.Errorf("at its end: old %s, new %s", a, b)
	}
}

func TestALostNewKeyIsReplacedAndAUsedOneIsNot(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	lost, err := o.renewKey(acme.got)
	must(t, err)
	_, err = o.renewKey(acme.got)
	if wait, ok := errors.AsType[*gate.WaitError](err); !ok || wait.Wait <= 0 || wait.Wait > gate.RenewalPause {
		t.Fatalf("a second renewal at once: %v", err)
	}
	o.pass(gate.RenewalPause)
	next, err := o.renewKey(acme.got)
	must(t, err)
	if r := o.reason(lost); r != gate.InvalidToken {
		t.Errorf("the lost key: %s", r)
	}
	if r := o.reason(next); r != gate.Allowed { // it is used now
		t.Fatalf("the new key: %s", r)
	}
	o.pass(gate.RenewalPause)
	for name, with := range map[string]*authority.Credential{"the old key": acme.got, "the new key": next} {
		_, err = o.renewKey(with)
		refused(t, "a third live key, asked for with "+name, err, gate.Conflict)
	}
	o.pass(gate.KeyOverlap)
	if _, err = o.renewKey(next); err != nil {
		t.Errorf("after the old key has ended: %v", err)
	}
}

func TestARenewedCertificateGoesWithEitherKey(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	csr := newCSR(t)
	newCert, chain, err := o.renewCertificate(acme.got, csr, "")
	must(t, err)
	_, again, err := o.renewCertificate(acme.got, csr, "")
	if err != nil || !bytes.Equal(chain, again) {
		t.Errorf("the same request again: %v, the same chain: %v", err, bytes.Equal(chain, again))
	}
	newKey, err := o.renewKey(acme.got)
	must(t, err)
	for name, pair := range map[string]authority.Credential{
		"old and old": *acme.got, "new certificate": *newCert, "new key": *newKey,
		"new and new": {Device: acme.device, Certificate: newCert.Certificate, Key: newKey.Key},
	} {
		if r := o.reason(&pair); r != gate.Allowed {
			t.Errorf("%s: %s", name, r)
		}
	}
	all := o.Directory().Certificates(acme.device.ID)
	old := o.Directory().Certificate(acme.got.Certificate.ID)
	if s := old.StateAmong(all, o.clock.now()); s != gate.Retiring {
		t.Errorf("the old certificate is %s", s)
	}
	if by := old.ReplacedBy(all, o.clock.now()); by == nil || by.ID != newCert.Certificate.ID {
		t.Errorf("replaced by %v", by)
	}
	if s := newCert.Certificate.StateAmong(all, o.clock.now()); s != gate.Active {
		t.Errorf("the new certificate is %s", s)
	}
}

func TestAThirdCertificateNeedsRoom(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	lost, _, err := o.renewCertificate(acme.got, newCSR(t), "")
	must(t, err)
	o.pass(gate.RenewalPause)
	_, _, err = o.renewCertificate(acme.got, newCSR(t), "")
	refused(t, "a third certificate", err, gate.Conflict)
	if !strings.Contains(err.Error(), "?replace="+string(lost.Certificate.ID)) {
		t.Errorf("it does not say what helps: %v", err)
	}
	_, _, err = o.renewCertificate(acme.got, newCSR(t), acme.got.Certificate.ID)
	refused(t, "to replace the one in use", err, gate.Conflict)
	_, _, err = o.renewCertificate(acme.got, newCSR(t), "crt_other")
	refused(t, "to replace a stranger", err, gate.Invalid)
	next, _, err := o.renewCertificate(acme.got, newCSR(t), lost.Certificate.ID)
	must(t, err)
	if r := o.reason(lost); r != gate.CertificateRevoked {
		t.Errorf("the lost one: %s", r)
	}
	if r := o.reason(next); r != gate.Allowed {
		t.Errorf("the new one: %s", r)
	}
	o.pass(gate.RenewalPause)
	_, _, err = o.renewCertificate(acme.got, newCSR(t), next.Certificate.ID)
	refused(t, "to replace one that was used", err, gate.Conflict)
}

func TestAPublicKeyIsNeverCertifiedTwice(t *testing.T) {
	o := newOffice(t)
	acme, other := o.customer("acme"), o.customer("other")
	csr := newCSR(t)
	mine, _, err := o.renewCertificate(acme.got, csr, "")
	must(t, err)
	o.pass(gate.RenewalPause)
	_, _, err = o.renewCertificate(other.got, csr, "")
	refused(t, "another customer's public key", err, gate.Invalid)
	_, _, err = o.renewCertificate(mine, csr, "")
	refused(t, "its own public key again", err, gate.Invalid)
	_, err = o.RevokeCertificate(o.ben, mine.Certificate.ID, gate.KeyCompromise, "stolen")
	must(t, err)
	_, _, err = o.renewCertificate(acme.got, csr, "")
	refused(t, "a public key that was revoked as compromised", err, gate.Invalid)
	for _, garbage := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("x"), 1<<20), acme.got.Chain} {
		_, _, err = o.renewCertificate(acme.got, garbage, "")
		refused(t, "no signing request", err, gate.Invalid)
	}
}

func TestTwoRenewalsAtOnceGiveOneCertificate(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	same := newCSR(t)
	for name, csrs := range map[string][][]byte{"of the same key": {same, same}, "of two keys": {newCSR(t), newCSR(t)}} {
		before := len(o.Directory().Certificates(acme.device.ID))
		var wg sync.WaitGroup
		errs := make([]error, len(csrs))
		for i := range csrs {
			wg.Go(func() { _, _, errs[i] = o.renewCertificate(acme.got, csrs[i], "") })
		}
		wg.Wait()
		live := 0
		for _, c := range o.Directory().Certificates(acme.device.ID) {
			if c.State(o.clock.now()).Live() {
				live++
			}
		}
		if live > gate.MaxLive || len(o.Directory().Certificates(acme.device.ID)) > before+1 {
			t.Errorf("%s: %d live certificates, errors %v", name, live, errs)
		}
	}
}

func TestRenewalIsBoundedForEachDevice(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	made := 0
	for range 100 {
		if _, err := o.renewKey(acme.got); err == nil {
			made++
		} else if _, ok := errors.AsType[*gate.WaitError](err); !ok {
			t.Fatal(err)
		}
		o.pass(3 * time.Second) // five minutes in all: the attempts themselves are bounded too
	}
	if made != gate.RenewalsPerDay {
		t.Errorf("%d keys were made within 5 minutes, want %d", made, gate.RenewalsPerDay)
	}
}

func TestWhoMayNotCallGetsNoNewCredential(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	call, err := o.config.Entitle(o.request(acme.got))
	must(t, err)
	defer call.Done(authority.Outcome{})
	if !call.Allowed() {
		t.Fatal(call.Reason)
	}
	_, err = o.Impose(o.ben, authority.Imposition{Measure: gate.Suspend, Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(acme.account.ID)}, Why: "test"})
	must(t, err)
	keys := len(o.Directory().Keys(acme.device.ID))
	_, err = o.RenewKey(call)
	if !errors.Is(err, authority.ErrNotEntitled) || call.Reason != gate.AccountSuspended {
		t.Errorf("suspended while it was sending: %v, %s", err, call.Reason)
	}
	_, err = o.RenewCertificate(call, newCSR(t), "")
	if !errors.Is(err, authority.ErrNotEntitled) {
		t.Errorf("suspended while it was sending: %v", err)
	}
	if n := len(o.Directory().Keys(acme.device.ID)); n != keys || len(o.Directory().Certificates(acme.device.ID)) != 1 {
		t.Error("something was made")
	}
	again, err := o.config.Entitle(o.request(acme.got))
	must(t, err)
	defer again.Done(authority.Outcome{})
	if again.Reason != gate.AccountSuspended {
		t.Errorf("afterwards: %s", again.Reason)
	}
}

func TestEachRenewalIsToldToTheTechnicalAndSecurityContacts(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	_, err := o.renewKey(acme.got)
	must(t, err)
	_, _, err = o.renewCertificate(acme.got, newCSR(t), "")
	must(t, err)
	list, err := o.Notices(acme.account.ID, 100)
	must(t, err)
	told := 0
	for _, n := range list {
		if n.Kind == gate.RenewedNotice {
			told++
			if !strings.Contains(n.Body, "127.0.0.1") || !strings.Contains(n.Body, "acme/main/prod") || len(n.To) != 1 {
				t.Errorf("it says %s to %v", n.Body, n.To)
			}
			if strings.Contains(n.Body+n.Event, "orpk_") {
				t.Error("it holds a key")
			}
		}
	}
	if told != 2 {
		t.Errorf("%d notices, want 2", told)
	}
}

// A link is another way to a new key: the one before goes on for as long as after a renewal, and the customer is told until when.
func TestAKeyFromALinkTakesThePlaceOfTheOneBefore(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	_, token := o.release(acme.device.ID, o.Directory().Certifications(acme.account.ID)[0].ID)
	got, err := o.Redeem(token, newCSR(t))
	must(t, err)
	before := o.Directory().Key(acme.got.KeyID)
	if before.RetireAt == nil || !before.RetireAt.Equal(o.clock.now().Truncate(time.Second).Add(gate.KeyOverlap)) {
		t.Fatalf("the key before ends at %v", before.RetireAt)
	}
	if made := o.Directory().Key(got.KeyID); made.RetireAt != nil {
		t.Errorf("the new key ends at %v", made.RetireAt)
	}
	if !slices.ContainsFunc(o.notices(acme.account.ID), func(n *gate.Notice) bool {
		return n.Kind == gate.TakenNotice && strings.Contains(n.Body, "The key that the new one replaces is accepted until ")
	}) {
		t.Error("the customer is not told until when")
	}
}

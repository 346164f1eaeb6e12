package authority_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestALostAnswerIsRedeemedAgainWithANewKey(t *testing.T) {
	o := newOffice(t)
	_, _, token := o.preprod("acme")
	csr := newCSR(t)
	var earlier *authority.Credential
	for n := 1; n <= gate.EnrollmentRedemptions; n++ {
		got, err := o.Redeem(token, csr)
		if err != nil {
			t.Fatalf("redemption %d: %v", n, err)
		}
		if o.Directory().Key(got.KeyID).Revoked != nil {
			t.Fatalf("redemption %d gave a revoked key", n)
		}
		if earlier != nil {
			if got.Key == earlier.Key || got.KeyID == earlier.KeyID {
				t.Errorf("redemption %d gave the same key again", n)
			}
			if got.Certificate.ID != earlier.Certificate.ID || !bytes.Equal(got.Chain, earlier.Chain) {
				t.Errorf("redemption %d gave another certificate", n)
			}
			if k := o.Directory().Key(earlier.KeyID); k.Revoked == nil || k.Revoked.Reason != gate.Superseded {
				t.Errorf("redemption %d left the earlier key %+v", n, k.Revoked)
			}
			if r := o.reason(earlier); r != gate.InvalidToken {
				t.Errorf("the earlier key: %s", r)
			}
		}
		earlier = got
	}
	_, err := o.Redeem(token, csr)
	refused(t, "one redemption too many", err, gate.Conflict)
	if r := o.reason(earlier); r != gate.Allowed {
		t.Errorf("the last key: %s", r)
	}
}

func TestAnotherPublicKeyIsRefusedAndRecorded(t *testing.T) {
	o := newOffice(t)
	_, e, token := o.preprod("acme")
	first, err := o.Redeem(token, newCSR(t))
	must(t, err)
	before := o.Stats().AuditEvents
	for range 3 * gate.EnrollmentRedemptions {
		_, err = o.Redeem(token, newCSR(t))
		refused(t, "another public key", err, gate.Conflict)
	}
	events := o.events(before)
	if len(events) != gate.EnrollmentRedemptions {
		t.Errorf("%d events, want %d: each is written until there are enough", len(events), gate.EnrollmentRedemptions)
	}
	for _, event := range events {
		if event.Verb != gate.EnrollmentRefused || event.Object != string(e.ID) || event.Account != e.Account {
			t.Errorf("event %+v", event)
		}
	}
	if r := o.reason(first); r != gate.Allowed {
		t.Error("the attempt took the customer's credential away")
	}
	told := o.reminded(gate.LinkTriedNotice)
	if len(told) != 1 {
		t.Fatalf("staff were told %d times, want once", len(told))
	}
	if n := told[0]; n.Account != "" || !strings.Contains(n.Body, string(first.Certificate.ID)) || !strings.Contains(n.Body, "acme/main/pre") || strings.Contains(n.Body+n.Event, token) {
		t.Errorf("they were told %s\n%s", n.Body, n.Event)
	}
}

func TestAPublicKeyServesOneDevice(t *testing.T) {
	o := newOffice(t)
	_, _, one := o.preprod("one")
	_, _, two := o.preprod("two")
	csr := newCSR(t)
	_, err := o.Redeem(one, csr)
	must(t, err)
	_, err = o.Redeem(two, csr)
	refused(t, "a public key that is in use", err, gate.Invalid)
}

func TestALinkThatIsOverIsDead(t *testing.T) {
	for name, over := range map[string]func(o *office, device *gate.Device, token string, got *authority.Credential){
		"expired":  func(o *office, _ *gate.Device, _ string, _ *authority.Credential) { o.pass(gate.EnrollmentLifetime) },
		"replaced": func(o *office, d *gate.Device, _ string, _ *authority.Credential) { o.release(d.ID, "") },
		"acknowledged": func(o *office, _ *gate.Device, token string, _ *authority.Credential) {
			must(o.t, o.Acknowledge(token))
		},
		// The sighting may still be in the queue: redeeming writes it down first.
		"key used a moment ago": func(o *office, _ *gate.Device, _ string, got *authority.Credential) {
			if r := o.reason(got); r != gate.Allowed {
				o.t.Fatal(r)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			device, e, token := o.preprod("acme")
			csr := newCSR(t)
			got, err := o.Redeem(token, csr)
			must(t, err)
			over(o, device, token, got)
			before := o.Stats().AuditEvents
			_, err = o.Redeem(token, csr)
			refused(t, name, err, gate.Conflict)
			events := o.events(before)
			if last := events[len(events)-1]; last.Verb != gate.EnrollmentRefused || last.Object != string(e.ID) {
				t.Errorf("the refusal left the event %+v", last)
			}
			if k := o.Directory().Key(got.KeyID); k.Revoked != nil {
				t.Error("the customer's key was revoked")
			}
		})
	}
}

func TestALinkIsNotGuessed(t *testing.T) {
	o := newOffice(t)
	_, _, token := o.preprod("acme")
	before := o.Stats().AuditEvents
	for _, wrong := range []string{"", "x", token[:len(token)-1], token + "A", string(bytes.Repeat([]byte("A"), 500))} {
		_, err := o.Redeem(wrong, newCSR(t))
		refused(t, "token "+wrong, err, gate.NotFound)
		refused(t, "acknowledging "+wrong, o.Acknowledge(wrong), gate.NotFound)
	}
	for _, csr := range [][]byte{nil, []byte("no request"), bytes.Repeat([]byte("A"), 1<<20)} {
		_, err := o.Redeem(token, csr)
		refused(t, "a request that is none", err, gate.Invalid)
	}
	if n := o.Stats().AuditEvents; n != before {
		t.Errorf("%d events were written", n-before)
	}
}

func TestAcknowledgingTakesTheLinkAway(t *testing.T) {
	o := newOffice(t)
	_, e, token := o.preprod("acme")
	refused(t, "acknowledging before redeeming", o.Acknowledge(token), gate.Conflict)
	_, err := o.Redeem(token, newCSR(t))
	must(t, err)
	must(t, o.Acknowledge(token))
	before := o.Stats().AuditEvents
	must(t, o.Acknowledge(token)) // twice is no error, and no second event
	if o.Stats().AuditEvents != before {
		t.Error("the second acknowledgement left an event")
	}
	for _, n := range o.notices(e.Account) {
		if n.SealedLink != nil {
			t.Errorf("notice %s still holds a link", n.ID)
		}
	}
	_, err = o.TakeLink(e.Notice)
	refused(t, "taking the link again", err, gate.Conflict)
}

func (o *office) notices(account gate.AccountID) []*gate.Notice {
	o.t.Helper()
	list, err := o.Notices(account, 1000)
	must(o.t, err)
	return list
}

func TestADeviceHasAtMostTwoLiveCredentials(t *testing.T) {
	o := newOffice(t)
	device, _, token := o.preprod("acme")
	one, err := o.Redeem(token, newCSR(t))
	must(t, err)
	_, second := o.release(device.ID, "")
	_, err = o.Redeem(second, newCSR(t))
	must(t, err)
	_, err = o.Release(o.eve, device.ID, "")
	refused(t, "a third release", err, gate.Conflict)
	_, err = o.RevokeKey(o.ben, one.KeyID, gate.Superseded, "old")
	must(t, err)
	_, err = o.RevokeCertificate(o.ben, one.Certificate.ID, gate.Superseded, "old")
	must(t, err)
	_, third := o.release(device.ID, "")
	_, err = o.Redeem(third, newCSR(t))
	must(t, err)
}

func TestReleaseFitsTheEnvironment(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	sandbox, pre, prod := o.device(account, "sand", gate.Sandbox), o.device(account, "pre", gate.Preprod), o.device(account, "prod", gate.Production)
	uncovered := o.device(account, "other", gate.Production)
	contract := o.contract(account)
	c := o.certify(contract, prod.ID)
	for name, row := range map[string]struct {
		device gate.DeviceID
		cert   gate.CertificationID
		kind   gate.Kind
	}{
		"sandbox":                    {sandbox.ID, "", gate.Conflict},
		"pre-production with a case": {pre.ID, c.ID, gate.Invalid},
		"production without a case":  {prod.ID, "", gate.Invalid},
		"a case that covers another": {uncovered.ID, c.ID, gate.Conflict},
		"no such device":             {"dev_unknown", c.ID, gate.NotFound},
		"no such case":               {prod.ID, "cas_unknown", gate.NotFound},
	} {
		_, err := o.Release(o.eve, row.device, row.cert)
		refused(t, name, err, row.kind)
	}
	open := o.interviewed(contract, uncovered.ID)
	_, err := o.Release(o.eve, uncovered.ID, open.ID)
	refused(t, "a case that is not approved", err, gate.Conflict)
	if _, err := o.Release(o.eve, pre.ID, ""); err != nil {
		t.Errorf("pre-production without a case: %v", err)
	}
}

func TestACaseThatEndedAfterReleaseGivesNoCredential(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	device := o.device(account, "prod", gate.Production)
	c := o.certify(o.contract(account), device.ID)
	_, token := o.release(device.ID, c.ID)
	_, err := o.RevokeCertification(o.cho, c.ID, "test")
	must(t, err)
	_, err = o.Redeem(token, newCSR(t))
	refused(t, "redeeming under a revoked certification", err, gate.Conflict)
	if n := len(o.Directory().Keys(device.ID)) + len(o.Directory().Certificates(device.ID)); n != 0 {
		t.Errorf("%d parts of a credential were left", n)
	}
}

func TestASandboxKeyIsOneCall(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	device := o.device(account, "sand", gate.Sandbox)
	key, record, err := o.SandboxKey(o.eve, device.ID)
	must(t, err)
	got := &authority.Credential{Device: device, Key: key, KeyID: record.ID, Certificate: &gate.Certificate{}}
	request := o.request(got)
	request.Leaf = nil
	call, err := o.config.Check(request)
	must(t, err)
	if !call.Allowed() {
		t.Errorf("a sandbox key: %s", call.Reason)
	}
	call.Done(authority.Outcome{})
	_, _, err = o.SandboxKey(o.eve, device.ID)
	must(t, err)
	_, _, err = o.SandboxKey(o.eve, device.ID)
	refused(t, "a third live key", err, gate.Conflict)
	for _, e := range []gate.Environment{gate.Preprod, gate.Production} {
		_, _, err = o.SandboxKey(o.eve, o.device(account, "d-"+e.String(), e).ID)
		refused(t, "staff asking for a key of "+e.String(), err, gate.Conflict)
	}
}

func TestSecretsStandNowhereInTheStore(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	text := snapshot(t, o.Directory())
	for _, n := range o.notices("") {
		text += n.Subject + n.Body + string(n.SealedLink)
	}
	for _, e := range o.events(0) {
		text += e.Detail + e.Why + e.Object
	}
	for name, secret := range map[string]string{"key": acme.got.Key, "enrollment token": acme.token} {
		if strings.Contains(text, secret) {
			t.Errorf("the %s can be read", name)
		}
	}
}

func TestFirstUseIsWrittenOnce(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	before := o.Stats().AuditEvents
	for range 10 {
		if r := o.reason(acme.got); r != gate.Allowed {
			t.Fatal(r)
		}
	}
	if n := o.Stats().AuditEvents; n != before {
		t.Fatalf("a request wrote %d events itself", n-before)
	}
	o.pass(time.Second)
	used := o.clock.now()
	o.pass(time.Second)
	o.reason(acme.got)
	o.pass(time.Second)
	if diff := cmp.Diff([]gate.Verb{gate.CredentialFirstUsed, gate.HostServed}, verbs(o.events(before))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	key, crt := o.Directory().Key(acme.got.KeyID), o.Directory().Certificate(acme.got.Certificate.ID)
	if key.FirstUsedAt == nil || !key.FirstUsedAt.Equal(used) || crt.FirstUsedAt == nil || !crt.FirstUsedAt.Equal(used) {
		t.Errorf("first used: key %v, certificate %v, want %s", key.FirstUsedAt, crt.FirstUsedAt, used)
	}
	if h := o.Directory().Host("api.test"); h == nil || h.Strictest != gate.Production {
		t.Errorf("the host is %+v", h)
	}
}

func TestAFloodOfFirstUsesNeverBlocksARequest(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	for range 5000 { // many times what the queue holds; nothing empties it meanwhile
		if r := o.reason(acme.got); r != gate.Allowed {
			t.Fatal(r)
		}
	}
	o.pass(time.Second)
	if o.Directory().Key(acme.got.KeyID).FirstUsedAt == nil {
		t.Error("the first use was lost")
	}
}

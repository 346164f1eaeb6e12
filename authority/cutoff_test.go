package authority_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// calls makes the call once a minute for so many minutes, with the jobs between.
func (o *office) calls(minutes int, r func() *gate.Request) (last gate.Reason) {
	o.t.Helper()
	for range minutes {
		_, last = o.ask(r())
		o.pass(time.Minute)
	}
	return last
}

// cutOffNotices are how many notices of devices that are cut off customers and staff have had.
func (o *office) cutOffNotices() [2]int {
	return [2]int{len(o.reminded(gate.CutOffNotice)), len(o.reminded(gate.StaffCutOffNotice))}
}

func TestADeviceThatIsOnlyRefusedIsToldOfOnceAndEndsWhenItPasses(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	own := func() *gate.Request { return o.request(acme.got) }
	o.calls(2, own)
	r := o.suspend(acme.account)
	if o.calls(4, own); o.cutOffNotices() != [2]int{} || o.Stats().DevicesCutOff != 0 {
		t.Fatalf("after four minutes: %v, %d", o.cutOffNotices(), o.Stats().DevicesCutOff)
	}
	if o.calls(20, own); o.cutOffNotices() != [2]int{1, 1} || o.Stats().DevicesCutOff != 1 {
		t.Fatalf("after 24 minutes: %v, %d", o.cutOffNotices(), o.Stats().DevicesCutOff)
	}
	customer, staff := o.reminded(gate.CutOffNotice)[0], o.reminded(gate.StaffCutOffNotice)[0]
	for text, says := range map[string][]string{
		customer.Subject + customer.Body: {"acme/main/prod", "account-suspended", "since 1 March 2027, 09:02 UTC", "https://public.test/problems/account-suspended"},
		staff.Subject + staff.Body:       {"acme/main/prod", "account-suspended", "since 1 March 2027, 09:02 UTC", "certgate remediation list --account acme"},
	} {
		for _, words := range says {
			if !strings.Contains(text, words) {
				t.Errorf("it does not say %q:\n%s", words, text)
			}
		}
	}
	if strings.Contains(customer.Body, "certgate remediation") || len(addresses(staff)) == 0 {
		t.Errorf("to %v:\n%s", addresses(staff), customer.Body)
	}
	_, err := o.Lift(o.ben, r.ID, "a mistake")
	if err != nil { // after a quarter of an hour it takes somebody else
		_, err = o.Lift(o.cho, r.ID, "looked into")
	}
	must(t, err)
	if o.calls(1, own); o.Stats().DevicesCutOff != 0 {
		t.Error("it passes, and counts as cut off")
	}
	for range 5 { // a device that comes and goes
		r := o.suspend(acme.account)
		o.calls(8, own)
		_, err := o.Lift(o.ben, r.ID, "again")
		must(t, err)
		o.calls(1, own)
	}
	if got := o.cutOffNotices(); got != [2]int{1, 1} {
		t.Errorf("%v notices on one day", got)
	}
	o.pass(25 * time.Hour)
	o.calls(1, own)
	o.suspend(acme.account)
	if o.calls(8, own); o.cutOffNotices() != [2]int{2, 2} {
		t.Errorf("on another day: %v", o.cutOffNotices())
	}
}

// Every way in which a credential ends is noticed, though the checks of who calls then fail.
func TestAnEndedCredentialCutsItsDeviceOff(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(o *office, c *customer)
		want gate.Reason
	}{
		"key revoked": {func(o *office, c *customer) {
			_, err := o.RevokeKey(o.ben, c.got.KeyID, gate.KeyCompromise, "lost")
			must(o.t, err)
		}, gate.InvalidToken},
		"certificate revoked": {func(o *office, c *customer) {
			_, err := o.RevokeCertificate(o.ben, c.got.Certificate.ID, gate.KeyCompromise, "lost")
			must(o.t, err)
		}, gate.CertificateRevoked},
		"contract ended": {func(o *office, c *customer) {
			_, err := o.EndContract(o.cho, c.contract.ID, "over")
			must(o.t, err)
		}, gate.ContractHasEnded},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			acme := o.customer("acme")
			own := func() *gate.Request { return o.request(acme.got) }
			o.calls(1, own)
			row.end(o, acme)
			if reason := o.calls(1, own); reason != row.want {
				t.Fatalf("refused with %s", reason)
			}
			o.pass(5 * time.Minute) // the program has given up
			if got := o.cutOffNotices(); got != [2]int{1, 1} || o.Stats().DevicesCutOff != 1 {
				t.Errorf("%v, %d cut off", got, o.Stats().DevicesCutOff)
			}
		})
	}
}

// Whoever holds half of a credential, or none, cannot make it look as if its owner were cut off, and cannot hide that it is.
func TestStrangersCutNobodyOff(t *testing.T) {
	o := newOffice(t)
	acme, other := o.customer("acme"), o.customer("other")
	with := func(certificate, key *authority.Credential, edit func(*gate.Request)) func() *gate.Request {
		return func() *gate.Request {
			r := o.request(certificate)
			r.Authorization = o.request(key).Authorization
			if edit != nil {
				edit(r)
			}
			return r
		}
	}
	nobody := func(r *gate.Request) { r.Leaf = nil }
	for name, call := range map[string]func() *gate.Request{
		"the certificate without a key":     with(acme.got, acme.got, func(r *gate.Request) { r.Authorization = nil }),
		"the certificate, a key of another": with(acme.got, other.got, nil),
		"the key, a certificate of another": with(other.got, acme.got, nil),
		"the key without a certificate":     with(acme.got, acme.got, nobody),
		"the certificate, a guess at the key": with(acme.got, acme.got, func(r *gate.Request) {
			r.Authorization = []string{"Bearer " + withSecret(acme.got.Key, "7")}
		}),
		"the certificate, a key that is wrong": with(acme.got, acme.got, func(r *gate.Request) {
			r.Authorization = []string{r.Authorization[0][:len(r.Authorization[0])-1] + "x"}
		}),
	} {
		o.ask(o.request(acme.got))
		o.ask(o.request(other.got))
		for range 20 {
			for range 10 {
				if _, reason := o.ask(call()); reason == gate.Allowed {
					t.Fatalf("%s: it passed", name)
				}
			}
			o.pass(time.Minute)
		}
		if got := o.cutOffNotices(); got != [2]int{} || o.Stats().DevicesCutOff != 0 {
			t.Errorf("%s: %v, %d cut off", name, got, o.Stats().DevicesCutOff)
		}
	}
	o.suspend(acme.account)
	for range 8 {
		o.ask(o.request(acme.got))
		o.ask(with(acme.got, other.got, nil)())
		o.pass(time.Minute)
	}
	if o.Stats().DevicesCutOff != 1 {
		t.Error("strangers hide that its owner is cut off")
	}
}

// One wrong call says nothing of the rest; only where all of them are wrong for five minutes is something amiss.
func TestOneWrongCallIsNoCutOff(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	wrong := func() *gate.Request {
		r := o.request(acme.got)
		r.Path = "/secret/1"
		return r
	}
	o.calls(1, func() *gate.Request { return o.request(acme.got) })
	o.calls(1, wrong)
	if o.pass(time.Hour); o.cutOffNotices() != [2]int{} {
		t.Errorf("%v notices of one wrong call", o.cutOffNotices())
	}
	o.calls(1, func() *gate.Request { return o.request(acme.got) })
	if o.calls(7, wrong); o.cutOffNotices() != [2]int{1, 1} {
		t.Errorf("%v notices of nothing but wrong calls", o.cutOffNotices())
	}
}

func TestACutOffOutlivesARestart(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	own := func() *gate.Request { return o.request(acme.got) }
	o.calls(2, own)
	o.suspend(acme.account)
	o.calls(3, own)
	restart := func() {
		must(t, o.Close())
		o.reopen(p)
	}
	restart()
	if o.calls(8, own); o.cutOffNotices() != [2]int{1, 1} {
		t.Fatalf("after a restart: %v", o.cutOffNotices())
	}
	restart()
	if o.calls(8, own); o.cutOffNotices() != [2]int{1, 1} || o.Stats().DevicesCutOff != 1 {
		t.Errorf("after another: %v, %d", o.cutOffNotices(), o.Stats().DevicesCutOff)
	}
}

// What ends within the hour while calls come is told once for all devices that it meets, and not at all where nobody calls.
func TestWhatEndsWithinTheHourIsToldWhileCallsCome(t *testing.T) {
	o := newOffice(t)
	acme, quiet := o.customer("acme"), o.customer("quiet")
	_, ends := o.Directory().Contract(acme.contract.ID).Term()
	o.pass(ends.Add(-90 * time.Minute).Sub(o.clock.now()))
	o.calls(20, func() *gate.Request { return o.request(acme.got) })
	if got := o.cutOffNotices(); got != [2]int{} {
		t.Fatalf("more than an hour before: %v", got)
	}
	o.calls(50, func() *gate.Request { return o.request(acme.got) })
	if got := o.cutOffNotices(); got != [2]int{1, 1} {
		t.Fatalf("within the hour: %v", got)
	}
	n := o.reminded(gate.CutOffNotice)[0]
	if n.Account != acme.account.ID || !strings.Contains(n.Body, "will be refused from 29 February 2028, 00:00 UTC on, with the code contract-ended") {
		t.Errorf("%s:\n%s", n.Account, n.Body)
	}
	if o.notices(quiet.account.ID)[0].Kind == gate.CutOffNotice {
		t.Error("whoever does not call is told too")
	}
}

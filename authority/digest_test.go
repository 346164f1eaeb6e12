package authority_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

var update = flag.Bool("update", false, "write what is compared with files in testdata")

// until passes to the time, in the operator's default zone.
func (o *office) until(local string) {
	o.t.Helper()
	zone, err := time.LoadLocation(authority.DefaultZone)
	must(o.t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04:05", local, zone)
	must(o.t, err)
	o.pass(at.Sub(o.clock.now()))
}

// digests are those that were made, the oldest first.
func (o *office) digests() []*gate.Notice { return o.reminded(gate.DigestNotice) }

func TestStaffAreToldEachBusinessDayOnceWhatWaits(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	account := o.account("acme")
	c := o.interviewed(o.contract(account), o.device(account, "prod", gate.Production).ID) // on Monday 1 March 2027, 04:00 EST
	o.until("2027-03-01 08:00:00")
	if n := len(o.digests()); n != 0 {
		t.Fatalf("nothing waits, and there are %d digests", n)
	}
	_, err := o.Approve(o.cho, c.ID, "")
	must(t, err)
	for _, row := range []struct {
		at   string
		want int
	}{
		{"2027-03-01 09:00:00", 0}, // the day was seen to at eight
		{"2027-03-02 07:59:59", 0},
		{"2027-03-02 08:00:59", 1},
		{"2027-03-02 15:00:00", 1},
		{"2027-03-12 07:59:00", 1}, // nothing ran for more than a week
		{"2027-03-12 15:00:00", 2}, // started later in the day
		{"2027-03-13 10:00:00", 2}, // Saturday
		{"2027-03-15 07:59:59", 2}, // clocks have gone forward
		{"2027-03-15 08:01:00", 3},
		{"2027-05-31 12:00:00", 3}, // Memorial Day
		{"2027-06-01 08:01:00", 4},
	} {
		must(t, o.Close())
		o.reopen(p)
		o.until(row.at)
		if got := len(o.digests()); got != row.want {
			t.Fatalf("%s: %d digests, want %d", row.at, got, row.want)
		}
	}
	last := o.digests()[3]
	if got := strings.Join(addresses(last), " "); got != "ben@example.com cho@example.com eve@example.com" || last.Account != "" {
		t.Errorf("to %s of %q", got, last.Account)
	}
	if strings.Contains(last.Event, "acme") {
		t.Errorf("webhooks are told %s", last.Event)
	}
}

// One thing of each sort waits; the words are those in testdata.
func TestTheDigestSaysWhatWaitsAndWhichCommandHelps(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	o.send(mail.Address())
	acme := o.customer("acme")
	beta := o.account("beta")
	terms := o.contract(beta)
	o.certify(terms, o.device(beta, "prod", gate.Production).ID)
	open := o.interviewed(terms, o.device(beta, "second", gate.Production).ID)
	_, err := o.RaiseFinding(o.ben, open.ID, gate.NewFinding{Text: "Say who rotates keys.", Severity: gate.HighSeverity, Due: "2027-03-08T18:00:00Z"})
	must(t, err)
	planned := o.requested(terms, o.device(beta, "third", gate.Production).ID)
	_, err = o.ScheduleInterview(o.ben, planned.ID, gate.Plan{At: time.Date(2027, 3, 9, 19, 0, 0, 0, time.UTC)})
	must(t, err)
	late := o.requested(terms, o.device(beta, "fourth", gate.Production).ID)
	_, err = o.ScheduleInterview(o.ben, late.ID, gate.Plan{At: time.Date(2027, 3, 8, 19, 0, 0, 0, time.UTC)})
	must(t, err)
	_, err = o.ReportChange(o.ben, acme.cert.ID, gate.HostingChanged, "Another cloud.")
	must(t, err)
	o.proposals(acme)
	o.eventually("all is sent", func() bool {
		o.pass(time.Second)
		return !slices.ContainsFunc(o.notices(""), func(n *gate.Notice) bool { return !n.State(o.clock.now()).Settled() })
	})
	mail.Refuse("ann@example.com", true)
	suspended := o.suspend(acme.account)
	o.eventually("the notice has failed", func() bool {
		o.pass(time.Second)
		return o.notice(suspended.Notice).State(o.clock.now()) == gate.NoticeFailed
	})
	mail.Refuse("ann@example.com", false) // a reminder of the same minute may be sent before the digest is made, or after
	o.until("2027-03-09 08:01:00")
	list := o.digests()
	got := "Subject: " + list[len(list)-1].Subject + "\n\n" + o.unnamed(list[len(list)-1].Body)
	file := filepath.Join("testdata", "digest.txt")
	if *update {
		must(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// proposals makes one proposal of each sort, and a contract that ends soon.
func (o *office) proposals(acme *customer) {
	o.t.Helper()
	_, err := o.ProposeContacts(o.ben, acme.account.ID, newTechnical("uma@acme.example"), "Ann has left")
	must(o.t, err)
	_, err = o.ProposeExtension(o.ben, acme.contract.ID, acme.contract.Last.AddDays(5), "The signature is late.")
	must(o.t, err)
	_, err = o.ProposePerson(o.cho, "fay", authority.Proposed{Roles: []gate.Role{gate.Operator}, Email: "fay@example.com", Link: true})
	must(o.t, err)
	o.reason(acme.got)
	o.pass(time.Second)
	_, err = o.ProposeLowering(o.cho, "api.test", authority.NewLowering{To: gate.Sandbox, Why: "test"})
	must(o.t, err)
	_, err = o.Import(o.cho, takeover(incumbentHere("old", authority.OldCredentials{Tokens: []string{oldToken}})))
	must(o.t, err)
	soon := o.account("soon")
	o.device(soon, "prod", gate.Production)
	_, err = o.CreateContract(o.ben, gate.Contract{Account: soon.ID, First: "2027-03-01", Last: "2027-03-20", Zone: "UTC", Grant: everything})
	must(o.t, err)
}

// requested is a case that was opened.
func (o *office) requested(contract *gate.Contract, device gate.DeviceID) *gate.Certification {
	o.t.Helper()
	c, err := o.RequestCertification(o.ben, gate.Certification{Contract: contract.ID, Devices: []gate.DeviceID{device},
		Profile: gate.Profile{Grant: everything, Hosting: "own", KeyStorage: "vault", DailyVolume: 1000}})
	must(o.t, err)
	return c
}

// unnamed puts counted names in the places of identifiers, which are drawn.
func (o *office) unnamed(text string) string {
	seen := map[string]int{}
	return regexp.MustCompile(`\b([a-z]{3})_[0-9a-z]{26,}`).ReplaceAllStringFunc(text, func(id string) string {
		if _, ok := seen[id]; !ok {
			seen[id] = len(seen) + 1
		}
		return fmt.Sprintf("%s_%d", id[:3], seen[id])
	})
}

// While the store is quarantined the digest says that and nothing else: the rest is from before what was lost.
func TestTheDigestOfAQuarantinedStoreSaysOnlyThat(t *testing.T) {
	s := newSetBack(t)
	must(t, s.start())
	s.until("2027-03-02 08:01:00")
	list := s.digests()
	if len(list) != 1 || !strings.Contains(list[0].Body, "store that is quarantined") || !strings.Contains(list[0].Body, "certgate audit loss") || strings.Contains(list[0].Body, "cas_") {
		t.Fatalf("%d digests, %+v", len(list), list)
	}
}

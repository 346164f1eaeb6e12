package authority_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// lifeScene is what the years bring to a customer.
type lifeScene struct {
	extending *gate.Contract      // cho has proposed an extension
	reported  *gate.Certification // ben has reported a change
	due       *gate.Certification // must be certified anew
	passing   *gate.Certification // lacks only its recertification
	moving    *gate.Account       // cho has proposed another technical contact
}

func (o *office) lifeScene() lifeScene {
	o.t.Helper()
	account := o.account("years")
	contract := o.contract(account)
	certified := func(slug string) *gate.Certification {
		return o.certify(contract, o.device(account, slug, gate.Production).ID)
	}
	var s lifeScene
	var err error
	s.extending, err = o.ProposeExtension(o.cho, contract.ID, contract.Last.AddDays(2), "late")
	must(o.t, err)
	s.reported, err = o.ReportChange(o.ben, certified("reported").ID, gate.HostingChanged, "moved")
	must(o.t, err)
	s.due, err = o.Recertify(o.cho, certified("due").ID, o.clock.now().Add(time.Hour), "moved")
	must(o.t, err)
	s.passing, err = o.Recertify(o.cho, certified("passing").ID, o.clock.now().Add(time.Hour), "moved")
	must(o.t, err)
	s.passing, err = o.ScheduleInterview(o.ben, s.passing.ID, gate.Plan{At: o.clock.now()})
	must(o.t, err)
	s.passing, err = o.HoldInterview(o.ben, s.passing.ID, s.passing.Interviews[1].ID, transcript(), nil)
	must(o.t, err)
	s.passing, err = o.UpdateProfile(o.ben, s.passing.ID, s.passing.Profile, "vault/9")
	must(o.t, err)
	s.moving, err = o.ProposeContacts(o.cho, o.account("moving").ID, newTechnical("new@example.com"), "Tim has left")
	must(o.t, err)
	return s
}

// lifeOperations are those of the years after certification.
func lifeOperations() []operation {
	return []operation{
		{"Renew", gate.ManageAccounts, "ben", gate.ContractRenewed, gate.RenewalNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Renew(by, s.live.contract.ID, authority.NewTerm{Last: s.live.contract.Last.AddDays(365), Why: "as before"})
			return err
		}},
		{"Amend", gate.ManageAccounts, "ben", gate.ContractAmended, gate.AmendmentNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Amend(by, s.live.contract.ID, gate.Terms{Grant: gate.Grant{Purposes: []gate.Purpose{gate.Payment}}}, "another")
			return err
		}},
		{"ProposeExtension", gate.ManageAccounts, "ben", gate.ExtensionProposed, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.ProposeExtension(by, s.live.contract.ID, s.live.contract.Last.AddDays(7), "late")
			return err
		}},
		{"ConfirmExtension", gate.ManageAccounts, "ben", gate.ContractExtended, gate.ExtensionNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.ConfirmExtension(by, s.life.extending.ID)
			return err
		}},
		{"ProposeContacts", gate.ManageAccounts, "ben", gate.ContactsProposed, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.ProposeContacts(by, s.live.account.ID, newTechnical("new@example.com"), "Tim has left")
			return err
		}},
		{"ConfirmContacts", gate.ManageAccounts, "ben", gate.ContactsConfirmed, gate.ContactsNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.ConfirmContacts(by, s.life.moving.ID)
			return err
		}},
		{"WithdrawContacts", gate.ManageAccounts, "ben", gate.ContactsWithdrawn, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.WithdrawContacts(by, s.life.moving.ID)
			return err
		}},
		{"ReportChange", gate.HoldInterview, "ben", gate.ChangeReported, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.ReportChange(by, s.live.cert.ID, gate.OwnershipChanged, "sold")
			return err
		}},
		{"JudgeChange as material", gate.DecideCase, "cho", gate.ChangeJudged, gate.RecertifyNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.JudgeChange(by, s.life.reported.ID, authority.Judgment{Material: true, Why: "another cloud"})
			return err
		}},
		{"JudgeChange as immaterial", gate.DecideCase, "cho", gate.ChangeJudged, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.JudgeChange(by, s.life.reported.ID, authority.Judgment{Why: "the same cloud"})
			return err
		}},
		{"UpdateProfile", gate.HoldInterview, "ben", gate.ProfileUpdated, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.UpdateProfile(by, s.life.due.ID, s.life.due.Profile, "vault/9")
			return err
		}},
		{"PassRecertification", gate.DecideCase, "cho", gate.ChangeCertified, gate.RecertifiedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.PassRecertification(by, s.life.passing.ID, "shown")
			return err
		}},
		{"Join", gate.DecideCase, "cho", gate.DeviceJoined, gate.JoinedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Join(by, s.live.cert.ID, s.fresh.ID, "the same engine")
			return err
		}},
		{"CloseAccount", gate.TerminateAccount, "cho", gate.AccountClosing, gate.ClosingNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.CloseAccount(by, s.live.account.ID, gate.Date(o.clock.now().Format(time.DateOnly)), "merged")
			return err
		}},
	}
}

// termIn is a customer whose term ends with the day in the zone, called from a minute before its end.
type termIn struct {
	*gatetest.World
	account    *gate.Account
	contract   *gate.Contract
	credential *gatetest.Credential
	ends       time.Time
}

func newTermIn(t *testing.T, zone string, last gate.Date) *termIn {
	t.Helper()
	w := &termIn{World: gatetest.New(t)}
	w.account = w.MustAccount("acme")
	device := w.MustDevice(w.account, "prod-1", gate.Production)
	var err error
	w.contract, err = w.CreateContract(w.Ben, gate.Contract{
		Account: w.account.ID, First: "2027-02-01", Last: last, Zone: zone, Grant: gatetest.Everything(),
		Agreements: []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "1", SignedOn: "2027-01-01"}, {Kind: gate.Participation, Reference: "2", SignedOn: "2027-01-01"}},
	})
	must(t, err)
	w.MustCertify(w.contract, device)
	w.credential = w.MustEnroll(device)
	_, w.ends = w.contract.Term()
	return w
}

func (w *termIn) reason() gate.Reason {
	return w.Check(w.credential.Request("GET", "/fhir/Patient/1")).Reason
}

func (w *termIn) until(at time.Time) { w.Advance(at.Sub(w.Now())) }

func TestARunningClientGoesOnAcrossTheMidnightOfARenewal(t *testing.T) {
	rows := []struct{ name, zone, last string }{
		{"another zone", "Pacific/Auckland", "2027-06-30"},
		{"clocks go forward that night", "America/Havana", "2027-03-13"},
		{"clocks go back that night", "America/Havana", "2027-11-06"},
		{"29 February", "America/New_York", "2028-02-28"},
		{"the day after 29 February", "America/New_York", "2028-02-29"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := newTermIn(t, row.zone, gate.Date(row.last))
			w.until(w.ends.Add(-time.Minute))
			next, err := w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: w.contract.Last.AddDays(30), Why: "nothing has changed"})
			must(t, err)
			for w.Now().Before(w.ends.Add(time.Minute)) {
				if got := w.reason(); got != gate.Allowed {
					t.Fatalf("at %s, with the term ending at %s: %s", w.Now(), w.ends, got)
				}
				w.Advance(time.Second)
			}
			_, ends := next.Term()
			w.until(ends.Add(-time.Second))
			if got := w.reason(); got != gate.Allowed {
				t.Errorf("in the last second of the new term: %s", got)
			}
			w.Advance(time.Second)
			if got := w.reason(); got != gate.ContractHasEnded {
				t.Errorf("after the new term: %s", got)
			}
		})
	}
}

func TestAMaterialChangeAtARenewalLapsesThirtyDaysIntoTheTerm(t *testing.T) {
	w := newTermIn(t, "America/New_York", "2027-06-30")
	_, err := w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2028-06-30", Changed: true, Why: "moved"})
	must(t, err)
	due := time.Date(2027, time.July, 31, 4, 0, 0, 0, time.UTC)
	w.until(due.Add(-time.Second))
	if got := w.reason(); got != gate.Allowed {
		t.Errorf("before it is due: %s", got)
	}
	w.Advance(time.Second)
	if got := w.reason(); got != gate.RecertificationOverdue {
		t.Errorf("when it is due: %s", got)
	}
}

func TestWhatIsEndedEarlyDoesNotBeginAgainWithItsRenewal(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-06-30")
	renewed, err := w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2028-06-30", Why: "nothing has changed"})
	must(t, err)
	_, err = w.Renew(w.Ben, renewed.ID, authority.NewTerm{Last: "2029-06-30", Why: "nothing has changed"})
	must(t, err)
	_, err = w.EndContract(w.Cho, w.contract.ID, "for cause")
	must(t, err)
	for range 3 {
		if got := w.reason(); got != gate.ContractHasEnded {
			t.Errorf("at %s: %s", w.Now(), got)
		}
		w.Advance(100 * 24 * time.Hour)
	}
}

func TestARenewalThatWasAMistakeIsEndedAndMadeAgain(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-06-30")
	wrong, err := w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2082-06-30", Why: "nothing has changed"})
	must(t, err)
	_, err = w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2028-06-30", Why: "again"})
	refused(t, "a second renewal", err, gate.Conflict)
	_, err = w.EndContract(w.Cho, wrong.ID, "the year was mistyped")
	must(t, err)
	_, err = w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2028-06-30", Why: "nothing has changed"})
	must(t, err)
	w.until(w.ends)
	if got := w.reason(); got != gate.Allowed {
		t.Errorf("%s", got)
	}
}

func TestANewCaseUnderARenewedContractGoesOnAsWell(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-06-30")
	renewed, err := w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2028-06-30", Why: "nothing has changed"})
	must(t, err)
	c := w.MustCertify(w.contract, w.MustDevice(w.account, "prod-2", gate.Production))
	if !c.Under(renewed.ID) {
		t.Errorf("%+v", c.Carried)
	}
}

func TestAnAmendmentCountsFromTheNextRequestAndTheProfileStillLimitsIt(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-06-30")
	less := gate.Terms{Grant: gate.Grant{Behaviors: []string{"ihe-document-query"}}}
	_, err := w.Amend(w.Ben, w.contract.ID, less, "queries alone")
	must(t, err)
	if got := w.reason(); got != gate.BehaviorNotGranted {
		t.Errorf("after it was taken away: %s", got)
	}
	more := gate.Terms{Grant: gate.Grant{Behaviors: []string{"fhir-query", "ihe-document-query"}, Purposes: []gate.Purpose{gate.Treatment, gate.Payment}}}
	_, err = w.Amend(w.Ben, w.contract.ID, more, "as before, and payment")
	must(t, err)
	r := w.credential.Request("GET", "/fhir/Patient/1")
	if got := w.Check(r).Reason; got != gate.Allowed {
		t.Errorf("after it was given back: %s", got)
	}
	r.Purpose = []string{"HPAYMT"}
	if got := w.Check(r).Reason; got != gate.PurposeNotGranted {
		t.Errorf("a purpose that is granted and not certified: %s", got)
	}
}

func TestAnExtensionBringsBackWhatHasJustEnded(t *testing.T) {
	w := newTermIn(t, "America/New_York", "2027-06-30")
	w.until(w.ends.Add(time.Hour))
	if got := w.reason(); got != gate.ContractHasEnded {
		t.Fatalf("%s", got)
	}
	_, err := w.ProposeExtension(w.Ben, w.contract.ID, "2027-07-03", "the signature is late")
	must(t, err)
	_, err = w.ConfirmExtension(w.Ben, w.contract.ID)
	refused(t, "one person alone", err, gate.Forbidden)
	if got := w.reason(); got != gate.ContractHasEnded {
		t.Errorf("proposed: %s", got)
	}
	_, err = w.ConfirmExtension(w.Cho, w.contract.ID)
	must(t, err)
	w.until(w.ends.AddDate(0, 0, 3).Add(-time.Second))
	if got := w.reason(); got != gate.Allowed {
		t.Errorf("in the last second: %s", got)
	}
	next, err := w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2028-06-30", Why: "nothing has changed"})
	must(t, err)
	if next.First != "2027-07-04" {
		t.Errorf("the new term begins on %s", next.First)
	}
	w.Advance(time.Second)
	if got := w.reason(); got != gate.Allowed {
		t.Errorf("in the new term: %s", got)
	}
	_, err = w.ProposeExtension(w.Ben, w.contract.ID, "2027-07-05", "once more")
	must(t, err)
	_, err = w.ConfirmExtension(w.Cho, w.contract.ID)
	refused(t, "into the next term", err, gate.Conflict)
}

func TestAnExtensionNeedsTwoWhoStillMay(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-06-30")
	_, err := w.ProposeExtension(w.Ben, w.contract.ID, "2027-07-03", "late")
	must(t, err)
	_, err = w.DisableStaff(w.Cho, w.Ben.Staff, "left")
	must(t, err)
	_, err = w.ConfirmExtension(w.Cho, w.contract.ID)
	refused(t, "proposed by who has left", err, gate.Conflict)
}

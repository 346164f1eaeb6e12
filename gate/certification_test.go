package gate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// signed is a contract with the agreements that approval needs.
func signed(t rapid.TB) *gate.Contract {
	t.Helper()
	c := newContract(t, "con_1", "2027-01-01", "2027-12-31", "America/New_York")
	for _, kind := range (gate.Requirements{}).Kinds() {
		c.Agreements = append(c.Agreements, gate.Agreement{Kind: kind, Reference: "vault/7", SignedOn: "2026-12-01"})
	}
	return c
}

func transcript(by gate.StaffID) gate.Transcript {
	return gate.Transcript{
		By: by, At: noon, DemoShown: true,
		Attendees: []gate.Attendee{{Name: "Ann", Consented: true}, {Name: "Bob", Consented: true}},
		Recording: gate.Recording{Reference: "recordings/7", SHA256: strings.Repeat("0a", 32)},
		Answers:   answered(),
	}
}

// answered are answers to all questions; the second does not apply.
func answered() (answers []gate.Answer) {
	for i, q := range gate.Questions(1) {
		a := gate.Answer{Question: q.ID, Text: "as it should be"}
		if i == 1 {
			a = gate.Answer{Question: q.ID, NotApplicable: "there is none"}
		}
		answers = append(answers, a)
	}
	return answers
}

// lacking is what Missing says of the n-th question and those up to m.
func lacking(n, m int) (missing []string) {
	for _, q := range gate.Questions(1)[n : m+1] {
		missing = append(missing, "an answer to, or a reason to leave out, "+q.ID+": "+q.Text)
	}
	return missing
}

func plan(at time.Time) gate.Plan { return gate.Plan{At: at, Interviewer: "stf_ben"} }

// interviewed is a case that lacks only its approval.
func interviewed() gate.Certification {
	return gate.Certification{
		ID: "cas_1", Account: "acc_1", Contract: "con_1", Devices: []gate.DeviceID{"dev_1"},
		Interviews: []gate.Interview{{ID: "int_1", Plan: plan(noon), Held: new(transcript("stf_ben"))}},
	}
}

// found is what was found wanting, all of it grave.
func found(texts ...string) (w gate.Wanting) {
	for _, text := range texts {
		w.Findings = append(w.Findings, gate.NewFinding{Text: text, Severity: gate.HighSeverity})
	}
	return w
}

func by(who gate.StaffID, why string) gate.Act { return gate.Act{By: who, At: noon, Why: why} }

func TestACaseGoesItsWay(t *testing.T) {
	contract := signed(t)
	c := gate.Certification{ID: "cas_1", Contract: "con_1", Devices: []gate.DeviceID{"dev_1"}}
	step := func(want gate.CertificationState) func(gate.Certification, error) {
		return func(next gate.Certification, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			c = next
			if got := c.State(contract, noon); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	}
	soon := noon.Add(time.Hour)
	step(gate.Requested)(c, nil)
	step(gate.Scheduled)(c.Schedule("int_1", plan(soon), by("stf_ben", "")))
	step(gate.Scheduled)(c.Schedule("int_2", plan(noon), by("stf_ben", ""))) // moved
	step(gate.IssuesFound)(c.Hold("int_1", transcript("stf_ben"), found("keys are mailed")))
	step(gate.FollowUpScheduled)(c.Schedule("int_3", plan(noon), by("stf_ben", "")))
	step(gate.IssuesFound)(c.Hold("int_3", transcript("stf_ben"), gate.Wanting{}))
	step(gate.Interviewed)(c.CloseFinding(0, by("stf_ben", "they are not any more")))
	step(gate.Approved)(c.Approve(contract, gate.Requirements{}, by("stf_cho", "")))
	step(gate.Released)(c.Release(contract, by("stf_eve", "")))
	step(gate.InForce)(c.Enroll(noon), nil)
	step(gate.InForce)(c.Recertify(soon, by("stf_ben", "moved to another cloud")))
	if got := c.State(contract, soon); got != gate.Lapsed {
		t.Errorf("when recertification was due: %s", got)
	}
	_, ends := contract.Term()
	if got := c.State(contract, ends); got != gate.Ended {
		t.Errorf("after the term: %s", got)
	}
	step(gate.CertificationRevoked)(c.Revoke(by("stf_cho", "the demo was staged")))
}

func TestMissingNamesEachThing(t *testing.T) {
	held := func(c *gate.Certification) *gate.Transcript { return c.Interviews[0].Held }
	rows := []struct {
		name string
		edit func(c *gate.Certification, contract *gate.Contract)
		want []string
	}{
		{"nothing", func(*gate.Certification, *gate.Contract) {}, nil},
		{"no interview", func(c *gate.Certification, _ *gate.Contract) { c.Interviews = nil }, []string{"an interview that was held and recorded"}},
		{"an interview that was not held", func(c *gate.Certification, _ *gate.Contract) { c.Interviews[0].Held = nil }, []string{"an interview that was held and recorded"}},
		{"no recording", func(c *gate.Certification, _ *gate.Contract) { held(c).Recording.Reference = " " }, []string{"the reference of the recording"}},
		{"no file at hand", func(c *gate.Certification, _ *gate.Contract) { held(c).Recording.SHA256 = "" }, nil},
		{"no consent", func(c *gate.Certification, _ *gate.Contract) { held(c).Attendees[1].Consented = false }, []string{"every attendee's consent to the recording"}},
		{"no demo", func(c *gate.Certification, _ *gate.Contract) { held(c).DemoShown = false }, []string{"the demo"}},
		{"no answers", func(c *gate.Certification, _ *gate.Contract) { held(c).Answers = nil }, lacking(0, 18)},
		{"an empty answer", func(c *gate.Certification, _ *gate.Contract) { held(c).Answers[0].Text = " " }, lacking(0, 0)},
		{"left out without reason", func(c *gate.Certification, _ *gate.Contract) { held(c).Answers[1].NotApplicable = "" }, lacking(1, 1)},
		{"an open finding", func(c *gate.Certification, _ *gate.Contract) {
			c.Findings = []gate.Finding{{Text: "keys are mailed"}, {Text: "done", Closed: &gate.Act{}}}
		}, []string{"the finding to be closed: keys are mailed"}},
		{"no device", func(c *gate.Certification, _ *gate.Contract) { c.Devices = nil }, []string{"at least one production device"}},
		{"a contract that has ended", func(_ *gate.Certification, k *gate.Contract) { k.Ended = &gate.Ending{At: noon} }, []string{"a contract that has not ended"}},
		{"no business associate agreement", func(_ *gate.Certification, k *gate.Contract) { k.Agreements = k.Agreements[1:] }, []string{"the signed agreement baa"}},
		{"no participation terms", func(_ *gate.Certification, k *gate.Contract) { k.Agreements = k.Agreements[:1] }, []string{"the signed agreement participation"}},
		{"everything", func(c *gate.Certification, k *gate.Contract) {
			*c = gate.Certification{Findings: []gate.Finding{{Text: "a"}, {Text: "b"}}}
			*k = gate.Contract{}
		}, []string{
			"an interview that was held and recorded", "the finding to be closed: a", "the finding to be closed: b", "at least one production device",
			"a contract that has not ended", "the signed agreement baa", "the signed agreement participation",
		}},
		{"what a follow-up adds", func(c *gate.Certification, _ *gate.Contract) {
			held(c).Answers[0].Text = ""
			follow(c).Answers = []gate.Answer{{Question: "data-flow", Text: "in a vault"}}
		}, nil},
		{"what a follow-up leaves open", func(c *gate.Certification, _ *gate.Contract) {
			held(c).Answers[0].Text = ""
			follow(c).Answers = []gate.Answer{{Question: "hosting"}}
		}, lacking(0, 0)},
		{"a follow-up without consent", func(c *gate.Certification, _ *gate.Contract) { follow(c).Attendees[0].Consented = false }, []string{"every attendee's consent to the recording"}},
		{"a demo recorded without consent", func(c *gate.Certification, _ *gate.Contract) {
			held(c).Attendees[0].Consented = false
			follow(c).Answers = answered()
		}, []string{"the demo"}},
		{"answers that were not recorded", func(c *gate.Certification, _ *gate.Contract) {
			held(c).Recording.Reference = ""
			follow(c).DemoShown = true
		}, lacking(0, 18)},
	}
	for _, row := range rows {
		c, contract := interviewed(), signed(t)
		row.edit(&c, contract)
		if diff := cmp.Diff(row.want, c.Missing(contract, gate.Requirements{}, noon)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
		if _, err := c.Approve(contract, gate.Requirements{}, by("stf_cho", "")); (err == nil) != (len(row.want) == 0) || err != nil && !errors.Is(err, gate.Conflict) {
			t.Errorf("%s: approval says %v", row.name, err)
		} else if err != nil && !strings.Contains(err.Error(), strings.Join(row.want, "; ")) {
			t.Errorf("%s: approval does not name what is missing: %v", row.name, err)
		}
	}
	c := interviewed()
	if missing := c.Missing(nil, gate.Requirements{}, noon); len(missing) != 3 {
		t.Errorf("without a contract: %q", missing)
	}
}

// follow adds an interview that was held and brought nothing yet.
func follow(c *gate.Certification) *gate.Transcript {
	record := transcript("stf_ben")
	record.DemoShown, record.Answers = false, nil
	c.Interviews = append(c.Interviews, gate.Interview{ID: "int_2", Plan: plan(noon), Held: &record})
	return &record
}

func TestTransitionsOfACaseAreRefused(t *testing.T) {
	contract := signed(t)
	approved := inForce("cas_1", "con_1", gate.Grant{}, "dev_1")
	revoked := *approved
	revoked.Revoked = &gate.Ending{At: noon}
	soon := noon.Add(time.Hour)
	bad := func(edit func(r *gate.Transcript)) gate.Transcript {
		r := transcript("stf_ben")
		edit(&r)
		return r
	}
	scheduled := gate.Certification{ID: "cas_1", Interviews: []gate.Interview{{ID: "int_1", Plan: plan(noon)}}}
	hold := func(r gate.Transcript, findings ...string) error {
		_, err := scheduled.Hold("int_1", r, found(findings...))
		return err
	}
	wanting := scheduled
	wanting.Findings = []gate.Finding{{Text: "open"}, {Text: "closed", Closed: &gate.Act{}}}
	long := strings.Repeat("x", 2001)
	rows := []struct {
		name string
		err  error
		kind gate.Kind
		want string
	}{
		{"scheduled in the past", only(scheduled.Schedule("int_2", plan(noon.Add(-5*time.Minute-1)), by("stf_ben", ""))), gate.Invalid, "at: 2027-03-10T11:54:59Z has passed"},
		{"an interview of another case held", only(scheduled.Hold("int_9", transcript("stf_ben"), gate.Wanting{})), gate.NotFound, "no interview int_9"},
		{"a canceled interview held", only((&gate.Certification{Interviews: []gate.Interview{{ID: "int_1", Canceled: true}}}).Hold("int_1", transcript("x"), gate.Wanting{})), gate.Conflict, "int_1"},
		{"an interview held twice", only(interviewed().Hold("int_1", transcript("stf_ben"), gate.Wanting{})), gate.Conflict, "int_1"},
		{"nobody was there", hold(bad(func(r *gate.Transcript) { r.Attendees = nil })), gate.Invalid, "attendees: "},
		{"an attendee without name", hold(bad(func(r *gate.Transcript) { r.Attendees[1].Name = "" })), gate.Invalid, "attendees[1].name: "},
		{"half a hash", hold(bad(func(r *gate.Transcript) { r.Recording.SHA256 = "0a" })), gate.Invalid, "recording.sha256: "},
		{"a hash in upper case", hold(bad(func(r *gate.Transcript) { r.Recording.SHA256 = strings.Repeat("0A", 32) })), gate.Invalid, "recording.sha256: "},
		{"an answer to nothing", hold(bad(func(r *gate.Transcript) { r.Answers[1].Question = "" })), gate.Invalid, "answers[1].question: "},
		{"an empty finding", hold(transcript("stf_ben"), "a", ""), gate.Invalid, "findings[1].text: "},
		{"a finding of two thousand bytes", hold(transcript("stf_ben"), long), gate.Invalid, "findings[0].text: has 2001 bytes"},
		{"a finding that is none", only(wanting.CloseFinding(2, by("stf_ben", "done"))), gate.NotFound, "there is no 2"},
		{"a finding before the first", only(wanting.CloseFinding(-1, by("stf_ben", "done"))), gate.NotFound, "there is no -1"},
		{"a finding closed twice", only(wanting.CloseFinding(1, by("stf_ben", "done"))), gate.Conflict, "finding 1"},
		{"a finding closed without reason", only(wanting.CloseFinding(0, by("stf_ben", ""))), gate.Invalid, "why: "},
		{"approved by who interviewed", only(interviewed().Approve(contract, gate.Requirements{}, by("stf_ben", ""))), gate.Forbidden, "you interviewed"},
		{"rejected by who interviewed", only(interviewed().Reject(by("stf_ben", "no"))), gate.Forbidden, "you interviewed"},
		{"rejected without reason", only(interviewed().Reject(by("stf_cho", " "))), gate.Invalid, "why: "},
		{"withdrawn without reason", only(interviewed().Withdraw(by("stf_cho", ""))), gate.Invalid, "why: "},
		{"released before approval", only(interviewed().Release(contract, by("stf_eve", ""))), gate.Conflict, "is interviewed"},
		{"released by who approved", only(approved.Release(contract, by("stf_cho", ""))), gate.Forbidden, "you approved"},
		{"released under another contract", only(approved.Release(&gate.Contract{ID: "con_2"}, by("stf_eve", ""))), gate.Conflict, "is ended"},
		{"recertified before approval", only(interviewed().Recertify(soon, by("stf_ben", "moved"))), gate.Conflict, "not approved"},
		{"recertification due before now", only(approved.Recertify(noon.Add(-1), by("stf_ben", "moved"))), gate.Invalid, "due: "},
		{"recertification without reason", only(approved.Recertify(soon, by("stf_ben", ""))), gate.Invalid, "why: "},
		{"revoked before approval", only(interviewed().Revoke(by("stf_cho", "no"))), gate.Conflict, "reject it instead"},
		{"revoked twice", only(revoked.Revoke(by("stf_cho", "again"))), gate.Conflict, "revoked already"},
		{"revoked without reason", only(approved.Revoke(by("stf_cho", ""))), gate.Invalid, "why: "},
	}
	for _, row := range rows {
		if !errors.Is(row.err, row.kind) || !strings.Contains(fmt.Sprint(row.err), row.want) {
			t.Errorf("%s: %v, want %s that says %q", row.name, row.err, row.kind, row.want)
		}
	}
}

// only drops the value that a refused transition hands back.
func only[T any](_ T, err error) error { return err }

func TestADecidedCaseIsClosed(t *testing.T) {
	decided := map[string]func(c *gate.Certification){
		"approved already": func(c *gate.Certification) { c.Approved = &gate.Act{By: "stf_cho"} },
		"was rejected":     func(c *gate.Certification) { c.Rejected = &gate.Act{By: "stf_cho"} },
		"was withdrawn":    func(c *gate.Certification) { c.Withdrawn = &gate.Act{By: "stf_cho"} },
	}
	for want, edit := range decided {
		c := interviewed()
		c.Findings = []gate.Finding{{Text: "open"}}
		edit(&c)
		for name, err := range map[string]error{
			"schedule": only(c.Schedule("int_2", plan(noon.Add(time.Hour)), by("stf_ben", ""))),
			"hold":     only(c.Hold("int_1", transcript("stf_ben"), gate.Wanting{})),
			"close":    only(c.CloseFinding(0, by("stf_ben", "done"))),
			"approve":  only(c.Approve(signed(t), gate.Requirements{}, by("stf_dan", ""))),
			"reject":   only(c.Reject(by("stf_dan", "no"))),
			"withdraw": only(c.Withdraw(by("stf_dan", "no"))),
		} {
			if !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s after it %s: %v", name, want, err)
			}
		}
	}
}

func TestALaterDayDoesNotPutOffRecertification(t *testing.T) {
	c := *inForce("cas_1", "con_1", gate.Grant{}, "dev_1")
	due := noon.Add(24 * time.Hour)
	c, err := c.Recertify(due, by("stf_ben", "moved"))
	if err != nil {
		t.Fatal(err)
	}
	late := gate.Act{By: "stf_ben", At: due.Add(time.Hour), Why: "moved again"}
	if next, err := c.Recertify(due.Add(48*time.Hour), late); !errors.Is(err, gate.Invalid) || next.State(signed(t), due) != gate.Lapsed {
		t.Errorf("after it lapsed: %v", err)
	}
	if c, err = c.Recertify(due.Add(-time.Hour), by("stf_ben", "moved again")); err != nil || !c.RecertifyBy.Equal(due.Add(-time.Hour)) {
		t.Errorf("an earlier day: %v, %v", c.RecertifyBy, err)
	}
}

func TestTheNewestCaseForTheContractCounts(t *testing.T) {
	wide := gate.Grant{Behaviors: []string{"fhir-query", "fhir-audit"}, Purposes: []gate.Purpose{gate.Treatment}}
	at := func(c *gate.Certification, approved time.Time) *gate.Certification {
		c.Approved.At = approved
		return c
	}
	older := func() *gate.Certification {
		return at(inForce("cas_old", "con_1", wide, "dev_1"), noon.AddDate(0, -2, 0))
	}
	newer := func() *gate.Certification {
		return at(inForce("cas_new", "con_1", wide, "dev_1"), noon.AddDate(0, -1, 0))
	}
	revoked := newer()
	revoked.Revoked = &gate.Ending{At: noon}
	open := newer()
	open.EnrolledAt = nil
	lapsed := older()
	lapsed.RecertifyBy = &noon
	elsewhere := newer()
	elsewhere.Contract = "con_2"
	foreign := newer()
	foreign.Devices = []gate.DeviceID{"dev_2"}
	rows := []struct {
		name  string
		cases []*gate.Certification
		want  gate.CertificationID
		state gate.CertificationState
	}{
		{"two in force", []*gate.Certification{older(), newer()}, "cas_new", gate.InForce},
		{"the newer one revoked", []*gate.Certification{older(), revoked}, "cas_new", gate.CertificationRevoked},
		{"the newer one not taken yet", []*gate.Certification{older(), open}, "cas_old", gate.InForce},
		{"the older one lapsed", []*gate.Certification{lapsed, newer()}, "cas_new", gate.InForce},
		{"the newer one for another contract", []*gate.Certification{older(), elsewhere}, "cas_old", gate.InForce},
		{"only one for another contract", []*gate.Certification{elsewhere}, "cas_new", gate.Ended},
		{"the newer one for another device", []*gate.Certification{older(), foreign}, "cas_old", gate.InForce},
	}
	for _, row := range rows {
		for range 2 { // in either order
			s := good(t, gate.Production)
			s.c.Certifications = row.cases
			got, state := s.c.Certification(s.c.Contract(noon), noon)
			if got == nil || got.ID != row.want || state != row.state {
				t.Errorf("%s: %v, %s, want %s, %s", row.name, got, state, row.want, row.state)
			}
			slices.Reverse(row.cases)
		}
	}
}

func TestTheStatesOfACaseHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range gate.CertificationStates() {
		if s.String() == "" || seen[s.String()] {
			t.Errorf("state %d is called %q", s, s)
		}
		seen[s.String()] = true
	}
}

func TestOnlyTheFirstEnrollmentCounts(t *testing.T) {
	c := interviewed()
	if c = c.Enroll(noon); c.EnrolledAt != nil {
		t.Error("enrolled before release")
	}
	c.Approved, c.Released = &gate.Act{By: "stf_cho"}, &gate.Act{By: "stf_eve"}
	c = c.Enroll(noon).Enroll(noon.Add(time.Hour))
	if c.EnrolledAt == nil || !c.EnrolledAt.Equal(noon) {
		t.Errorf("enrolled at %v", c.EnrolledAt)
	}
}

func TestTheFirstReleaseStands(t *testing.T) {
	c := *inForce("cas_1", "con_1", gate.Grant{}, "dev_1")
	before := *c.Released
	c, err := c.Release(signed(t), by("stf_ben", "another link"))
	if err != nil || *c.Released != before {
		t.Errorf("%+v, %v", c.Released, err)
	}
}

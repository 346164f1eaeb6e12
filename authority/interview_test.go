package authority_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// unfolded is a calendar with its lines whole (RFC 5545 section 3.1).
func unfolded(calendar string) []string {
	return strings.Split(strings.ReplaceAll(calendar, "\n ", ""), "\n")
}

func TestCalendarsFollowAnInterview(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	o.send(mail.Address())
	account, err := o.CreateAccount(o.ben, gate.Account{Slug: "acme", Name: "Acme", Zone: "Asia/Tokyo",
		Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@example.com"}}})
	must(t, err)
	device := o.device(account, "prod", gate.Production)
	c, err := o.RequestCertification(o.ben, gate.Certification{Contract: o.contract(account).ID, Devices: []gate.DeviceID{device.ID}, Profile: gate.Profile{Grant: everything}})
	must(t, err)
	first := time.Date(2030, time.January, 8, 15, 0, 0, 0, time.UTC)
	c, err = o.ScheduleInterview(o.ben, c.ID, gate.Plan{At: first, Link: "https://meet.example.com/7"})
	must(t, err)
	id := c.Planned().ID
	c, err = o.ScheduleInterview(o.ben, c.ID, gate.Plan{At: first.Add(24 * time.Hour), Minutes: 90})
	must(t, err)
	if c.Planned().ID != id {
		t.Errorf("it was %s and is %s", id, c.Planned().ID)
	}
	_, err = o.CancelInterview(o.ben, c.ID, id, "the demo is not ready")
	must(t, err)
	o.pass(time.Second)
	o.eventually("all three are sent", func() bool { return len(mail.Mails()) == 3 })

	mails := mail.Mails()
	slices.SortFunc(mails, func(a, b gatetest.Mail) int {
		return strings.Compare(a.Header.Get("Message-ID"), b.Header.Get("Message-ID"))
	})
	want := [][]string{
		{"METHOD:REQUEST", "SEQUENCE:0", "DTSTART:20300108T150000Z", "DTEND:20300108T160000Z", "URL:https://meet.example.com/7"},
		{"METHOD:REQUEST", "SEQUENCE:1", "DTSTART:20300109T150000Z", "DTEND:20300109T163000Z"},
		{"METHOD:CANCEL", "SEQUENCE:2"},
	}
	texts := [][]string{
		{"you are invited", "Wednesday 9 January 2030, 00:00 to 01:00 JST (Asia/Tokyo)", "Tuesday 8 January 2030, 10:00 to 11:00 EST (America/New_York)",
			"Meeting: https://meet.example.com/7", "Interviewer: ben", "a demo", "The call is recorded. Everybody who takes part must consent"},
		{"has been moved", "Thursday 10 January 2030, 00:00 to 01:30 JST"},
		{"has been canceled", "Reason: the demo is not ready"},
	}
	for n, m := range mails {
		lines := unfolded(m.Calendar)
		for _, line := range append(want[n], "UID:"+string(id)+"@certgate", "ORGANIZER:mailto:certification@example.com") {
			if !slices.Contains(lines, line) {
				t.Errorf("version %d lacks %s:\n%s", n, line, m.Calendar)
			}
		}
		for _, text := range texts[n] {
			if !strings.Contains(m.Text, text) {
				t.Errorf("mail %d does not say %q:\n%s", n, text, m.Text)
			}
		}
		if !slices.Contains(m.To, "ann@example.com") || len(m.To) != 2 || !strings.Contains(m.Header.Get("Subject"), string(c.ID)) {
			t.Errorf("mail %d to %q: %s", n, m.To, m.Header.Get("Subject"))
		}
	}
}

func TestAMissedInterviewIsToldWithoutCalendar(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	c, err := o.RequestCertification(o.ben, gate.Certification{Contract: o.contract(account).ID, Devices: []gate.DeviceID{o.device(account, "prod", gate.Production).ID}, Profile: gate.Profile{Grant: everything}})
	must(t, err)
	c, err = o.ScheduleInterview(o.ben, c.ID, gate.Plan{At: o.clock.now().Add(time.Hour)})
	must(t, err)
	_, err = o.MissInterview(o.ben, c.ID, c.Planned().ID, "nobody came")
	refused(t, "before it began", err, gate.Conflict)
	o.clock.advance(2 * time.Hour)
	c, err = o.MissInterview(o.ben, c.ID, c.Planned().ID, "nobody came")
	must(t, err)
	if n := o.notices("")[0]; n.Kind != gate.InterviewNotice || n.Meeting != nil || !strings.Contains(n.Body, "did not take place") {
		t.Errorf("%+v", n)
	}
	if c.State(nil, o.clock.now()) != gate.Requested {
		t.Errorf("the case is %s", c.State(nil, o.clock.now()))
	}
}

func TestWhoHandsAnInterviewOverLosesItFromTheCalendar(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	_, err := o.ProposeStaff(o.cho, gate.Staff{Name: "fay", Email: "fay@example.com", Roles: []gate.Role{gate.Interviewer}}, newCSR(t))
	must(t, err)
	fay, err := o.ConfirmStaff(o.eve, o.by("fay").Staff)
	must(t, err)
	c, err := o.RequestCertification(o.ben, gate.Certification{Contract: o.contract(account).ID, Devices: []gate.DeviceID{o.device(account, "prod", gate.Production).ID}, Profile: gate.Profile{Grant: everything}})
	must(t, err)
	at := o.clock.now().Add(time.Hour)
	c, err = o.ScheduleInterview(o.ben, c.ID, gate.Plan{At: at})
	must(t, err)
	c, err = o.ScheduleInterview(o.ben, c.ID, gate.Plan{At: at, Interviewer: fay.ID})
	must(t, err)
	var to []string
	for _, n := range o.notices(account.ID)[:2] {
		lines := unfolded(strings.ReplaceAll(n.Meeting.Calendar, "\r\n", "\n"))
		if !slices.Contains(lines, "UID:"+string(c.Planned().ID)+"@certgate") || !slices.Contains(lines, "SEQUENCE:1") {
			t.Errorf("%s", n.Meeting.Calendar)
		}
		for _, contact := range n.To {
			to = append(to, n.Meeting.Method+" "+contact.Email)
		}
		if n.Meeting.Method == "CANCEL" && (strings.Contains(n.Body, "Please prepare") || !strings.Contains(n.Subject, "handed over")) {
			t.Errorf("%s\n%s", n.Subject, n.Body)
		}
	}
	slices.Sort(to)
	if want := []string{"CANCEL ben@example.com", "REQUEST ann@example.com", "REQUEST fay@example.com"}; !slices.Equal(to, want) {
		t.Errorf("told %q, want %q", to, want)
	}
	// The same person at another time is no handing over.
	before := len(o.notices(account.ID))
	_, err = o.ScheduleInterview(o.ben, c.ID, gate.Plan{At: at.Add(time.Hour), Interviewer: fay.ID})
	must(t, err)
	if n := len(o.notices(account.ID)) - before; n != 1 {
		t.Errorf("%d notices", n)
	}
}

package authority

import (
	"errors"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// ScheduleInterview plans an interview; one that is planned already is moved. Without an interviewer it is whoever plans it. Customer and
// interviewer are invited.
func (a *Authority) ScheduleInterview(by By, id gate.CertificationID, p gate.Plan) (*gate.Certification, error) {
	if err := by.May(gate.HoldInterview); err != nil {
		return nil, err
	}
	if p.Interviewer == "" {
		p.Interviewer = by.Staff
	}
	person, err := a.dir.Staff(string(p.Interviewer))
	if err != nil {
		return nil, gate.InField("interviewer", err)
	}
	if person.Actor(a.now()).May(gate.HoldInterview) != nil {
		return nil, gate.FieldErrorf("interviewer", "%s may not hold interviews", person.Name)
	}
	p.At, p.Interviewer = p.At.UTC().Truncate(time.Second), person.ID
	interview := gate.InterviewID(a.newID(gate.InterviewPrefix))
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.InterviewScheduled, notice: gate.InterviewNotice,
		interview: (*gate.Certification).Planned, also: a.handOver,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.Schedule(interview, p, a.act(by, ""))
		}})
}

// handOver takes an interview that another person holds now out of the calendar of whoever was to hold it. Nobody else is told: for all
// others it is the same meeting.
func (a *Authority) handOver(tx *certstore.Tx, was, is *gate.Certification) error {
	before, after := was.Planned(), is.Planned()
	if before == nil || before.Interviewer == after.Interviewer {
		return nil
	}
	person, err := certstore.Get[gate.Staff](tx, string(before.Interviewer))
	if errors.Is(err, gate.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	data := a.caseData(is, step{verb: gate.InterviewScheduled})
	if err := a.invite(tx, is, after, &data); err != nil {
		return err
	}
	data.Verb = "reassigned"
	data.Invitation.Canceled = true
	data.Invitation.Attendees = []notify.Mailbox{{Name: person.Name, Email: person.Email}}
	_, err = a.notifyThese(tx, addressees{account: is.Account, to: []gate.Contact{person.Contact()}}, gate.InterviewNotice, data)
	return err
}

// CancelInterview calls a planned interview off, and takes it out of the calendars.
func (a *Authority) CancelInterview(by By, id gate.CertificationID, interview gate.InterviewID, why string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.InterviewCanceled, why: why, notice: gate.InterviewNotice,
		interview: named(interview),
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.CancelInterview(interview, a.act(by, why))
		}})
}

// MissInterview notes that somebody did not come to a planned interview.
func (a *Authority) MissInterview(by By, id gate.CertificationID, interview gate.InterviewID, why string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.InterviewMissed, why: why, notice: gate.InterviewNotice,
		interview: named(interview),
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.MissInterview(interview, a.act(by, why))
		}})
}

// named finds the interview in a case that has it.
func named(id gate.InterviewID) func(*gate.Certification) *gate.Interview {
	return func(c *gate.Certification) *gate.Interview {
		for i := range c.Interviews {
			if c.Interviews[i].ID == id {
				return &c.Interviews[i]
			}
		}
		return nil
	}
}

// HoldInterview records an interview; findings are what must be closed before approval. The customer is told what was found wanting.
//
//nolint:revive // five things make up the record, and each has a name
func (a *Authority) HoldInterview(by By, id gate.CertificationID, interview gate.InterviewID, t gate.Transcript, findings []gate.NewFinding) (*gate.Certification, error) {
	t.By, t.At = by.Staff, a.moment()
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.InterviewHeld, also: a.tellFindings,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.Hold(interview, t, gate.Wanting{Findings: findings, Zone: a.zoneOf(c.Account)})
		}})
}

// AnswerQuestions takes answers that the customer gave in writing, before or after an interview.
func (a *Authority) AnswerQuestions(by By, id gate.CertificationID, answers []gate.Answer) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.QuestionsAnswered,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.AnswerInWriting(answers, a.act(by, ""))
		}})
}

// invite adds to a notice what it says of an interview: when, where and with whom, and the invitation, or its cancellation, for calendars.
func (a *Authority) invite(tx *certstore.Tx, c *gate.Certification, v *gate.Interview, data *notify.Data) error {
	account, err := certstore.Get[gate.Account](tx, string(c.Account))
	if err != nil {
		return err
	}
	person, err := certstore.Get[gate.Staff](tx, string(v.Interviewer))
	if err != nil && !errors.Is(err, gate.NotFound) {
		return err
	}
	data.From, data.Until, data.Meeting = v.At, v.At.Add(v.Duration()), v.Link
	if len(v.Moved) > 0 && v.Planned() {
		data.Verb = "moved"
	}
	i := notify.Invitation{
		// The identifier is unique in the world and outlives every host name.
		UID: string(v.ID) + "@certgate", Sequence: v.Sequence(), Stamp: a.moment(), Canceled: v.Canceled, Start: v.At, Duration: v.Duration(),
		Summary: "Certification interview: " + account.Name, URL: v.Link, Location: v.Link, Zones: a.bothZones(account.Zone),
	}
	for _, contact := range gate.Recipients(account, gate.InterviewNotice) {
		i.Attendees = append(i.Attendees, notify.Mailbox{Name: contact.Name, Email: contact.Email})
	}
	if person != nil {
		data.Interviewer = person.Name
		i.Organizer = notify.Mailbox{Name: person.Name, Email: person.Email}
		i.Attendees = append(i.Attendees, i.Organizer)
	}
	if config := a.current(); config != nil && config.settings.Contact.Email != "" {
		i.Organizer = notify.Mailbox{Email: config.settings.Contact.Email}
	}
	data.Invitation = &i
	return nil
}

// bothZones are the customer's zone and the operator's, each once.
func (a *Authority) bothZones(customer string) []*time.Location {
	operator := time.UTC
	if config := a.current(); config != nil {
		operator = config.calendar.Zone
	}
	zone, err := time.LoadLocation(customer)
	if err != nil || zone.String() == operator.String() {
		return []*time.Location{operator}
	}
	return []*time.Location{zone, operator}
}

package notify

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/onerecord/certgate/gate"
)

// The methods of an invitation (RFC 5546 sections 3.2.2 and 3.2.5).
const (
	MethodRequest = "REQUEST"
	MethodCancel  = "CANCEL"
)

// interviewLength is how long a meeting lasts that does not say.
const interviewLength = time.Hour

// Invitation is a meeting as calendars keep it. A calendar knows the meeting by UID and takes a version of it only if its Sequence is
// higher than the one it has: Move and Cancel see to that.
type Invitation struct {
	UID      string    // never changes; such as the interview's identifier and a domain
	Sequence int       // 0 at first
	Stamp    time.Time // when this version was made
	Canceled bool

	Start       time.Time
	Duration    time.Duration // zero: 1 hour; at most a day
	Summary     string
	Description string           // the lines with the time in all Zones are added to it where it lacks them
	Location    string           // where people meet, or the name of the meeting's service
	URL         string           // the meeting's link, http or https; may be empty
	Organizer   Mailbox          // gets the answers
	Attendees   []Mailbox        // who is invited, at least one
	Zones       []*time.Location // of both sides, at least one
}

// Move returns the invitation for another time, as it was changed now.
func (i Invitation) Move(start, now time.Time) Invitation {
	i.Start, i.Stamp, i.Canceled = start, now, false
	i.Sequence++
	return i
}

// Cancel returns the cancellation of the meeting.
func (i Invitation) Cancel(now time.Time) Invitation {
	i.Stamp, i.Canceled = now, true
	i.Sequence++
	return i
}

// Calendar writes the invitation, or its cancellation, to be put into a Message.
func (i Invitation) Calendar() (*Calendar, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	method, status := MethodRequest, ics.ObjectStatusConfirmed
	if i.Canceled {
		method, status = MethodCancel, ics.ObjectStatusCancelled
	}
	calendar := ics.NewCalendar()
	calendar.SetProductId("-//OneRecord//certgate//EN")
	calendar.SetCalscale("GREGORIAN")
	calendar.SetMethod(ics.Method(method))
	event := calendar.AddEvent(i.UID)
	event.SetSequence(i.Sequence)
	event.SetDtStampTime(i.Stamp)
	event.SetStartAt(i.Start)
	event.SetEndAt(i.end())
	event.SetStatus(status)
	event.SetSummary(i.Summary)
	description := unixLines(i.Description)
	if times := i.Times(); !strings.Contains(description, times) {
		description = strings.TrimLeft(description+"\n\n"+times, "\n")
	}
	event.SetDescription(description)
	if i.Location != "" {
		event.SetLocation(i.Location)
	}
	if i.URL != "" {
		event.SetURL(i.URL)
	}
	event.SetOrganizer(mailto(i.Organizer), commonName(i.Organizer)...)
	for _, a := range i.Attendees {
		parameters := append(commonName(a), ics.CalendarUserTypeIndividual, ics.ParticipationRoleReqParticipant)
		if !i.Canceled {
			parameters = append(parameters, ics.ParticipationStatusNeedsAction, ics.WithRSVP(true))
		}
		event.AddAttendee(mailto(a), parameters...)
	}
	var body bytes.Buffer
	// RFC 5545 section 3.1: lines end in CRLF, on every system.
	if err := calendar.SerializeTo(&body, ics.WithNewLineWindows); err != nil {
		return nil, fmt.Errorf("invitation %s: %w", i.UID, err)
	}
	return &Calendar{Method: method, Body: body.Bytes()}, nil
}

// Times says when the meeting is, one line for each zone, for calendars and mails that people read in another one.
func (i Invitation) Times() string {
	var lines []string
	for _, zone := range i.Zones {
		start, end := i.Start.In(zone), i.end().In(zone)
		layout := "15:04 MST"
		if start.YearDay() != end.YearDay() {
			layout = "Monday 2 January 2006, 15:04 MST"
		}
		lines = append(lines, fmt.Sprintf("%s to %s (%s)", start.Format("Monday 2 January 2006, 15:04"), end.Format(layout), zone))
	}
	return strings.Join(lines, "\n")
}

func (i Invitation) end() time.Time {
	if i.Duration == 0 {
		return i.Start.Add(interviewLength)
	}
	return i.Start.Add(i.Duration)
}

func (i Invitation) check() error {
	for field, line := range map[string]string{"uid": i.UID, "summary": i.Summary} {
		if err := checkLine(line, maxSubject); err != nil {
			return gate.InField(field, err)
		}
		if strings.TrimSpace(line) == "" {
			return gate.FieldErrorf(field, "must not be empty")
		}
	}
	if err := checkLine(i.Location, maxSubject); err != nil {
		return gate.InField("location", err)
	}
	if err := checkText(i.Description); err != nil {
		return gate.InField("description", err)
	}
	if i.URL != "" {
		if target, err := url.Parse(i.URL); err != nil || target.Host == "" || (target.Scheme != "https" && target.Scheme != "http") {
			return gate.FieldErrorf("url", "%q: must be a link such as https://meet.example.com/abc", gate.Clip(i.URL, 80))
		}
	}
	return i.checkMeeting()
}

func (i Invitation) checkMeeting() error {
	switch {
	case i.Start.IsZero() || i.Stamp.IsZero():
		return gate.FieldErrorf("start", "the meeting's start and the time of the invitation must be given")
	case i.Sequence < 0:
		return gate.FieldErrorf("sequence", "%d: must not be negative", i.Sequence)
	case i.Duration < 0 || i.Duration > 24*time.Hour:
		return gate.FieldErrorf("duration", "%s: must be at most 24h", i.Duration)
	case len(i.Zones) == 0:
		return gate.FieldErrorf("zones", "must name the time zones of both sides")
	case len(i.Attendees) == 0 || len(i.Attendees) > maxRecipients:
		return gate.FieldErrorf("attendees", "%d: must be 1 to %d", len(i.Attendees), maxRecipients)
	}
	if err := i.Organizer.check(); err != nil {
		return gate.InField("organizer", err)
	}
	for _, a := range i.Attendees {
		if err := a.check(); err != nil {
			return gate.InField("attendees", err)
		}
	}
	return nil
}

// checkText takes lines, but no other control characters.
func checkText(s string) error {
	s = strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(s)
	return checkLine(s, maxBody)
}

func unixLines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// mailto escapes what a URI may not hold, such as the % of an address.
func mailto(b Mailbox) string { return "mailto:" + url.PathEscape(b.Email) }

// readable replaces what ends a parameter or would need quotes, which the library does not write (RFC 5545 section 3.2 knows no
// backslash there).
var readable = strings.NewReplacer(`"`, "”", "'", "’", `\`, "/", ",", " ", ";", " ", ":", " ")

// commonName is the parameter that shows a person's name.
func commonName(b Mailbox) []ics.PropertyParameter {
	name := strings.Join(strings.Fields(readable.Replace(b.Name)), " ")
	if name == "" {
		return nil
	}
	return []ics.PropertyParameter{ics.WithCN(name)}
}

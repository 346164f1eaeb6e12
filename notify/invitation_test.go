package notify_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func invitation(t *testing.T) notify.Invitation {
	t.Helper()
	return notify.Invitation{
		UID: "int_01jq8z5v3n7t2m4k6h9r0s1w2x@connect.example.com", Stamp: noon,
		// The United States have changed their clocks by then, Europe has not.
		Start:       time.Date(2027, time.March, 17, 23, 30, 0, 0, time.UTC),
		Summary:     "[cas_1] Certification interview; Acme, Inc.",
		Description: "Prepare: the demo, the BAA.\nThe call is recorded; everybody who attends must agree.\r\nÄnderungen: reply to this mail, at least one day before, so that somebody else can have the hour.",
		Location:    "Video call", URL: "https://meet.example.com/abc?x=1,2;3",
		Organizer: us, Attendees: []notify.Mailbox{anna, {Name: "O'Brien, \"Bob\": CTO; Acme\\US", Email: "bob+100%@acme.example"}},
		Zones: []*time.Location{zone(t, "America/New_York"), zone(t, "Europe/Berlin")},
	}
}

func TestAnInvitationIsMovedAndCanceledUnderTheSameUID(t *testing.T) {
	first := invitation(t)
	moved := first.Move(first.Start.AddDate(0, 0, 14), noon.Add(time.Hour))
	moved.Duration = 90 * time.Minute
	canceled := moved.Cancel(noon.Add(2 * time.Hour))
	rows := []struct {
		name, method, status, sequence string
		invitation                     notify.Invitation
	}{
		{"request", "REQUEST", string(ics.ObjectStatusConfirmed), "0", first}, {"moved", "REQUEST", string(ics.ObjectStatusConfirmed), "1", moved}, {"cancel", "CANCEL", string(ics.ObjectStatusCancelled), "2", canceled},
	}
	for _, row := range rows {
		calendar, err := row.invitation.Calendar()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, row.name+".ics", string(calendar.Body))
		parsed, err := ics.ParseCalendar(bytes.NewReader(calendar.Body))
		if err != nil {
			t.Fatal(err)
		}
		event := parsed.Events()[0]
		start, _ := event.GetStartAt()
		got := []string{
			calendar.Method, event.GetProperty(ics.ComponentPropertyStatus).Value, event.GetProperty(ics.ComponentPropertySequence).Value,
			event.Id(), start.Format(time.RFC3339), event.GetProperty(ics.ComponentPropertySummary).Value, event.Attendees()[0].Email(),
		}
		want := []string{
			row.method, row.status, row.sequence, first.UID, row.invitation.Start.Format(time.RFC3339), first.Summary, anna.Email,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(calendar.Body), "\r\n"), "\r\n") {
			if len(line) > 75 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%s: line %q of %d bytes, want at most 75", row.name, line, len(line))
			}
		}
	}
}

func TestAnInvitationTravelsInsideTheMail(t *testing.T) {
	s := newMailServer(t, rules{})
	m := message(anna)
	calendar, err := invitation(t).Calendar()
	if err != nil {
		t.Fatal(err)
	}
	m.Calendar = calendar
	if err := newSMTP(t, s, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := s.mails()[0].data; !strings.Contains(got, "Content-Type: multipart/alternative;") ||
		!strings.Contains(got, "Content-Type: text/calendar; method=REQUEST; charset=UTF-8\n") {
		t.Errorf("no calendar beside the text:\n%s", got)
	}
}

func TestTimesNameBothSidesZones(t *testing.T) {
	want := "Wednesday 17 March 2027, 19:30 to 20:30 EDT (America/New_York)\n" +
		"Thursday 18 March 2027, 00:30 to 01:30 CET (Europe/Berlin)"
	if diff := cmp.Diff(want, invitation(t).Times()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	late := invitation(t)
	late.Zones = []*time.Location{time.UTC}
	if got := late.Times(); got != "Wednesday 17 March 2027, 23:30 to Thursday 18 March 2027, 00:30 UTC (UTC)" {
		t.Errorf("over midnight: %s", got)
	}
}

func TestAnInvitationThatCalendarsWouldMisreadIsRefused(t *testing.T) {
	rows := map[string]func(*notify.Invitation){
		"uid":            func(i *notify.Invitation) { i.UID = "" },
		"summary":        func(i *notify.Invitation) { i.Summary = "a\r\nATTENDEE:mailto:x@evil.example" },
		"location":       func(i *notify.Invitation) { i.Location = "a\rb" },
		"description":    func(i *notify.Invitation) { i.Description = "a\rb" },
		"url":            func(i *notify.Invitation) { i.URL = "https://a.example/\r\nX:y" },
		"start":          func(i *notify.Invitation) { i.Start = time.Time{} },
		"sequence":       func(i *notify.Invitation) { i.Sequence = -1 },
		"duration":       func(i *notify.Invitation) { i.Duration = -time.Hour },
		"zones":          func(i *notify.Invitation) { i.Zones = nil },
		"attendees":      func(i *notify.Invitation) { i.Attendees = nil },
		"organizer.name": func(i *notify.Invitation) { i.Organizer.Name = "\n" },
	}
	for field, edit := range rows {
		i := invitation(t)
		edit(&i)
		if _, err := i.Calendar(); !errors.Is(err, gate.Invalid) || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func FuzzNothingInAnInvitationAddsAProperty(f *testing.F) {
	f.Add("summary", "description", "Bob", "Room 1", "https://a.example")
	f.Add("a\nEND:VEVENT", "b\\nc\r\nd\n\n", "x\";CN=y:mailto:z", ";,:\\", "https://a.example/;x=\"")
	f.Add(strings.Repeat("ü", 100), strings.Repeat("a ", 100), strings.Repeat(">", 100), "\u2028", "https://a.example/ü")
	f.Fuzz(func(t *testing.T, summary, description, name, location, link string) {
		i := invitation(t)
		i.Summary, i.Description, i.Location, i.URL = summary, description, location, link
		i.Organizer.Name, i.Attendees[1].Name = name, name
		calendar, err := i.Calendar()
		if err != nil {
			return
		}
		unfolded := strings.ReplaceAll(string(calendar.Body), "\r\n ", "")
		if strings.ContainsAny(strings.ReplaceAll(unfolded, "\r\n", ""), "\r\n") {
			t.Errorf("a bare line end in %q", unfolded)
		}
		begins := 0
		for line := range strings.SplitSeq(unfolded, "\r\n") {
			if strings.HasPrefix(line, "BEGIN:") {
				begins++
			}
		}
		if lines := strings.Count(unfolded, "\r\n"); begins != 2 || lines < 18 || lines > 21 {
			t.Errorf("%d components, %d lines in %q", begins, lines, unfolded)
		}
	})
}

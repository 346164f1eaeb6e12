package gate_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func incident() gate.Incident {
	return gate.Incident{
		ID: "inc_1", Account: "acc_1", Device: "dev_1", Subject: gate.Subject{Kind: gate.DeviceSubject, ID: "dev_1"}, Origin: gate.IncidentReported,
		Opened: gate.Act{By: "stf_ben", At: noon, Why: "the hospital called"}, Notes: make([]gate.Act, 1, 8),
	}
}

func TestWhatAnIncidentTakes(t *testing.T) {
	key, _, err := gate.NewKey(gate.Production, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	act := gate.Act{By: "stf_cho", At: noon.Add(time.Hour), Why: "seen"}
	without, leaking := act, act
	without.Why, leaking.Why = "", "it was "+key
	note := func(a gate.Act) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) { return i.Note(a) }
	}
	mark := func(a gate.Act) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) { return i.MarkSecurity(a) }
	}
	end := func(a gate.Act, o gate.IncidentOutcome) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) { return i.Close(gate.IncidentClosing{Act: a, Outcome: o}) }
	}
	impose := func(account gate.AccountID) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) {
			return i.Impose(&gate.Remediation{ID: "rem_1", Account: account, From: noon})
		}
	}
	begin := func(origin gate.IncidentOrigin, a gate.Act) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) {
			i.Origin = origin
			return i.Open(a)
		}
	}
	closed := func(i *gate.Incident) {
		i.Closed = &gate.IncidentClosing{Act: act, Outcome: gate.IncidentBenign}
	}
	const ended = "incident inc_1 was closed as benign on "
	rows := []struct {
		name string
		edit func(i *gate.Incident)
		do   func(gate.Incident) (gate.Incident, error)
		want string // part of the error
		kind gate.Kind
	}{
		{"it is opened", nil, begin(gate.IncidentDetected, act), "", 0},
		{"it is opened by a leak", nil, begin(gate.IncidentLeak, act), "", 0},
		{"it is opened as nothing known", nil, begin("rumor", act), `origin: "rumor": must be one of detected, reported`, gate.Invalid},
		{"it is opened without a reason", nil, begin(gate.IncidentDetected, without), "why: ", gate.Invalid},
		{"it is opened with a key in the text", nil, begin(gate.IncidentDetected, leaking), "why: holds a key", gate.Invalid},
		{"a note", nil, note(act), "", 0},
		{"an empty note", nil, note(without), "why: ", gate.Invalid},
		{"a key in a note", nil, note(leaking), "why: holds a key", gate.Invalid},
		{"one note too many", func(i *gate.Incident) { i.Notes = make([]gate.Act, 200) }, note(act), "takes no more", gate.Conflict},
		{"a note after the end", closed, note(act), ended, gate.Conflict},
		{"the mark", nil, mark(act), "", 0},
		{"the mark twice", func(i *gate.Incident) { i.Security = &act }, mark(act), "already", gate.Conflict},
		{"the mark without a reason", nil, mark(without), "why: ", gate.Invalid},
		{"the mark after the end", closed, mark(act), ended, gate.Conflict},
		{"a remediation", nil, impose("acc_1"), "", 0},
		{"a remediation of somebody else", nil, impose("acc_2"), "about another account", gate.Conflict},
		{"one remediation too many", func(i *gate.Incident) { i.Remediations = make([]gate.RemediationID, 200) }, impose("acc_1"), "leave it out", gate.Conflict},
		{"a remediation after the end", closed, impose("acc_1"), ended, gate.Conflict},
		{"the end", nil, end(act, gate.IncidentFalseAlarm), "", 0},
		{"the end of one that is marked", func(i *gate.Incident) { i.Security = &act }, end(act, gate.IncidentConfirmed), "", 0},
		{"the end without an outcome", nil, end(act, ""), `outcome: "": must be one of confirmed, false-alarm, benign`, gate.Invalid},
		{"the end without a reason", nil, end(without, gate.IncidentBenign), "why: ", gate.Invalid},
		{"the end twice", closed, end(act, gate.IncidentBenign), ended, gate.Conflict},
	}
	for _, row := range rows {
		i := incident()
		if row.edit != nil {
			row.edit(&i)
		}
		before := i
		before.Notes = slices.Clone(i.Notes)
		got, err := row.do(i)
		if diff := cmp.Diff(before, i); diff != "" || len(i.Notes) == 1 && !i.Notes[:2][1].At.IsZero() {
			t.Errorf("%s: it changed the value that it was asked of:\n%s", row.name, diff)
		}
		switch {
		case row.want == "" && err == nil && !cmp.Equal(before, got):
		case row.want != "" && errors.Is(err, row.kind) && strings.Contains(err.Error(), row.want) && !strings.Contains(err.Error(), key):
		default:
			t.Errorf("%s: %+v, %v; want %q", row.name, got, err, row.want)
		}
	}
}

func TestAnIncidentIsOpenUntilItIsClosed(t *testing.T) {
	i := incident()
	if got := i.State(); got != gate.IncidentIsOpen {
		t.Errorf("it is %s", got)
	}
	marked, err := i.MarkSecurity(gate.Act{By: "stf_ben", At: noon, Why: "records were read"})
	if err != nil || marked.State() != gate.IncidentIsOpen {
		t.Errorf("marked it is %s, %v", marked.State(), err)
	}
	done, err := marked.Close(gate.IncidentClosing{Act: gate.Act{By: "stf_ben", At: noon, Why: "the key is gone"}, Outcome: gate.IncidentConfirmed})
	if err != nil || done.State() != gate.IncidentIsClosed || done.Security == nil {
		t.Errorf("closed it is %s, %v, marked %v", done.State(), err, done.Security)
	}
}

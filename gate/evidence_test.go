package gate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

var someHash = strings.Repeat("0a", 32)

func TestARecordingMayFollowTheCall(t *testing.T) {
	contract := signed(t)
	without := transcript("stf_ben")
	without.Recording = gate.Recording{}
	c := interviewed()
	c.Interviews = []gate.Interview{{ID: "int_1", Plan: plan(noon), Held: &without}}
	if _, err := c.Approve(contract, gate.Requirements{}, by("stf_cho", "")); !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), "the reference of the recording") {
		t.Errorf("approved without: %v", err)
	}
	attached, err := c.AttachRecording("int_1", gate.Recording{Reference: "vault/7"}, by("stf_eve", ""))
	if err != nil {
		t.Fatal(err)
	}
	if c.Interviews[0].Held.Recording.Reference != "" {
		t.Error("what was handed in has changed")
	}
	if !attached.Interviewed("stf_eve") {
		t.Error("who attached the recording may approve")
	}
	if _, err := attached.Approve(contract, gate.Requirements{}, by("stf_cho", "")); err != nil {
		t.Error(err)
	}
	hashed, err := attached.AttachRecording("int_1", gate.Recording{SHA256: someHash, HashSource: gate.ComputedHash}, by("stf_ben", ""))
	if got := hashed.Interviews[0].Held.Recording; err != nil || got.Reference != "vault/7" || got.HashSource != gate.ComputedHash {
		t.Errorf("%+v, %v", got, err)
	}
	for name, row := range map[string]struct {
		c    gate.Certification
		id   gate.InterviewID
		r    gate.Recording
		kind gate.Kind
	}{
		"another place":       {attached, "int_1", gate.Recording{Reference: "vault/8"}, gate.Conflict},
		"the same again":      {attached, "int_1", gate.Recording{Reference: "vault/7"}, gate.Conflict},
		"another hash":        {hashed, "int_1", gate.Recording{SHA256: strings.Repeat("0b", 32)}, gate.Conflict},
		"of another case":     {c, "int_9", gate.Recording{Reference: "vault/7"}, gate.NotFound},
		"a hash of nothing":   {c, "int_1", gate.Recording{SHA256: someHash}, gate.Invalid},
		"of one that is not":  {gate.Certification{Interviews: []gate.Interview{{ID: "int_1", Plan: plan(noon)}}}, "int_1", gate.Recording{Reference: "r"}, gate.Conflict},
		"a source of no hash": {c, "int_1", gate.Recording{Reference: "r", HashSource: gate.TypedHash}, gate.Invalid},
	} {
		if _, err := row.c.AttachRecording(row.id, row.r, by("stf_ben", "")); !errors.Is(err, row.kind) {
			t.Errorf("%s: %v, want %s", name, err, row.kind)
		}
	}
}

func TestEvidenceIsKept(t *testing.T) {
	c := interviewed()
	e := gate.Evidence{Kind: gate.ArchitectureDiagram, Document: gate.Document{Reference: "DMS-1", SHA256: someHash}, Note: "version 3", Added: by("stf_ben", "")}
	with, err := c.AddEvidence(e)
	if err != nil || len(with.Evidence) != 1 || with.Evidence[0].HashSource != gate.TypedHash || len(c.Evidence) != 0 {
		t.Fatalf("%+v, %v", with.Evidence, err)
	}
	for _, end := range []func(gate.Certification) (gate.Certification, error){
		func(c gate.Certification) (gate.Certification, error) { return c.Reject(by("stf_cho", "no")) },
		func(c gate.Certification) (gate.Certification, error) {
			return c.Withdraw(by("stf_ben", "not wanted"))
		},
	} {
		ended, err := end(with)
		if err != nil || len(ended.Evidence) != 1 || len(ended.Interviews) != 1 {
			t.Errorf("it keeps %d documents and %d interviews, %v", len(ended.Evidence), len(ended.Interviews), err)
		}
		if _, err := ended.AddEvidence(gate.Evidence{Kind: gate.OtherEvidence, Document: gate.Document{Reference: "DMS-2"}}); !errors.Is(err, gate.Conflict) {
			t.Errorf("added to one that has ended: %v", err)
		}
	}
	if _, err := inForce("cas_1", "con_1", gate.Grant{}, "dev_1").AddEvidence(e); err != nil {
		t.Errorf("added to one in force: %v", err)
	}
	bad := func(edit func(*gate.Evidence)) error {
		x := e
		x.Reference = "DMS-2"
		edit(&x)
		return only(with.AddEvidence(x))
	}
	for name, row := range map[string]struct {
		err  error
		kind gate.Kind
		want string
	}{
		"of no kind":        {bad(func(e *gate.Evidence) { e.Kind = "photo" }), gate.Invalid, "kind: "},
		"held nowhere":      {bad(func(e *gate.Evidence) { e.Reference = "" }), gate.Invalid, "reference: "},
		"with half a hash":  {bad(func(e *gate.Evidence) { e.SHA256 = "0a" }), gate.Invalid, "sha256: "},
		"with two lines":    {bad(func(e *gate.Evidence) { e.Note = "a\nb" }), gate.Invalid, "note: "},
		"added twice":       {bad(func(e *gate.Evidence) { e.Reference = "DMS-1" }), gate.Conflict, "already"},
		"hashed by guesses": {bad(func(e *gate.Evidence) { e.HashSource = "guessed" }), gate.Invalid, "hash_source: "},
	} {
		if !errors.Is(row.err, row.kind) || !strings.Contains(fmt.Sprint(row.err), row.want) {
			t.Errorf("%s: %v, want %s that says %q", name, row.err, row.kind, row.want)
		}
	}
}

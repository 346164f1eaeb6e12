package gate_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/onerecord/certgate/gate"
)

func TestPurposesAreReadByCodeAndByWord(t *testing.T) {
	want := map[string]gate.Purpose{
		"TREAT": gate.Treatment, "treat": gate.Treatment, "Treatment": gate.Treatment, "HPAYMT": gate.Payment, "payment": gate.Payment,
		"HOPERAT": gate.Operations, "operations": gate.Operations, "PATRQT": gate.PatientRequest, "patient": gate.PatientRequest,
	}
	for s, purpose := range want {
		if got, ok := gate.ParsePurpose(s); !ok || got != purpose {
			t.Errorf("%s is read as %q, %t", s, got, ok)
		}
	}
	for _, p := range gate.Purposes() {
		if got, ok := gate.ParsePurpose(string(p)); !ok || got != p {
			t.Errorf("%s is read as %q, %t", p, got, ok)
		}
	}
	for _, s := range []string{"", " TREAT", "TREAT,HPAYMT", "HMARKT", "http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT"} {
		if got, ok := gate.ParsePurpose(s); ok || got != "" {
			t.Errorf("%q is read as %q", s, got)
		}
	}
}

func TestWordsForPurposesBecomeCodes(t *testing.T) {
	list := []gate.Purpose{"patient", "TREAT"}
	if err := gate.CheckPurposes(list); err != nil || !slices.Equal(list, []gate.Purpose{gate.PatientRequest, gate.Treatment}) {
		t.Errorf("%q, %v", list, err)
	}
	for _, list := range [][]gate.Purpose{{"TREAT", "treatment"}, {"x"}, {""}} {
		if err := gate.CheckPurposes(list); !errors.Is(err, gate.Invalid) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestThePurposeOfARequest(t *testing.T) {
	rows := []struct {
		name   string
		header []string
		byDef  gate.Purpose
		grant  []gate.Purpose
		want   gate.Purpose
		reason gate.Reason
	}{
		{"the header's", []string{"payment"}, gate.Treatment, gate.Purposes(), gate.Payment, gate.Allowed},
		{"else the device's default", nil, gate.Treatment, gate.Purposes(), gate.Treatment, gate.Allowed},
		{"else the only one", nil, "", []gate.Purpose{gate.Operations}, gate.Operations, gate.Allowed},
		{"of two neither", nil, "", []gate.Purpose{gate.Operations, gate.Treatment}, "", gate.PurposeRequired},
		{"none where none is granted", nil, "", nil, "", gate.PurposeRequired},
		{"the header's though the default is granted", []string{"PATRQT"}, gate.Treatment, []gate.Purpose{gate.Treatment}, "", gate.PurposeNotGranted},
		{"the default though another is granted", nil, gate.Treatment, []gate.Purpose{gate.Payment}, "", gate.PurposeNotGranted},
	}
	for _, row := range rows {
		for _, e := range environments {
			s := good(t, e)
			s.r.Purpose, s.c.Device.DefaultPurpose = row.header, row.byDef
			s.c.Contracts[0].Grant.Purposes = row.grant
			s.c.Certifications[0].Profile.Grant.Purposes = row.grant
			if s.c.Device.Grant != nil {
				s.c.Device.Grant.Purposes = row.grant
			}
			if got := s.decide(); got.Reason != row.reason || got.Purpose != row.want {
				t.Errorf("%s: %s: %q, %s, want %q, %s", e, row.name, got.Purpose, got.Reason, row.want, row.reason)
			}
		}
	}
}

func TestTheOnlyPurposeIsTheOneThatContractAndProfileShare(t *testing.T) {
	s := good(t, gate.Production)
	s.r.Purpose = nil
	s.c.Contracts[0].Grant.Purposes = []gate.Purpose{gate.Treatment, gate.Payment}
	s.c.Certifications[0].Profile.Grant.Purposes = []gate.Purpose{gate.Payment, gate.Operations}
	if got := s.decide(); got.Reason != gate.Allowed || got.Purpose != gate.Payment {
		t.Errorf("%q, %s", got.Purpose, got.Reason)
	}
}

func TestADeviceWithoutAGrantMayDoEverythingOutsideProductionOnly(t *testing.T) {
	for _, e := range []gate.Environment{gate.Sandbox, gate.Preprod} {
		s := good(t, e)
		s.c.Device.Grant = nil
		s.r.Path, s.r.Purpose = "/fhir/AuditEvent/1", []string{"HOPERAT"}
		if got := s.decide(); got.Reason != gate.Allowed {
			t.Errorf("%s: %s", e, got.Reason)
		}
	}
}

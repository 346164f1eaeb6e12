package gate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// past is a case as it is before it is taken over, the contract that it ends with, and what is said of its approval.
func past(t *testing.T) (gate.Certification, *gate.Contract, gate.PastApproval) {
	t.Helper()
	signed := func(k gate.AgreementKind) gate.Agreement {
		return gate.Agreement{Kind: k, Reference: "DMS-1", SignedOn: "2026-12-01"}
	}
	contract := &gate.Contract{ID: "con_1", First: "2027-01-01", Last: "2027-12-31", Zone: "UTC",
		Agreements: []gate.Agreement{signed(gate.BusinessAssociate), signed(gate.Participation)}}
	if err := contract.Resolve(time.LoadLocation); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	return gate.Certification{ID: "cas_1", Contract: "con_1", Devices: []gate.DeviceID{"dev_1"}}, contract,
		gate.PastApproval{On: "2026-03-01", By: "Dana, by mail", Import: gate.Import{ID: "imp_1", By: "stf_cho", At: at, Source: "the spreadsheet"}}
}

func TestWhatIsTakenOverStillHasToBeReleasedBySomebodyElse(t *testing.T) {
	c, contract, approval := past(t)
	now := approval.Import.At
	c, err := c.TakeOver(approval, contract, gate.Requirements{})
	if err != nil {
		t.Fatal(err)
	}
	if state := c.State(contract, now); state != gate.Approved || c.Issuance(now) != gate.NoIssuance {
		t.Errorf("it is %s, issuance %s", state, c.Issuance(now))
	}
	if _, err := c.Release(contract, gate.Act{By: "stf_cho", At: now}); !errors.Is(err, gate.Forbidden) {
		t.Errorf("released by who imported: %v", err)
	}
	if _, err := c.Release(contract, gate.Act{By: "stf_eve", At: now}); err != nil {
		t.Errorf("released by another: %v", err)
	}
}

func TestWhatCannotBeTakenOver(t *testing.T) {
	for name, row := range map[string]struct {
		field string
		spoil func(c *gate.Certification, k **gate.Contract, p *gate.PastApproval)
	}{
		"no such day":          {"approved_on", func(_ *gate.Certification, _ **gate.Contract, p *gate.PastApproval) { p.On = "2026-02-30" }},
		"a day to come":        {"approved_on", func(_ *gate.Certification, _ **gate.Contract, p *gate.PastApproval) { p.On = "2027-03-02" }},
		"by nobody":            {"approved_by", func(_ *gate.Certification, _ **gate.Contract, p *gate.PastApproval) { p.By = " " }},
		"no device":            {"devices", func(c *gate.Certification, _ **gate.Contract, _ *gate.PastApproval) { c.Devices = nil }},
		"no contract":          {"", func(_ *gate.Certification, k **gate.Contract, _ *gate.PastApproval) { *k = nil }},
		"an unsigned contract": {"", func(_ *gate.Certification, k **gate.Contract, _ *gate.PastApproval) { (*k).Agreements = nil }},
		"a contract that has ended": {"", func(_ *gate.Certification, _ **gate.Contract, p *gate.PastApproval) {
			p.Import.At = time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
		}},
	} {
		c, contract, approval := past(t)
		row.spoil(&c, &contract, &approval)
		before := c
		after, err := c.TakeOver(approval, contract, gate.Requirements{})
		e, ok := errors.AsType[*gate.Error](err)
		if !ok || e.Kind != gate.Invalid || e.Field != row.field {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s changed the case:\n%s", name, diff)
		}
	}
	c, contract, approval := past(t)
	c.Approved = &gate.Act{}
	if _, err := c.TakeOver(approval, contract, gate.Requirements{}); !errors.Is(err, gate.Conflict) {
		t.Errorf("taken over twice: %v", err)
	}
}

func TestFaultsKeepTheirFieldsAndTheKindOfTheFirst(t *testing.T) {
	var faults gate.Faults
	if faults.Err() != nil {
		t.Errorf("without a fault: %v", faults.Err())
	}
	if err := faults.Add(gate.FieldErrorf("zone", "is wrong")); err != nil || gate.KindOf(faults.Err()) != gate.Invalid {
		t.Errorf("one: %v, %v", err, faults.Err())
	}
	if err := faults.Add(gate.Faults{{Kind: gate.Exists, Text: "is taken"}}); err != nil {
		t.Error(err)
	}
	if err := faults.Add(errors.New("broken disk")); err == nil {
		t.Error("what is no fault of the input was taken for one")
	}
	got := gate.InField("account", faults.Err())
	if want := "account.zone: is wrong\naccount: is taken"; got.Error() != want || gate.KindOf(got) != gate.Invalid || !errors.Is(got, gate.Exists) {
		t.Errorf("got %v", got)
	}
}

package authority_test

import (
	"strings"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestRequiredAgreementsAreThoseOfTheRunningConfiguration(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	contract := o.contract(account)
	certified := o.certify(contract, o.device(account, "prod-1", gate.Production).ID)
	waiting := o.interviewed(contract, o.device(account, "prod-2", gate.Production).ID)

	stricter := settings(table()...)
	stricter.RequiredAgreements = []gate.AgreementKind{gate.BusinessAssociate, gate.DataUse}
	config, err := o.Start(stricter)
	must(t, err)
	_, err = o.Approve(o.cho, waiting.ID, "")
	refused(t, "approval without the agreement", err, gate.Conflict)
	next := authority.NewTerm{Last: contract.Last.AddDays(365), Why: "as before"}
	_, err = o.Renew(o.ben, contract.ID, next)
	refused(t, "a renewal that carries a certification over without the agreement", err, gate.Conflict)
	if err == nil || !strings.Contains(err.Error(), "dua") || !strings.Contains(err.Error(), string(certified.ID)) {
		t.Errorf("the refusal names neither what is missing nor for what: %v", err)
	}
	_, err = o.Amend(o.ben, contract.ID, gate.Terms{Agreements: []gate.Agreement{{Kind: gate.DataUse, Reference: "DMS-9", SignedOn: "2026-01-01"}}}, "signed")
	must(t, err)
	_, err = o.Approve(o.cho, waiting.ID, "")
	must(t, err)
	_, err = o.Renew(o.ben, contract.ID, next)
	must(t, err)

	config.Close()
	other := o.account("other")
	_, err = o.Approve(o.cho, o.interviewed(o.contract(other), o.device(other, "prod-1", gate.Production).ID).ID, "")
	must(t, err)
}

func TestSettingsThatRequireWhatThereIsNotAreRefused(t *testing.T) {
	o := newOffice(t)
	for name, kinds := range map[string][]gate.AgreementKind{"unknown": {"handshake"}, "twice": {"baa", "baa"}} {
		s := settings(table()...)
		s.RequiredAgreements = kinds
		if _, err := o.Start(s); err == nil || !strings.Contains(err.Error(), "required_agreements") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package authority_test

import (
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// No account of the machine ended six years ago, so nothing may be deleted, by whoever asks; TestRecordsGoAfterSixYearsByTwoPeopleAndEventsStay has one
// that did.

func (x *machine) proposeDeletion() {
	of, id := x.accountOf()
	a, why := x.actor(gate.ManageAccounts, ""), x.why()
	r := a.refusals(gate.ManageAccounts)
	r.when(of == nil, gate.NotFound)
	r.when(of != nil, gate.Conflict)
	x.try(attempt{name: "ProposeDeletion", by: a, refused: r, commit: func() {},
		do: func(by authority.By) error { _, err := x.ProposeDeletion(by, id, why); return err }})
}

func (x *machine) deleteAccount() {
	of, id := x.accountOf()
	a := x.actor(gate.DeleteRecords, "")
	r := a.refusals(gate.DeleteRecords)
	r.when(of == nil, gate.NotFound)
	r.when(of != nil, gate.Conflict)
	x.try(attempt{name: "DeleteAccount", by: a, refused: r, commit: func() {},
		do: func(by authority.By) error { return x.DeleteAccount(by, id) }})
}

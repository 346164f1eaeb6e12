package authority_test

import (
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// mImport is an import that brought a token along, which waits until a second admin says so.
type mImport struct {
	id  gate.ImportID
	by  gate.StaffID
	key *mKey
}

// waits says whether there is anything to confirm or to reject.
func (i *mImport) waits() bool { return i.key.waits && !i.key.revoked }

// broughtIn notes the token of a customer that was taken over. The customer calls with it from the beginning, as it did before.
func (x *machine) broughtIn(id gate.ImportID, by gate.StaffID, slug, token string) {
	account, err := x.Directory().Account(slug)
	x.must(err)
	for _, d := range x.devices {
		if d.account != account.ID {
			continue
		}
		for _, k := range x.Directory().Keys(d.id) {
			key := &mKey{id: k.ID, device: d, text: token, inUse: true, waits: true}
			x.keys, x.imports = append(x.keys, key), append(x.imports, &mImport{id: id, by: by, key: key})
		}
	}
}

func (x *machine) importOf() (*mImport, gate.ImportID) {
	i := pick(x, "import", x.imports, (*mImport).waits)
	if i == nil {
		return nil, "imp_none"
	}
	return i, i.id
}

func (x *machine) confirmImport() {
	i, id := x.importOf()
	if i != nil {
		x.tempted = i.by
	}
	a := x.actor(gate.TrustForeign, "")
	r := a.refusals(gate.TrustForeign)
	r.when(i == nil, gate.NotFound)
	if i != nil {
		r.when(!i.waits() || !x.person(i.by).can(gate.TrustForeign), gate.Conflict)
		r.when(i.by == a.id, gate.Forbidden)
	}
	x.try(attempt{name: "ConfirmImport", by: a, refused: r,
		do:     func(by authority.By) error { return x.ConfirmImport(by, id) },
		commit: func() { i.key.waits = false }})
}

func (x *machine) rejectImport() {
	i, id := x.importOf()
	a, why := x.actor(gate.Stop, ""), x.why()
	r := a.refusals(gate.Stop)
	r.when(i == nil, gate.NotFound)
	r.when(i != nil && !i.waits(), gate.Conflict)
	r.when(why == "", gate.Invalid)
	x.try(attempt{name: "RejectImport", by: a, refused: r,
		do:     func(by authority.By) error { return x.RejectImport(by, id, why) },
		commit: func() { i.key.revoked = true }})
}

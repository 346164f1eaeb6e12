package authority_test

import (
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// mSecret is the secret of the model.
type mSecret struct {
	peppers  int          // versions beyond the first
	by       gate.StaffID // who proposed a rotation; empty: nobody
	replaced bool
}

func (x *machine) rotateSecret() {
	if x.secret.peppers == certstore.MaxTokenPeppers-1 {
		return // imported tokens could stand under no further one
	}
	change, why := sampled(x, "change", []gate.SecretChange{gate.RotatePepper, gate.RotatePepper, gate.RotatePepper, gate.RotateSecret, "nonsense"}), x.why()
	a := x.actor(gate.ManageSecret, tag(x.Directory().Secret()))
	r := a.refusals(gate.ManageSecret)
	r.when(change == "nonsense" || why == "" || change == gate.RotateSecret, gate.Invalid) // the machine's store is in memory: nobody is on record for kits
	x.try(attempt{name: "RotateSecret", by: a, refused: r,
		do: func(by authority.By) error {
			_, err := x.RotateSecret(by, authority.SecretRotation{Change: change, Why: why})
			return err
		},
		commit: func() { x.secret.replaced, x.secret.by = x.secret.by != "", a.id }})
}

func (x *machine) confirmSecret() {
	x.tempted = x.secret.by
	a := x.actor(gate.ManageSecret, tag(x.Directory().Secret()))
	r := a.refusals(gate.ManageSecret)
	r.when(x.secret.by == "", gate.Conflict)
	r.when(x.secret.by == a.id, gate.Forbidden)
	r.when(x.secret.by != "" && x.secret.replaced && !a.named, gate.Stale)
	r.when(x.secret.by != "" && !x.person(x.secret.by).can(gate.ManageSecret), gate.Conflict)
	x.try(attempt{name: "ConfirmSecret", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.ConfirmSecret(by); return err },
		commit: func() { x.secret = mSecret{peppers: x.secret.peppers + 1} }})
}

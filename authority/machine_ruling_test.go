package authority_test

import (
	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// mRuling is a version of how one rule is set, for an account or all. The machine sets only the mode and the ratio of volume-spike.
type mRuling struct {
	version int
	account gate.AccountID // empty: all
	mode    string         // empty: as more widely
	ratio   float64        // 0: as more widely
	by      gate.StaffID
	waits   bool
	over    bool // it waited and was refused, or a later one was made
}

// ruling is the one that counts for an account, or for all; nil: none does.
func (m *model) ruling(account gate.AccountID) (last *mRuling) {
	for _, r := range m.rulings {
		if r.account == account && !r.waits && !r.over {
			last = r
		}
	}
	return last
}

// ruled is how an account, or with an empty one everybody else, is judged when one ruling is added; nil: as it is.
func (m *model) ruled(account gate.AccountID, added *mRuling) (mode string, ratio float64) {
	mode, ratio = "observe", abuse.Defaults().Spike.Ratio
	for _, a := range []gate.AccountID{"", account} {
		r := m.ruling(a)
		if added != nil && added.account == a {
			r = added
		}
		if r != nil && r.mode != "" {
			mode = r.mode
		}
		if r != nil && r.ratio != 0 {
			ratio = r.ratio
		}
	}
	return mode, ratio
}

// escalates reports whether anybody may be throttled by a ruling who was not before, or for another reason.
func (m *model) escalates(r *mRuling) bool {
	of := []gate.AccountID{r.account}
	if r.account == "" {
		for _, a := range m.accounts {
			if m.ruling(a.id) != nil {
				of = append(of, a.id)
			}
		}
	}
	for _, account := range of {
		mode, ratio := m.ruled(account, nil)
		next, nextRatio := m.ruled(account, r)
		if next == "enforce" && (mode != next || ratio != nextRatio) {
			return true
		}
	}
	return false
}

func (x *machine) setRules() {
	in := authority.NewRuling{Scope: gate.AllScope, Why: x.why(), Modes: map[string]string{}}
	made, was := &mRuling{}, mRuling{}
	if account := pick(x, "account", x.accounts, nil); account != nil && x.chance(2, "of one") {
		in.Scope, in.Account, made.account = gate.AccountScope, account.id, account.id
	}
	if before := x.ruling(made.account); before != nil {
		was = *before
		made.mode, made.ratio = was.mode, was.ratio
	}
	if mode := sampled(x, "mode", []string{"", "off", "observe", "enforce", "enforce", "inherit"}); mode != "" {
		in.Modes["volume-spike"], made.mode = mode, mode
		if mode == "inherit" {
			made.mode = ""
		}
	}
	wrong := false
	switch sampled(x, "ratio", []int{0, 0, 1, 2, 3, 4}) {
	case 1:
		in.Thresholds, made.ratio = []byte(`{"volume_spike": {"ratio": 4}}`), 4
	case 2:
		in.Thresholds, made.ratio = []byte(`{"volume_spike": {"ratio": 5}}`), 5
	case 3:
		in.Thresholds, made.ratio = []byte(`{"volume_spike": null}`), 0
	case 4:
		in.Thresholds, wrong = []byte(`{"volume_spike": {"ratio": 1.1}}`), true // below what it may be
	}
	a := x.actor(gate.ManageRules, "")
	made.by = a.id
	r := a.refusals(gate.ManageRules)
	r.when(in.Why == "" || wrong, gate.Invalid)
	r.when(made.mode == was.mode && made.ratio == was.ratio, gate.Conflict)
	made.waits = x.escalates(made)
	var got *gate.Ruling
	x.try(attempt{name: "SetRules", by: a, refused: r,
		do: func(by authority.By) (err error) { got, err = x.SetRules(by, in); return err },
		commit: func() {
			if made.version = got.Version; got.Waits != made.waits {
				x.rt.Fatalf("version %d waits for a second person: %v", got.Version, got.Waits)
			}
			for _, r := range x.rulings {
				r.over = r.over || r.account == made.account && r.waits
			}
			x.rulings = append(x.rulings, made)
			x.rulesHold()
		}})
}

// ruledOn is a version, and what is against deciding on it.
func (x *machine) ruledOn() (r *mRuling, version int, etag string, against refusals) {
	r = pick(x, "version", x.rulings, func(r *mRuling) bool { return r.waits && !r.over })
	if r == nil {
		against.when(true, gate.NotFound)
		return nil, 10_000, "", against
	}
	known, err := x.Ruling(r.version)
	x.must(err)
	against.when(!r.waits || r.over, gate.Conflict)
	return r, r.version, tag(known), against
}

func (x *machine) confirmRules() {
	r, version, etag, against := x.ruledOn()
	if r != nil {
		x.tempted = r.by
		against.when(!x.person(r.by).can(gate.ManageRules), gate.Conflict)
	}
	a := x.actor(gate.ManageRules, etag)
	against = append(against, a.refusals(gate.ManageRules)...)
	against.when(r != nil && r.by == a.id, gate.Forbidden)
	x.try(attempt{name: "ConfirmRules", by: a, refused: against,
		do:     func(by authority.By) error { _, err := x.ConfirmRules(by, version); return err },
		commit: func() { r.waits = false; x.rulesHold() }})
}

func (x *machine) refuseRules() {
	r, version, etag, against := x.ruledOn()
	a, why := x.actor(gate.ManageRules, etag), x.why()
	against = append(against, a.refusals(gate.ManageRules)...)
	against.when(why == "", gate.Invalid)
	x.try(attempt{name: "RefuseRules", by: a, refused: against,
		do:     func(by authority.By) error { _, err := x.RefuseRules(by, version, why); return err },
		commit: func() { r.over = true; x.rulesHold() }})
}

// rulesHold compares how accounts are judged.
func (x *machine) rulesHold() {
	for _, account := range append([]*mAccount{{id: "acc_nobody"}}, x.accounts...) {
		mode, ratio := x.ruled(account.id, nil)
		thresholds, modes, _ := x.RulesFor(account.id)
		if got := modes[abuseSpike].String(); got != mode || thresholds.Spike.Ratio != ratio {
			x.rt.Fatalf("account %s is judged by %s and %v, want %s and %v", account.id, got, thresholds.Spike.Ratio, mode, ratio)
		}
	}
}

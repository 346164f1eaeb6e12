package authority

import (
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// RuleSet is how the rules against abuse are set for somebody.
type RuleSet struct {
	Thresholds abuse.Thresholds
	Modes      abuse.Modes
	// Version is the newest ruling that has a say in it; 0: everything is as certgate comes with it, and only observed.
	Version int
}

// RuleBook is how rules are set for all accounts at one time.
type RuleBook struct {
	all      RuleSet
	base     *gate.Ruling // for all; nil: there is none
	plans    map[string]*gate.Ruling
	accounts map[gate.AccountID]*gate.Ruling
	faulty   []error // rulings that this certgate cannot follow
}

// defaultRules are those of a store in which none were ever set.
func defaultRules() *RuleSet { return &RuleSet{Thresholds: abuse.Defaults()} }

// RuleBook reads how the rules are set now.
func (a *Authority) RuleBook() *RuleBook {
	b := newRuleBook(a.dir.Rulings())
	for _, err := range b.faulty {
		a.log.Error("a version of the rules cannot be followed; what it enforces is only observed until it is set anew", zap.Error(err))
	}
	return b
}

// RulesFor is how the rules are set for an account: thresholds, modes, and the newest version that has a say in them. For many accounts one
// [Authority.RuleBook] is read once.
func (a *Authority) RulesFor(account gate.AccountID) (abuse.Thresholds, abuse.Modes, int) {
	s := a.RuleBook().For(account, a.planOf(account))
	return s.Thresholds, s.Modes, s.Version
}

func newRuleBook(rulings []*gate.Ruling) *RuleBook {
	b := &RuleBook{
		all: *defaultRules(), plans: make(map[string]*gate.Ruling), accounts: make(map[gate.AccountID]*gate.Ruling),
	}
	for _, r := range gate.RulingsInForce(rulings) {
		switch r.Scope {
		case gate.AllScope:
			b.base = r
			if err := b.all.follow(r); err != nil {
				b.faulty = append(b.faulty, err)
			}
			continue
		case gate.PlanScope:
			b.plans[r.Plan] = r
		case gate.AccountScope:
			b.accounts[r.Account] = r
		}
		if err := defaultRules().follow(r); err != nil { // a group of thresholds is kept as a whole, so what is under it does not matter
			b.faulty = append(b.faulty, err)
		}
	}
	return b
}

// For is how the rules are set for an account on a plan; empty: without one.
func (b *RuleBook) For(account gate.AccountID, plan string) RuleSet {
	s := b.all
	for _, r := range []*gate.Ruling{b.plans[plan], b.accounts[account]} {
		if r != nil {
			_ = s.follow(r) // the book has it among the faulty ones
		}
	}
	return s
}

// Layers are the rulings that have a say for an account on a plan, the widest first.
func (b *RuleBook) Layers(account gate.AccountID, plan string) []*gate.Ruling {
	return slices.DeleteFunc([]*gate.Ruling{b.base, b.plans[plan], b.accounts[account]}, func(r *gate.Ruling) bool { return r == nil })
}

// Exceptions are the rulings in force of plans and accounts, in the order in which they were set.
func (b *RuleBook) Exceptions() []*gate.Ruling {
	list := slices.AppendSeq(slices.Collect(maps.Values(b.plans)), maps.Values(b.accounts))
	slices.SortFunc(list, func(x, y *gate.Ruling) int { return x.Version - y.Version })
	return list
}

// follow lays a ruling over what is set more widely. One that this certgate cannot follow, because it was set under another version of it, changes
// no threshold and enforces nothing.
func (s *RuleSet) follow(r *gate.Ruling) error {
	s.Version = max(s.Version, r.Version)
	next, err := s.Thresholds.With(r.Thresholds)
	if err == nil {
		err = next.Check()
	}
	if err == nil {
		s.Thresholds = next
	}
	for name, mode := range r.Modes {
		rule, e := abuse.ParseRule(name)
		if e != nil {
			continue // it has gone, and nobody is asked for it
		}
		m, e := abuse.ParseMode(mode)
		if e != nil {
			err = e
		}
		s.Modes[rule] = m
	}
	if err == nil {
		return nil
	}
	for rule := range s.Modes {
		if s.Modes[rule] == abuse.Enforce {
			s.Modes[rule] = abuse.Observe
		}
	}
	return gate.Errorf(gate.Invalid, "version %d: %v", r.Version, err)
}

// planOf is the name of the plan that an account is on; empty: none.
func (a *Authority) planOf(account gate.AccountID) string {
	caller := gate.Caller{Contracts: a.dir.Contracts(account)}
	if c := caller.Contract(a.now()); c != nil {
		return c.PlanName
	}
	return ""
}

// PlanOf is the name of the plan that an account is on, for doors; empty: none.
func (a *Authority) PlanOf(account gate.AccountID) string { return a.planOf(account) }

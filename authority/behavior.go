package authority

import (
	"errors"
	"slices"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// grantedAndChanged lists the behaviors that somebody was granted and that the table would drop or change.
func (a *Authority) grantedAndChanged(next *gate.Behaviors) []string {
	table := a.dir.Behaviors()
	if table == nil {
		return nil
	}
	granted := make(map[string]bool)
	note := func(g *gate.Grant) {
		for _, name := range g.Behaviors {
			granted[name] = true
		}
	}
	now := a.now()
	for _, c := range a.dir.Contracts("") {
		if c.State(now) != gate.ContractEnded {
			note(&c.Grant)
		}
	}
	for _, d := range a.dir.Devices("") {
		if d.Grant != nil {
			note(d.Grant)
		}
	}
	return slices.DeleteFunc(table.Changed(next), func(name string) bool { return !granted[name] })
}

// recordBehaviors makes the running configuration's table the one of record, as an event. A blocked change stays what it was.
func (a *Authority) recordBehaviors() error {
	c := a.current()
	if c == nil {
		return nil
	}
	if c.recorded.Load() {
		return nil
	}
	next := c.sites[gate.Production].Behaviors
	blocked := a.grantedAndChanged(next)
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		table, err := certstore.Get[gate.BehaviorTable](tx, (&gate.BehaviorTable{}).RecordID())
		if errors.Is(err, gate.NotFound) {
			table, err = &gate.BehaviorTable{}, nil
		}
		if err != nil {
			return gate.Event{}, err
		}
		list := mergeBehaviors(table.Behaviors, next.List(), blocked)
		if slices.Equal(list, table.Behaviors) {
			return gate.Event{}, errKnown
		}
		// An allowance is used up by the change that needed it, and stays for as long as another one comes first.
		needed := (&gate.BehaviorTable{Behaviors: table.Behaviors}).Changed(next)
		table.Allowances = slices.DeleteFunc(table.Allowances, func(b gate.Behavior) bool {
			return slices.Contains(needed, b.Name) && !slices.Contains(blocked, b.Name)
		})
		table.Behaviors = list
		certstore.Put(tx, table)
		return gate.Event{Verb: gate.BehaviorsChanged, Object: table.RecordID()}, nil
	})
	if err != nil && !errors.Is(err, errKnown) {
		return err
	}
	c.recorded.Store(true)
	return nil
}

// mergeBehaviors is the new table, with the old entry kept where the change is blocked.
func mergeBehaviors(old, next []gate.Behavior, blocked []string) []gate.Behavior {
	var list []gate.Behavior
	for _, b := range old {
		if slices.Contains(blocked, b.Name) {
			list = append(list, b)
		}
	}
	for _, b := range next {
		if !slices.Contains(blocked, b.Name) {
			list = append(list, b)
		}
	}
	return list
}

// AllowBehavior lets a configuration drop or change a granted behavior: in the form given, or with an empty method dropped. It
// takes effect with the next start or reload.
func (a *Authority) AllowBehavior(by By, b gate.Behavior, why string) error {
	if err := errors.Join(by.May(gate.ManageSite), gate.CheckReason(why)); err != nil {
		return err
	}
	if b.Method != "" {
		if _, err := gate.Compile([]gate.Behavior{b}); err != nil {
			return err
		}
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		table, err := certstore.Get[gate.BehaviorTable](tx, (&gate.BehaviorTable{}).RecordID())
		if err != nil {
			return gate.Event{}, err
		}
		if !slices.ContainsFunc(table.Behaviors, func(o gate.Behavior) bool { return o.Name == b.Name }) {
			return gate.Event{}, gate.FieldErrorf("name", "%q is not a behavior of record", gate.Clip(b.Name, 60))
		}
		b.Cost = 0 // what a call costs may change freely
		table.Allowances = slices.DeleteFunc(table.Allowances, func(o gate.Behavior) bool { return o.Name == b.Name })
		table.Allowances = append(table.Allowances, b)
		certstore.Put(tx, table)
		return gate.Event{Verb: gate.BehaviorAllowed, Object: table.RecordID(), Why: why, Detail: b.Name}, nil
	})
	return err
}

// NewLowering is a lowering as it is asked for.
type NewLowering struct {
	To    gate.Environment
	Until *time.Time // nil: gate.LoweringLifetime from now
	Why   string
}

// ProposeLowering asks that a host may for a time be served in a lower environment than it once was; a second admin must confirm.
func (a *Authority) ProposeLowering(by By, host string, in NewLowering) (*gate.Host, error) {
	if err := errors.Join(by.May(gate.ManageSite), gate.CheckReason(in.Why)); err != nil {
		return nil, err
	}
	now := a.moment()
	until := now.Add(gate.LoweringLifetime)
	if in.Until != nil {
		until = in.Until.UTC().Truncate(time.Second)
	}
	event := gate.Event{Verb: gate.HostLoweringProposed, Object: host, Why: in.Why, Detail: "to " + in.To.String() + " until " + until.Format(time.RFC3339)}
	return a.changeHost(by, event, func(h gate.Host) (gate.Host, error) {
		return h.Propose(gate.Lowering{To: in.To, Until: &until, Why: in.Why, ProposedBy: by.Staff}, now)
	})
}

// RaiseHost ends a lowering, or the wish for one, before its time.
func (a *Authority) RaiseHost(by By, host, why string) (*gate.Host, error) {
	if err := by.May(gate.Stop); err != nil {
		return nil, err
	}
	return a.changeHost(by, gate.Event{Verb: gate.HostRaised, Object: host, Why: why}, func(h gate.Host) (gate.Host, error) {
		return h.Raise(by.Staff, why, a.moment())
	})
}

// ConfirmLowering puts a proposed lowering into effect.
func (a *Authority) ConfirmLowering(by By, host string) (*gate.Host, error) {
	if err := by.May(gate.ManageSite); err != nil {
		return nil, err
	}
	return a.changeHost(by, gate.Event{Verb: gate.HostLoweringConfirmed, Object: host}, func(h gate.Host) (gate.Host, error) {
		if h.Lowering != nil {
			if err := a.stillAdmin(h.Lowering.ProposedBy); err != nil {
				return h, err
			}
		}
		return h.Confirm(by.Staff, by.names(), a.moment())
	})
}

func (a *Authority) changeHost(by By, event gate.Event, f func(gate.Host) (gate.Host, error)) (*gate.Host, error) {
	var out gate.Host
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		h, err := load[gate.Host](tx, by, event.Object)
		if err != nil {
			return event, err
		}
		if out, err = f(*h); err != nil {
			return event, err
		}
		certstore.Put(tx, &out)
		return event, nil
	})
	return &out, err
}

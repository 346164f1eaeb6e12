package authority

import (
	"fmt"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
	"github.com/onerecord/certgate/ratelimit"
)

// NewExtra is what staff grant beyond a quota, as it is asked for.
type NewExtra struct {
	Limit  string // its name, or as it is written in the plan
	For    string // the organization or device that has it, by path or identifier; empty: each that the limit is for
	Amount int64  // units; of a reset it is what was used
	Reset  bool
	Why    string
}

// GrantExtra lets an account use more than a quota of its contract in force says, or as much once more as it says, until the day or month
// ends. It counts from the next request on; what was used stays counted.
func (a *Authority) GrantExtra(by By, account gate.AccountID, in NewExtra) (*gate.Contract, error) {
	if err := by.May(gate.ManageAccounts); err != nil {
		return nil, err
	}
	now := a.moment()
	caller := gate.Caller{Contracts: a.dir.Contracts(account)}
	contract := caller.Contract(now)
	if contract == nil || contract.State(now) != gate.ContractInForce {
		return nil, gate.Errorf(gate.Conflict, "the account has no contract in force, so nothing is used of one")
	}
	limit, err := contract.Plan.Quota(in.Limit)
	if err != nil {
		return nil, err
	}
	e := gate.Extra{Limit: limit.Name(), Amount: in.Amount, Reset: in.Reset, Act: a.act(by, in.Why)}
	_, e.Ends = ratelimit.PeriodOf(limit, contract.UsagePlan().Zone, now)
	e.Ends = e.Ends.UTC()
	if e.Subject, err = a.extraSubject(account, limit, in.For); err != nil {
		return nil, err
	}
	if in.Reset {
		if e.Amount, err = a.usedBeyond(account, contract.UsagePlan(), &e, limit); err != nil {
			return nil, err
		}
	}
	detail := fmt.Sprintf("%d more of %q until %s", e.Amount, limit.String(), e.Ends.Format(time.RFC3339))
	return a.changeContract(by, contract.ID, amending{
		action: gate.ManageAccounts, notice: gate.ExtraNotice, event: gate.Event{Verb: gate.ExtraGranted, Why: in.Why, Detail: detail},
		do: func(c gate.Contract) (gate.Contract, error) {
			if in.Reset && len(c.Extras) != len(contract.Extras) { // what was used was compared with what had been granted then
				return c, gate.Errorf(gate.Conflict, "more was granted meanwhile; look at what is left (certgate usage limits) and ask again if it is still needed")
			}
			next, err := c.GrantExtra(e)
			if err == nil {
				err = next.Resolve(time.LoadLocation)
			}
			return next, err
		},
		data: func(c *gate.Contract) notify.Data {
			return notify.Data{Limit: limit.Words(), Quota: e.Amount, Until: e.Ends, Why: in.Why, Zone: c.UsagePlan().Zone}
		},
	})
}

// extraSubject finds for whom it is, which must be one that the limit is for.
func (a *Authority) extraSubject(account gate.AccountID, limit *gate.Limit, ref string) (string, error) {
	per := limit.Subject()
	if ref == "" {
		return "", nil
	}
	var id string
	var owner gate.AccountID
	switch per {
	case gate.OrganizationSubject:
		o, err := a.dir.Organization(ref)
		if err != nil {
			return "", gate.InField("for", err)
		}
		id, owner = string(o.ID), o.Account
	case gate.DeviceSubject:
		d, err := a.dir.Device(ref)
		if err != nil {
			return "", gate.InField("for", err)
		}
		id, owner = string(d.ID), d.Account
	default:
		return "", gate.FieldErrorf("for", "%s is for the account as a whole; leave it out", limit.Name())
	}
	if owner != account {
		return "", gate.FieldErrorf("for", "%q: must be a %s of the account", gate.Clip(ref, 80), per)
	}
	return id, nil
}

// usedBeyond is what a reset has to add so that the whole quota is there again.
func (a *Authority) usedBeyond(account gate.AccountID, plan *gate.UsagePlan, e *gate.Extra, limit *gate.Limit) (int64, error) {
	subject := e.Subject
	if subject == "" {
		if limit.Subject() != gate.AccountSubject {
			return 0, gate.FieldErrorf("for", "must say which %s it is: each has used another part of %s", limit.Subject(), limit.Name())
		}
		subject = string(account)
	}
	if e.Amount != 0 {
		return 0, gate.FieldErrorf("amount", "is not given with a reset: it is what was used")
	}
	for _, q := range a.limits.Quotas(a.now()) {
		if q.Account != account || q.Subject != subject || q.Limit != e.Limit {
			continue
		}
		if beyond := q.Used - plan.Extra(q.Limit, q.Subject, q.Start, q.End); beyond > 0 {
			return beyond, nil
		}
	}
	return 0, gate.Errorf(gate.Conflict, "the whole of %s is there; there is nothing to reset", e.Limit)
}

// LimitStanding is what is left of a limit for one whom it is for.
type LimitStanding struct {
	Noun string // account, organization or device
	ID   string
	Path string
	ratelimit.Standing
}

// LimitsOf are what is left of each limit of the account's contract in force, for everybody whom it is for.
func (a *Authority) LimitsOf(id gate.AccountID) ([]LimitStanding, error) {
	account, err := a.dir.Account(string(id))
	if err != nil {
		return nil, err
	}
	now := a.now()
	caller := gate.Caller{Contracts: a.dir.Contracts(id)}
	contract := caller.Contract(now)
	if contract == nil || contract.State(now) != gate.ContractInForce {
		return nil, gate.Errorf(gate.Conflict, "account %s has no contract in force, so nothing limits it", account.Slug)
	}
	plan := contract.UsagePlan()
	var list []LimitStanding
	add := func(noun gate.SubjectKind, name [2]string, who ratelimit.Caller) {
		who.Account, who.Plan = id, plan
		for _, s := range a.limits.Standings(&who, now) {
			if s.Limit.Subject() == noun {
				list = append(list, LimitStanding{Noun: string(noun), ID: name[0], Path: name[1], Standing: s})
			}
		}
	}
	add(gate.AccountSubject, [2]string{string(id), account.Slug}, ratelimit.Caller{})
	for _, o := range a.dir.Organizations(id) {
		add(gate.OrganizationSubject, [2]string{string(o.ID), account.Slug + "/" + o.Slug}, ratelimit.Caller{Organization: o.ID})
	}
	for _, d := range a.dir.Devices(id) {
		if d.Environment != gate.Production {
			continue
		}
		path, err := a.devicePath(d)
		if err != nil {
			return nil, err
		}
		add(gate.DeviceSubject, [2]string{string(d.ID), path}, ratelimit.Caller{Organization: d.Organization, Device: d.ID})
	}
	return list, nil
}

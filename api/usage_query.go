package api

import (
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// usageQuestion is what was asked.
type usageQuestion struct {
	authority.UsageQuery

	zone string // of the days; empty: each account's own
	by   []string
	x    *exchange
}

// usageParameters are those by which usage is chosen.
var usageParameters = []string{"account", "organization", "device", "behavior", "purpose", "outcome", "from", "to", "zone"}

// usageQuestion reads the query, which may have more parameters than those.
func (x *exchange) usageQuestion(by string, more ...string) (*usageQuestion, error) {
	v, err := x.query(append(slices.Clone(usageParameters), more...)...)
	if err != nil {
		return nil, err
	}
	q := &usageQuestion{x: x, by: strings.Split(by, ",")}
	q.Behavior, q.Outcome, q.Step = v.Get("behavior"), usage.Outcome(v.Get("outcome")), authority.UsageStep(v.Get("step"))
	if v.Has("by") {
		q.by = strings.Split(v.Get("by"), ",")
	}
	if err := q.check(v.Get("purpose")); err != nil {
		return nil, err
	}
	owner, err := q.find(v.Get("account"), v.Get("organization"), v.Get("device"))
	if err != nil {
		return nil, err
	}
	if err := q.readZone(v.Get("zone"), v.Has("zone"), owner); err != nil {
		return nil, err
	}
	return q, q.readDays(v.Get("from"), v.Get("to"))
}

// find finds those whose usage is asked for, and the account that they are all of; empty: of several.
func (q *usageQuestion) find(account, organization, device string) (owner gate.AccountID, err error) {
	if account != "" {
		r, err := q.x.dir.Account(account)
		if err != nil {
			return "", gate.InField("account", err)
		}
		q.Account, owner = r.ID, r.ID
	}
	if organization != "" {
		r, err := q.x.dir.Organization(organization)
		if err != nil {
			return "", gate.InField("organization", err)
		}
		q.Organization, owner = r.ID, r.Account
	}
	if device != "" {
		r, err := q.x.dir.Device(device)
		if err != nil {
			return "", gate.InField("device", err)
		}
		q.Device, owner = r.ID, r.Account
	}
	return owner, nil
}

// readZone reads in which zone days are counted. Left out, it is that of the contract; where rows sum over several accounts, UTC, or they would
// sum over days that differ.
func (q *usageQuestion) readZone(name string, given bool, owner gate.AccountID) (err error) {
	switch {
	case given:
		if q.Zone, err = time.LoadLocation(name); err != nil || name == "" || name == "Local" {
			return gate.FieldErrorf("zone", "%q: must be an IANA time zone, such as America/New_York", gate.Clip(name, 60))
		}
	case owner != "":
		q.Zone = q.x.a.UsageZone(owner)
	case slices.ContainsFunc(q.by, func(part string) bool { return slices.Contains(ownersParts, part) }):
		return nil
	default:
		q.Zone = time.UTC
	}
	q.zone = q.Zone.String()
	return nil
}

func (q *usageQuestion) check(purpose string) error {
	if purpose != "" {
		p, known := gate.ParsePurpose(purpose)
		if !known {
			return gate.FieldErrorf("purpose", "%q: must be a purpose of use, such as TREAT", gate.Clip(purpose, 40))
		}
		q.Purpose = p
	}
	if _, refused := gate.ParseReason(string(q.Outcome)); q.Outcome != "" && !q.Outcome.Allowed() && !refused {
		return gate.FieldErrorf("outcome", "%q: must be one of %v, or the code of a refusal, such as quota-exceeded", gate.Clip(string(q.Outcome), 40), usage.Outcomes())
	}
	switch q.Step {
	case authority.NoStep, authority.HourStep, authority.DayStep, authority.WeekStep, authority.MonthStep:
	default:
		return gate.FieldErrorf("step", "%q: must be hour, day, week or month; left out, the time is told as one", gate.Clip(string(q.Step), 40))
	}
	for _, part := range q.by {
		if !slices.Contains(usageParts, part) {
			return gate.FieldErrorf("by", "%q: must be some of %s, with commas between", gate.Clip(part, 40), strings.Join(usageParts, ", "))
		}
	}
	return nil
}

// readDays reads the days, the last of which is in it. Left out, it is the month so far.
func (q *usageQuestion) readDays(from, to string) error {
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	today := q.x.a.Now().In(zone)
	if to == "" {
		to = today.Format(time.DateOnly)
	}
	if from == "" {
		from = today.Format("2006-01") + "-01"
	}
	q.First, q.Last = gate.Date(from), gate.Date(to)
	if err := q.First.Check(); err != nil {
		return gate.InField("from", err)
	}
	if err := q.Last.Check(); err != nil {
		return gate.InField("to", err)
	}
	if q.Last < q.First {
		return gate.FieldErrorf("to", "%s is before the first day, %s", q.Last, q.First)
	}
	q.From, q.To = q.First.Start(earliest).UTC(), q.Last.AddDays(1).Start(latest).UTC()
	if q.Zone != nil {
		q.From, q.To = q.First.Start(q.Zone).UTC(), q.Last.AddDays(1).Start(q.Zone).UTC()
	}
	return nil
}

// The zones in which a day begins first and ends last.
var (
	earliest = time.FixedZone("", 14*60*60)
	latest   = time.FixedZone("", -12*60*60)
)

package authority

import (
	"cmp"
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// UsageStep is the length of the periods that usage is told by.
type UsageStep string

// The steps. Days, weeks (from Monday on) and months are those of the query's zone.
const (
	HourStep  UsageStep = "hour"
	DayStep   UsageStep = "day"
	WeekStep  UsageStep = "week"
	MonthStep UsageStep = "month"
	NoStep    UsageStep = "" // one period from beginning to end
)

// UsageQuery says what usage to tell.
type UsageQuery struct {
	// First and Last are days, both in it. Empty: From and To count.
	First, Last gate.Date
	// From and To must lie on quarters of an hour, or what is counted in a quarter is told where that begins. To is not in it.
	From, To time.Time
	Step     UsageStep
	Zone     *time.Location // nil: of each account that of its contract
	// Account, Organization, Device, Behavior, Purpose and Outcome are what alone is told; empty: all.
	Account      gate.AccountID
	Organization gate.OrganizationID
	Device       gate.DeviceID
	Behavior     string
	Purpose      gate.Purpose
	Outcome      usage.Outcome
}

// UsageRow is what one device used in one period in one way.
type UsageRow struct {
	Start, End time.Time
	Zone       *time.Location // in which the period is one
	Device     *gate.Device
	usage.Cell
}

// Billable reports whether the calls are billed: in production alone, and neither refused ones nor those that the upstream failed.
func (r *UsageRow) Billable() bool {
	return r.Device.Environment == gate.Production && r.Outcome.Answered()
}

// Usage calls f with what was used, by device, period, behavior, purpose and outcome, in that order. It tells what was flushed: all but the
// last second. f must not wait for a network: usage cannot be closed meanwhile.
func (a *Authority) Usage(q *UsageQuery, f func(*UsageRow) error) error {
	zones := make(map[gate.AccountID]*time.Location)
	for _, d := range a.UsageDevices(q) {
		one := *q
		if one.Zone == nil {
			if zones[d.Account] == nil {
				zones[d.Account] = a.UsageZone(d.Account)
			}
			one.Zone = zones[d.Account]
		}
		if q.First != "" {
			one.From, one.To = q.First.Start(one.Zone), q.Last.AddDays(1).Start(one.Zone)
		}
		if err := a.usageOf(d, &one, f); err != nil {
			return err
		}
	}
	return nil
}

// UsageDevices are those that a query is about, in the order of their identifiers.
func (a *Authority) UsageDevices(q *UsageQuery) []*gate.Device {
	if q.Device != "" {
		d, err := a.dir.Device(string(q.Device))
		if err != nil || !q.about(d) {
			return nil
		}
		return []*gate.Device{d}
	}
	devices := slices.DeleteFunc(slices.Clone(a.dir.Devices(q.Account)), func(d *gate.Device) bool { return !q.about(d) })
	slices.SortFunc(devices, func(x, y *gate.Device) int { return cmp.Compare(x.ID, y.ID) })
	return devices
}

func (q *UsageQuery) about(d *gate.Device) bool {
	return (q.Account == "" || q.Account == d.Account) && (q.Organization == "" || q.Organization == d.Organization)
}

func (a *Authority) usageOf(d *gate.Device, q *UsageQuery, f func(*UsageRow) error) error {
	var start, end time.Time
	var cells []usage.Cell
	tell := func() error {
		slices.SortFunc(cells, func(x, y usage.Cell) int {
			return cmp.Or(cmp.Compare(x.Behavior, y.Behavior), cmp.Compare(x.Purpose, y.Purpose), cmp.Compare(x.Outcome, y.Outcome))
		})
		for i := range cells {
			if err := f(&UsageRow{Start: start, End: end, Zone: q.Zone, Device: d, Cell: cells[i]}); err != nil {
				return err
			}
		}
		cells = nil
		return nil
	}
	err := a.usage.Each(d.ID, q.From, q.To, func(b *usage.Bucket) error {
		if at := time.Unix(b.Start, 0); !at.Before(end) {
			if err := tell(); err != nil {
				return err
			}
			start, end = q.clipped(at)
		}
		for i := range b.Cells {
			if c := &b.Cells[i]; q.wants(c) {
				cells = usage.Sum(cells, b.Cells[i:i+1])
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tell()
}

func (q *UsageQuery) wants(c *usage.Cell) bool {
	return (q.Behavior == "" || q.Behavior == c.Behavior) && (q.Purpose == "" || q.Purpose == c.Purpose) && (q.Outcome == "" || q.Outcome == c.Outcome)
}

// clipped is the period in which a time lies, as far as it is asked for: one that is not whole is another.
func (q *UsageQuery) clipped(at time.Time) (start, end time.Time) {
	start, end = q.period(at)
	if start.Before(q.From) {
		start = q.From.UTC()
	}
	if end.After(q.To) {
		end = q.To.UTC()
	}
	return start, end
}

// period is the one in which a time lies.
func (q *UsageQuery) period(at time.Time) (start, end time.Time) {
	local := at.In(q.Zone)
	first := time.Date(local.Year(), local.Month(), local.Day(), 12, 0, 0, 0, time.UTC) // a day's noon, which no change of clocks takes away
	next := first
	switch q.Step {
	case HourStep: // where clocks are set back the same hour comes twice; each is one of its own
		start = at.Add(-time.Duration(local.Minute())*time.Minute - time.Duration(local.Second())*time.Second)
		return start.UTC(), start.Add(time.Hour).UTC()
	case DayStep:
		next = first.AddDate(0, 0, 1)
	case WeekStep:
		first = first.AddDate(0, 0, -(int(local.Weekday())+6)%7)
		next = first.AddDate(0, 0, 7)
	case MonthStep:
		first = first.AddDate(0, 0, 1-local.Day())
		next = first.AddDate(0, 1, 0)
	case NoStep:
		return q.From.UTC(), q.To.UTC()
	}
	return midnight(first, q.Zone), midnight(next, q.Zone)
}

// midnight is the beginning in a zone of the day that a time names.
func midnight(t time.Time, zone *time.Location) time.Time {
	return gate.Date(t.Format(time.DateOnly)).Start(zone).UTC()
}

// UsageFinal is until when usage does not change any more, unless the clock is set back.
func (a *Authority) UsageFinal() time.Time { return a.usage.Summed() }

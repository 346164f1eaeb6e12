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

// The steps. Days and months are those of the zone that is asked for.
const (
	HourStep  UsageStep = "hour"
	DayStep   UsageStep = "day"
	MonthStep UsageStep = "month"
	NoStep    UsageStep = "" // one period from beginning to end
)

// UsageQuery says what usage to tell. Its times must lie on quarters of an hour, or what is counted in a quarter is told where that begins.
type UsageQuery struct {
	From, To time.Time // To is not in it
	Step     UsageStep
	Zone     *time.Location // nil: UTC
	// Account, Device, Behavior, Purpose and Outcome are what alone is told; empty: all.
	Account  gate.AccountID
	Device   gate.DeviceID
	Behavior string
	Purpose  gate.Purpose
	Outcome  usage.Outcome
}

// UsageRow is what one device used in one period in one way.
type UsageRow struct {
	Start, End time.Time
	Device     *gate.Device
	usage.Cell
}

// Billable reports whether the calls are billed: in production alone, and neither refused ones nor those that the upstream failed.
func (r *UsageRow) Billable() bool {
	return r.Device.Environment == gate.Production && r.Outcome.Answered()
}

// Usage calls f with what was used, by device, period, behavior, purpose and outcome, in that order. It tells what was flushed: all but the
// last second.
func (a *Authority) Usage(q *UsageQuery, f func(*UsageRow) error) error {
	devices := a.dir.Devices(q.Account)
	slices.SortFunc(devices, func(x, y *gate.Device) int { return cmp.Compare(x.ID, y.ID) })
	for _, d := range devices {
		if q.Device != "" && d.ID != q.Device {
			continue
		}
		if err := a.usageOf(d, q, f); err != nil {
			return err
		}
	}
	return nil
}

func (a *Authority) usageOf(d *gate.Device, q *UsageQuery, f func(*UsageRow) error) error {
	var start, end time.Time
	var cells []usage.Cell
	tell := func() error {
		slices.SortFunc(cells, func(x, y usage.Cell) int {
			return cmp.Or(cmp.Compare(x.Behavior, y.Behavior), cmp.Compare(x.Purpose, y.Purpose), cmp.Compare(x.Outcome, y.Outcome))
		})
		for i := range cells {
			if err := f(&UsageRow{Start: start, End: end, Device: d, Cell: cells[i]}); err != nil {
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
			start, end = q.period(at)
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

// period is the one in which a time lies. It may begin before what is asked for, and end after it: then it is not whole.
func (q *UsageQuery) period(at time.Time) (start, end time.Time) {
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := at.In(zone)
	switch q.Step {
	case HourStep: // where clocks are set back the same hour comes twice; each is one of its own
		start = at.Add(-time.Duration(local.Minute())*time.Minute - time.Duration(local.Second())*time.Second)
		return start.UTC(), start.Add(time.Hour).UTC()
	case DayStep:
		day := gate.Date(local.Format(time.DateOnly))
		return day.Start(zone).UTC(), day.AddDays(1).Start(zone).UTC()
	case MonthStep:
		first := time.Date(local.Year(), local.Month(), 1, 0, 0, 0, 0, time.UTC)
		return gate.Date(first.Format(time.DateOnly)).Start(zone).UTC(), gate.Date(first.AddDate(0, 1, 0).Format(time.DateOnly)).Start(zone).UTC()
	case NoStep:
	}
	return q.From.UTC(), q.To.UTC()
}

// UsageFinal is until when usage does not change any more, unless the clock is set back.
func (a *Authority) UsageFinal() time.Time { return a.usage.Summed() }

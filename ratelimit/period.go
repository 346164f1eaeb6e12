package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// period is an hour, a day or a month of the calendar in a zone.
type period struct {
	limit      *gate.Limit // what it is a period of
	zone       *time.Location
	start, end time.Time
}

// PeriodOf is the day or month of a limit in which now lies.
func PeriodOf(l *gate.Limit, zone *time.Location, now time.Time) (start, end time.Time) {
	p := periodAt(l, zone, now)
	return p.start, p.end
}

func periodAt(l *gate.Limit, zone *time.Location, now time.Time) period {
	if zone == nil {
		zone = time.UTC
	}
	local := now.In(zone)
	p := period{limit: l, zone: zone}
	switch l.Kind {
	case gate.MonthLimit:
		first := time.Date(local.Year(), local.Month(), 1, 0, 0, 0, 0, time.UTC)
		p.start, p.end = dayOf(first).Start(zone), dayOf(first.AddDate(0, 1, 0)).Start(zone)
	case gate.PatientHourLimit:
		// Where clocks are set back the same hour comes twice; each is one of its own.
		into := time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
		p.start = now.Add(-into)
		p.end = p.start.Add(time.Hour)
	default:
		day := dayOf(local)
		p.start, p.end = day.Start(zone), day.AddDays(1).Start(zone)
	}
	return p
}

func dayOf(t time.Time) gate.Date { return gate.Date(t.Format(time.DateOnly)) }

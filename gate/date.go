package gate

import "time"

// Date is a civil day without a zone, as contracts name them: "2027-03-31".
type Date string

// Check reports whether d is a day of the calendar.
func (d Date) Check() error {
	if _, err := time.Parse(time.DateOnly, string(d)); err != nil {
		return Errorf(Invalid, "%q: must be a day such as 2027-03-31", Clip(string(d), 40))
	}
	return nil
}

// Start is the first instant of the day in the zone; AddDays(1).Start is the first instant after it. The calendar does the
// arithmetic, so days of 23 and 25 hours come out right. Where clocks are set forward over midnight, the day starts when they are;
// where they are set back to it, at the first of the two.
func (d Date) Start(zone *time.Location) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, string(d), zone)
	if err != nil {
		return time.Time{} // Check was not asked; the zero time keeps a contract from being in force
	}
	since, until := t.ZoneBounds()
	if t.Format(time.DateOnly) < string(d) {
		return until // a midnight that is skipped was read by the old clock, as 23:00 the day before
	}
	if before := since.Add(-1); !since.IsZero() && before.Format(time.DateOnly) >= string(d) {
		_, early := before.Zone()
		_, late := t.Zone()
		return t.Add(time.Duration(late-early) * time.Second)
	}
	return t
}

// AddDays returns the day n days later.
func (d Date) AddDays(n int) Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return Date(t.AddDate(0, 0, n).Format(time.DateOnly))
}

// Zones finds a time zone by its IANA name, as time.LoadLocation does. It is an argument because the database is outside.
type Zones func(name string) (*time.Location, error)

// load refuses "Local" and the empty name: they mean something else on every machine.
func (z Zones) load(name string) (*time.Location, error) {
	if name != "" && name != "Local" {
		if zone, err := z(name); err == nil {
			return zone, nil
		}
	}
	return nil, FieldErrorf("zone", "%q: must be an IANA time zone such as America/New_York or UTC", Clip(name, 60))
}

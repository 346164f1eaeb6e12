package gate

import "time"

// DigestHour is the hour of the operator's day from which on staff are told what waits for them.
const DigestHour = 8

// DigestDays is how many days ahead staff are told of what ends.
const DigestDays = 14

// DigestDay is the day whose digest staff are to have at now: today, if people work today and DigestHour has come by the clock on the
// wall. A server that starts later in the day tells it then, because what waits still waits; a day that has passed is told no more.
func (c Calendar) DigestDay(now time.Time) (Date, bool) {
	local := now.In(c.Zone)
	today := Date(local.Format(time.DateOnly))
	return today, local.Hour() >= DigestHour && c.isBusinessDay(today)
}

// DigestID names the mark that the digest of a day was made, which is what makes it come once.
func DigestID(day Date) string { return "digest/" + string(day) }

// PlannedUntil is the interview that is to be held before the end of the day in the zone, or was to be held earlier and is neither recorded
// nor called off; nil if there is none.
func (c *Certification) PlannedUntil(day Date, zone *time.Location) *Interview {
	v := c.Planned()
	if v == nil || c.examinable() != nil || !v.At.Before(day.AddDays(1).Start(zone)) {
		return nil
	}
	return v
}

// OverdueFindings are the numbers of the findings whose answer the customer owes since before now.
func (c *Certification) OverdueFindings(now time.Time) (numbers []int) {
	if c.examinable() != nil {
		return nil
	}
	for n := range c.Findings {
		if c.FindingState(n, now) == FindingOverdue {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Unjudged are the numbers of the changes that were reported and that nobody has judged.
func (c *Certification) Unjudged() (numbers []int) {
	if c.certified() != nil {
		return nil
	}
	for n := range c.Changes {
		if c.Changes[n].Judged == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Waits reports whether the lowering waits for a second person at now.
func (l *Lowering) Waits(now time.Time) bool { return l != nil && l.waits(now) }

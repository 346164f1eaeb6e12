package gate

import (
	"strconv"
	"time"
)

// FindingDue is a finding whose answer the customer is to be reminded of.
type FindingDue struct {
	Number int // from 0
	Days   int // the mark, one of FindingMarks
}

// FindingMarks are the marks at which a customer is reminded of an answer that it owes, in days before it is due, the last one first.
// Unlike what ends, an answer that is overdue is still wanted: at 0 the customer is told that it is.
func FindingMarks() []int { return []int{0, 3} }

// FindingsDue are the findings of which the customer is to be reminded at now; sent says whether a reminder exists. After a pause it is
// the nearest mark alone, and a mark that had passed when the finding was raised is none.
func (c *Certification) FindingsDue(now time.Time, sent func(id string) bool) (list []FindingDue) {
	if c.examinable() != nil {
		return nil
	}
	for n := range c.Findings {
		f := &c.Findings[n]
		if state := c.FindingState(n, now); f.Due == nil || state != FindingOpen && state != FindingOverdue {
			continue
		}
		for i, days := range FindingMarks() {
			mark := f.Due.AddDate(0, 0, -days)
			if now.After(mark) && f.Raised.At.Before(mark) {
				later := i > 0 && sent(c.FindingReminderID(n, FindingMarks()[i-1])) // there if the clock was set back
				if !later && !sent(c.FindingReminderID(n, days)) {
					list = append(list, FindingDue{n, days})
				}
				break
			}
		}
	}
	return list
}

// FindingReminderID names the reminder of a mark. Its finding, when that is due, and the mark are in it, so that it can be made only once.
func (c *Certification) FindingReminderID(n, days int) string {
	return string(FindingsNotice) + "/" + string(c.ID) + "/" + strconv.Itoa(n) + "/" + c.Findings[n].Due.UTC().Format(time.RFC3339) + "/" + strconv.Itoa(days)
}

package gate

import (
	"slices"
	"time"
)

// QuotaUse is what was used of a quota in the day or month that runs.
type QuotaUse struct {
	Subject    string // identifier of the account, organization or device
	Limit      string // its name, see Limit.Name
	Used       int64  // units
	Room       int64  // how many may be used
	Start, End time.Time
}

// QuotaMarks are the parts of a quota, in percent, at which the customer is told; the highest first. There is none at 100: whoever is there
// has been told what will happen, and each refused call says it again.
func QuotaMarks() []int { return []int{95, 80} }

// ReminderID names the reminder of the quota. There is one, of the period that ran last: it is written over when more is told.
func (q *QuotaUse) ReminderID() string { return string(QuotaNotice) + "/" + q.Subject + "/" + q.Limit }

// reached reports whether so many units are so many percent of the room.
func (q *QuotaUse) reached(used int64, percent int) bool {
	return q.Room > 0 && float64(used)*100 >= float64(q.Room)*float64(percent)
}

// Due is the mark that is to be told at now; last is the reminder of this quota, nil if there is none. Marks are passed together where use
// was quick, and then the higher one alone is told. Where the room has become larger, marks that what was used at the time of the telling
// does not reach any more are told again.
func (q *QuotaUse) Due(last *Reminder, now time.Time) (percent int, due bool) {
	marks := QuotaMarks()
	i := slices.IndexFunc(marks, func(m int) bool { return q.reached(q.Used, m) })
	if i < 0 {
		return 0, false
	}
	told := last != nil && (last.Ends.After(now) || !last.At.Before(q.Start)) && last.Percent >= marks[i] && q.reached(last.Used, marks[i])
	return marks[i], !told
}

// RunsOut is when the quota is used up, if use goes on as it went in the part of the period that has passed; false if it lasts until the
// period ends. What is used up already runs out at now.
func (q *QuotaUse) RunsOut(now time.Time) (time.Time, bool) {
	if q.Used >= q.Room {
		return now, true
	}
	if q.Used <= 0 || !now.After(q.Start) {
		return time.Time{}, false
	}
	at := q.Start.Add(time.Duration(float64(now.Sub(q.Start)) * float64(q.Room) / float64(q.Used)))
	return at, at.Before(q.End)
}

// QuotaRecipients are the contacts who are told of a quota: the technical ones, and of a month the business ones too, who can agree on more
// while there is time.
func QuotaRecipients(a *Account, kind LimitKind) (to []Contact) {
	for _, c := range a.Contacts {
		if c.Role == TechnicalContact || c.Role == BusinessContact && kind == MonthLimit {
			to = append(to, c)
		}
	}
	return to
}

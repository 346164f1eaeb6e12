package abuse

import (
	"math"
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

const (
	// learning is how many hours an account is known before its own history is its baseline: four weeks.
	learning = 4 * slots
	// settled is how many hours an account is known before patients can be new to it: 30 days, as long as they are remembered.
	settled = 30 * 24
	// suspicion is how many hours after the last finding a baseline does not learn.
	suspicion = 24
	// daysKept covers three months, so that what comes once a month is known from the months before.
	daysKept = 96
)

// Profile is what an account has agreed to, and how it is to be judged.
type Profile struct {
	Zone          *time.Location // of its hours and days; nil is UTC
	DailyVolume   int64          // calls a day that it declared; the baseline until four weeks are known. 0: not declared, no baseline until then
	DailyPatients int64          // patients a day that it declared; 0: a third of the calls
	Exports       int64          // bulk exports a day by contract; 0: the threshold's own number
	Population    bool           // its purpose is a whole population (a registry, a payer): patients new to it mean nothing
	Thresholds    *Thresholds    // of its plan or its own; nil: the detector's
	Modes         *Modes         // likewise
}

// account is what the detector knows of one: about 15 kB.
type account struct {
	id        gate.AccountID
	profile   Profile
	series    [features]series
	born      int64 // the first hour that the detector was told of it; hours since 1970
	refreshed int64 // the day of its zone up to which the medians are
	frozen    int64 // the hour until which nothing is learned
	said      [ruleCount]int32
	strikes   [ruleCount]uint8 // a bit for each of the last hours in which the rule's conditions held
	quick     [ruleCount]uint8 // the same of quarters
	camped    uint8            // hours in a row against the limit
	recent    [24]hourNote
	days      [daysKept]dayNote
}

func newAccount(id gate.AccountID, p Profile) *account {
	a := &account{id: id, profile: p}
	for f := range a.series {
		a.series[f].parts = 1
	}
	for r := range a.said {
		a.said[r] = -1 << 30
	}
	return a
}

// hourNote is what rules that look at a day keep of an hour.
type hourNote struct {
	scopes             uint64
	seen, med          [features]float32 // values and their medians
	quiet, calls       float32           // calls in a quiet hour, and all
	exports, restarts  uint16
	networks, together uint8
	prints             uint8
}

// dayNote is what is kept of a day for three months.
type dayNote struct {
	day              int32           // days since 1970 of the account's zone
	peaks            [features]level // the highest hour
	at               [features]uint8 // which of the day it was
	newcomers        float32         // of the day, summed over its hours
	people           float32         // likewise, all patients
	networks, prints uint8
	scopes           uint64 // kinds of resources that were refused
	paged            uint8  // quarters in which it went through identifiers in order
	suspect          bool   // a rule fired; what is high on such a day is no excuse later
}

// today finds the note of a day, and begins it.
func (a *account) today(day int64) *dayNote {
	n := &a.days[((day%daysKept)+daysKept)%daysKept]
	if n.day != int32(day) {
		*n = dayNote{day: int32(day)}
	}
	return n
}

// monthly reports whether a value is one that came before at about this day of the month and hour, one, two or three months ago, on a day that
// stood out and was not suspect: bills are run monthly.
func (a *account) monthly(v *view, f feature) bool {
	x, hour := v.c.of(f), v.local%24
	if v.quarter {
		x *= 4
	}
	for months := -3; months < 0; months++ {
		then := monthsBefore(v.day, months)
		if !nearWeekend(v.day) && !nearWeekend(then) && !a.raised(v.day, then, f) {
			continue
		}
		for d := then - 1; d <= then+1; d++ {
			note := &a.days[((d%daysKept)+daysKept)%daysKept]
			if int64(note.day) != d || note.suspect {
				continue
			}
			apart := (hour - int64(note.at[f]) + 36) % 24 // 12 where they are the same
			if peak := note.peaks[f].count(); x <= 3*peak && 5*x >= peak && apart >= 8 && apart <= 16 && peak > 2.5*a.ordinary(v.day, d, f) {
				return true
			}
		}
	}
	return false
}

// nearWeekend reports whether a day is one to which or from which what is due on a weekend is put off: Friday to Monday.
func nearWeekend(day int64) bool {
	weekday := ((day+4)%7 + 7) % 7 // 0 is Sunday; 1970 began on a Thursday
	return weekday <= 1 || weekday >= 5
}

// raised reports whether the highest hour of a day lay above what is usual at all. It keeps the days beside a peak from being taken for one.
func (a *account) raised(today, day int64, f feature) bool {
	note := &a.days[((day%daysKept)+daysKept)%daysKept]
	return int64(note.day) == day && note.peaks[f].count() > 1.6*a.ordinary(today, day, f)
}

// ordinary is the highest hour of an ordinary day before today: the median of all days or of those of one's day of the week, whichever is more.
func (a *account) ordinary(today, day int64, f feature) float64 {
	var all, same [daysKept]level
	n, m := 0, 0
	for i := range a.days {
		d := &a.days[i]
		if d.peaks[f] == 0 || int64(d.day) <= today-daysKept || int64(d.day) >= today {
			continue
		}
		all[n] = d.peaks[f]
		n++
		if (int64(d.day)-day)%7 == 0 {
			same[m] = d.peaks[f]
			m++
		}
	}
	slices.Sort(all[:n])
	slices.Sort(same[:m])
	return max(middle(all[:n]), middle(same[:m])).count()
}

// monthlyDay reports the same of the patients that were new in a day.
func (a *account) monthlyDay(v *view, sum float64) bool {
	for months := -3; months < 0; months++ {
		then := monthsBefore(v.day, months)
		for d := then - 1; d <= then+1; d++ {
			note := &a.days[((d%daysKept)+daysKept)%daysKept]
			if int64(note.day) == d && !note.suspect && sum <= 3*float64(note.newcomers) {
				return true
			}
		}
	}
	return false
}

// monthsBefore is the same day of another month; of a month that has no such day, the days after its end.
func monthsBefore(day int64, months int) int64 {
	t := time.Unix(day*86400, 0).UTC()
	return time.Date(t.Year(), t.Month()+time.Month(months), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// remember keeps of an hour what rules look back at.
func (a *account) remember(v *view) {
	c := v.c
	note := hourNote{
		scopes: c.Scopes, calls: float32(c.Requests),
		exports: uint16(min(c.Exports, 1<<16-1)), restarts: uint16(min(c.Restarts, 1<<16-1)),
		networks: small(c.Networks), together: small(c.Together), prints: small(c.Prints),
	}
	for f := range features {
		note.seen[f], note.med[f] = float32(c.of(f)), float32(v.med[f])
	}
	if v.quiet {
		note.quiet = note.calls
	}
	a.recent[v.hour%24] = note
	today := a.today(v.day)
	for f := range features {
		if l := levelOf(c.of(f)); l > 1 && l > today.peaks[f] {
			today.peaks[f], today.at[f] = l, uint8(v.local%24)
		}
	}
	today.newcomers += float32(c.Newcomers)
	today.people += float32(c.Patients)
	today.scopes |= c.Scopes
	today.networks = max(today.networks, note.networks)
	today.prints = max(today.prints, note.prints)
}

func small(n int64) uint8 { return uint8(min(n, 255)) }

// learn takes an hour into the baselines, unless the account is under suspicion. After midnight of its zone the medians are taken anew.
func (a *account) learn(v *view) {
	if v.hour >= a.frozen {
		for f := range features {
			a.series[f].learn(v.local, v.c.of(f))
			if v.learned && a.series[f].busy(v.med[f]) && !math.IsInf(v.fleet[f], 0) {
				a.series[f].rise(distance((v.x[f]+1)/(v.med[f]+1)) - v.fleet[f]*v.scale[f])
			}
		}
	}
	for f := range features {
		a.series[f].settle(v.med[f], v.c.of(f))
		a.series[f].compare(v.c.of(f))
	}
	if v.day != a.refreshed {
		a.midnight(v.day)
	}
}

// midnight takes the medians of the day before anew, and once a week the scales.
func (a *account) midnight(day int64) {
	yesterday := a.refreshed
	a.refreshed = day
	for f := range features {
		a.series[f].refresh(yesterday * 24)
		if (yesterday-a.born/24)%7 == 6 {
			a.series[f].rescale()
		}
	}
}

// known are the kinds of resources that were refused in the last 28 days before, but for suspect ones.
func (a *account) known(day int64) (kinds uint64) {
	a.before(day, func(n *dayNote) { kinds |= n.scopes })
	return kinds
}

// pages reports whether the account is known to go through identifiers in order: it did on three of the last 28 days, at least.
func (a *account) pages(day int64) bool {
	days := 0
	a.before(day, func(n *dayNote) {
		if n.paged >= 2 {
			days++
		}
	})
	return days >= 3
}

// before visits the 28 days before a day that are known and not suspect.
func (a *account) before(day int64, visit func(*dayNote)) {
	for d := day - 28; d < day; d++ {
		if n := &a.days[((d%daysKept)+daysKept)%daysKept]; int64(n.day) == d && !n.suspect {
			visit(n)
		}
	}
}

// usual is the second highest of what the last 28 days show, but for suspect ones: all but about one in twenty stay at or below it.
func (a *account) usual(day int64, of func(*dayNote) float64) float64 {
	var first, second float64
	a.before(day, func(n *dayNote) {
		if x := of(n); x > first {
			first, second = x, first
		} else if x > second {
			second = x
		}
	})
	return second
}

// clear ends suspicion.
func (a *account) clear() {
	a.frozen = 0
	a.strikes, a.quick = [ruleCount]uint8{}, [ruleCount]uint8{}
	for i := range a.days {
		a.days[i].suspect = false
	}
}

// accept takes what the account did in the last day as what is usual.
func (a *account) accept() {
	for f := range features {
		var sum, usual float64
		for i := range a.recent {
			sum += float64(a.recent[i].seen[f])
			usual += float64(a.recent[i].med[f])
		}
		if usual >= 1 && sum > usual {
			a.series[f].shift(math.Log(sum / usual))
		}
	}
}

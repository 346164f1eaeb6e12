package abuse

import (
	"math"
	"testing"
)

// mass is a series of an account whose hours vary by a fourth and go together or not.
func mass(pair, daily float32) *series {
	return &series{spread: 0.3, pair: 0.3 * pair, daily: 0.3 * daily}
}

func TestHoursThatGoTogetherProveLess(t *testing.T) {
	apart, alike := mass(1, 1), mass(1.3, 1.8)
	for _, hours := range []float64{0.75, 1} {
		if a, b := apart.variance(hours), alike.variance(hours); a != b {
			t.Errorf("%v hours: %v and %v, and one hour is one hour", hours, a, b)
		}
	}
	last := math.Inf(1)
	for hours := 1.0; hours <= 8; hours++ {
		a, b := apart.variance(hours), alike.variance(hours)
		if hours > 1 && a >= b || b > last {
			t.Errorf("%v hours: variance %v where they are independent, %v where they go together, %v of one hour less", hours, a, b, last)
		}
		last = b
	}
	if got := new(series).variance(8); got != unknown*unknown {
		t.Errorf("of an account that is not known: %v", got)
	}
}

func TestOnePeakDoesNotStandForAllHours(t *testing.T) {
	h := taught(t, office).until(10)
	found := h.hour(more(office(10), Counts{Requests: 5000}))
	found = append(found, h.hour(office(11))...)
	found = append(found, h.hour(office(12))...)
	if has(found, Spike) {
		t.Errorf("one hour of fifty times the usual, and usual ones after it: %v", found)
	}
}

func TestASurgeIsFoundWithinTheHour(t *testing.T) {
	h := taught(t, office).until(10)
	for range 24 { // quarters must be known, too
		h.quarters(h.noisy())
	}
	if found := h.quarters(more(office(h.at.Hour()), Counts{Requests: 500})); !has(found, Spike) || !found[0].Fast {
		t.Errorf("six times the usual: %v", found)
	}
}

func TestAnOutageIsNotLearned(t *testing.T) {
	h := taught(t, office).until(9)
	a := h.d.accounts[0]
	before := a.series[volume].hours
	for range 8 {
		h.hour(Counts{Requests: 1})
	}
	if a.series[volume].hours != before {
		t.Error("hours in which a system was down are taken for usual")
	}
	for range 14 * 24 { // it does so little for good
		h.hour(Counts{Requests: 1})
	}
	if a.series[volume].hours == before {
		t.Error("an account that has gone on to do less is never learned anew")
	}
}

func TestOnlyThePeakOfAMonthExcusesThePeakOfTheNext(t *testing.T) {
	a := newAccount(acme, Profile{})
	for day := int64(20_000); day < 20_060; day++ { // Wednesday and on
		*a.today(day) = dayNote{day: int32(day), peaks: [features]level{volume: levelOf(1000)}, at: [features]uint8{volume: 2}}
	}
	then := monthsBefore(20_060, -1)
	a.today(then).peaks[volume] = levelOf(5000)
	v := &view{a: a, day: 20_060, local: 20_060*24 + 2, c: &Counts{Requests: 4500}}
	if !a.monthly(v, volume) {
		t.Error("what came on the same day of the month before is a surprise")
	}
	v.c = &Counts{Requests: 16_000}
	if a.monthly(v, volume) {
		t.Error("three times that much is none")
	}
}

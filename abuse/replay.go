package abuse

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Recorded is one window of recorded usage: the rows of all accounts.
type Recorded struct {
	At    time.Time
	Quick bool // a quarter of an hour instead of an hour
	Rows  []Row
}

// Replay runs the rules over recorded windows with a clock that moves with them: the same code that judges live, so that the same windows
// give the same findings each time. next returns one window after the other, quarters before the hour that they make up, and false at the end;
// seen is called with the findings of each window that has some. Windows that are out of order or cannot be are skipped; the count of them
// and the first error are returned.
func Replay(d *Detector, next func() (Recorded, bool), seen func([]Finding)) (skipped int, first error) {
	for {
		w, ok := next()
		if !ok {
			return skipped, first
		}
		tell := d.Hour
		if w.Quick {
			tell = d.Quarter
		}
		findings, err := tell(w.At, w.Rows)
		if err != nil {
			skipped++
			if first == nil {
				first = err
			}
		}
		if len(findings) > 0 {
			seen(findings)
		}
	}
}

// Busy is about the most calls that an account makes in an hour: all but one in a hundred of those that are known had no more. It is what a first
// throttle leaves. False where the account is not known for four weeks.
func (d *Detector) Busy(id gate.AccountID) (int64, bool) {
	i, found := d.find(id)
	if !found || d.hour-d.accounts[i].born < learning {
		return 0, false
	}
	var known [Weeks * slots]level
	n := 0
	for _, l := range d.accounts[i].series[volume].hours {
		if l > 1 {
			known[n] = l
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	slices.Sort(known[:n])
	return int64(known[n-1-n/100].count() + 0.5), true
}

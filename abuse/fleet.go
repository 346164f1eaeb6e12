package abuse

import (
	"math"
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

const (
	// fleetLeast is how many accounts with something to compare make a fleet.
	fleetLeast = 20
	// fleetShift is the median of all accounts' z from which on it is not they: a holiday has ended, the upstream was down, or we count wrongly.
	fleetShift = 3
	// heldAccounts and heldShare are how many accounts a rule may meet within one hour, and which share of all if it meets two or more. A rule
	// that would touch more is held: its findings count as observed and staff are called.
	heldAccounts = 3
	heldShare    = 0.02
)

// touch is that a rule met an account.
type touch struct {
	account gate.AccountID
	at      time.Time
}

// weighFleet takes the median z of all accounts that have a baseline worth comparing. What everybody does is taken out of what each does; where it
// is very much, rules that compare with the usual are silent.
func (d *Detector) weighFleet() {
	const bins, reach = 128, 8.0
	for f := range features {
		var count [bins]int32
		n := int32(0)
		for i := range d.views {
			v := &d.views[i]
			if !v.learned || v.med[f] < 4 {
				continue
			}
			z := min(max(v.z[f], -reach), reach-1e-9)
			count[int((z+reach)*bins/(2*reach))]++
			n++
		}
		d.fleet[f] = 0
		if n < fleetLeast {
			continue
		}
		below := int32(0)
		for b := range count {
			below += count[b]
			if 2*below >= n {
				d.fleet[f] = max(0, (float64(b)+0.5)*2*reach/bins-reach)
				break
			}
		}
		if d.fleet[f] >= fleetShift {
			d.fleet[f] = math.Inf(1)
		}
	}
}

// Shifted reports whether so many accounts were far above the usual in the last window that no account was compared with it. Staff should look.
func (d *Detector) Shifted() bool {
	return slices.ContainsFunc(d.fleet[:], func(z float64) bool { return math.IsInf(z, 1) })
}

// hold marks the findings of rules that meet too many accounts within an hour.
func (d *Detector) hold(list []Finding, w *window) {
	end := w.at.Add(w.length)
	for r := range d.touched {
		if len(d.touched[r]) > 0 {
			d.touched[r] = slices.DeleteFunc(d.touched[r], func(t touch) bool { return end.Sub(t.at) > time.Hour })
		}
	}
	for i := range list {
		f := &list[i]
		seen := &d.touched[f.Rule]
		if !f.Again && !slices.ContainsFunc(*seen, func(t touch) bool { return t.account == f.Account }) {
			*seen = append(*seen, touch{f.Account, end})
		}
	}
	for i := range list {
		n := len(d.touched[list[i].Rule])
		list[i].Held = !list[i].Again && (n > heldAccounts || n >= 2 && float64(n) > heldShare*float64(len(d.accounts)))
	}
}

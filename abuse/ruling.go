package abuse

import (
	"math/bits"
	"time"

	"github.com/onerecord/certgate/gate"
)

// ruling is a rule as it is asked of one kind of window: its conditions must hold in need of the last of windows, or, where a [Guard] is met, in a
// run of them that stands out together: see together.
type ruling struct {
	rule     Rule
	judge    func(*view, *evidence) bool
	need, of int
}

// hourRules are asked of each hour. What looks at a day by itself needs no second hour.
var hourRules = [...]ruling{
	{Scraping, judgeScraping, 2, 3},
	{FirstSeen, judgeFirstSeen, 2, 3},
	{FirstSeen, judgeFirstSeenDay, 1, 1},
	{ScopeProbe, judgeScopes, 1, 1},
	{Spike, judgeSpike, 2, 3},
	{SlowDrift, judgeDrift, 1, 1},
	{Sharing, judgeSharing, 2, 3},
	{AfterHours, judgeAfterHours, 2, 3},
	{ExportAbuse, judgeExports, 1, 1},
	{Camping, judgeCamping, 1, 1},
}

// quarterRules are asked of each quarter of an hour, so that what goes fast is found fast.
var quarterRules = [...]ruling{
	{Scraping, judgeScraping, 4, 6},
	{FirstSeen, judgeFirstSeen, 4, 6},
	{Enumeration, judgeEnumeration, 2, 3},
	{Probing, judgeProbing, 2, 3},
	{Spike, judgeSpike, 4, 6},
}

// judge asks each rule of each account.
func (d *Detector) judge(w *window) (list []Finding) {
	for i := range d.views {
		v := &d.views[i]
		modes := &d.modes
		if v.a.profile.Modes != nil {
			modes = v.a.profile.Modes
		}
		for j := range w.rules {
			r := &w.rules[j]
			if modes[r.rule] == Off {
				continue
			}
			e := &d.evidence
			e.n, e.main, e.share, e.joint = 0, volume, nil, 0
			if !v.holds(r, e) {
				continue
			}
			if f, ok := v.find(r, e); ok {
				f.From, f.To = w.at.UTC(), w.at.Add(w.length).UTC()
				f.From = f.To.Add(-time.Duration(r.of) * w.length)
				f.Mode = modes[r.rule]
				list = append(list, f)
			}
		}
	}
	sortFindings(list)
	return list
}

// holds asks the rule and remembers the answer in the account.
func (v *view) holds(r *ruling, e *evidence) bool {
	hit := r.judge(v, e)
	if r.of == 1 {
		return hit
	}
	past := &v.a.strikes[r.rule]
	if v.quarter {
		past = &v.a.quick[r.rule]
	}
	*past = *past<<1 | flag(hit)
	if !hit || e.joint == 0 {
		return hit && bits.OnesCount8(*past&(1<<r.of-1)) >= r.need
	}
	z := v.together(e.main, *past)
	e.add("scales above the usual together", z, e.joint)
	return z > e.joint
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// find makes the finding, unless the same was said a short time ago. Either way the account is under
// suspicion, unless it is so new that its history must be learned whatever it is: the medians of four weeks do not follow a day.
func (v *view) find(r *ruling, e *evidence) (Finding, bool) {
	a := v.a
	if r.rule.Most() >= Notify && v.learned {
		a.frozen = v.hour + suspicion
		a.today(v.day).suspect = true
	}
	if v.hour-int64(a.said[r.rule]) < v.t.Cooldown {
		return Finding{}, false
	}
	again := v.hour-int64(a.said[r.rule]) < suspicion
	a.said[r.rule] = int32(v.hour)
	if r.rule == SlowDrift {
		a.series[volume].drift = cusum{}
	}
	f := Finding{
		Rule: r.rule, Account: a.id, Device: v.narrowest(e), Step: r.rule.Most(), Weight: r.rule.Weight(), Fast: v.quarter, Again: again,
		Evidence: append([]Figure(nil), e.figures[:e.n]...),
	}
	return f, true
}

// narrowest is the device that makes up four fifths of what the rule is about.
func (v *view) narrowest(e *evidence) gate.DeviceID {
	share := e.share
	if share == nil {
		share = func(c *Counts) int64 { return int64(c.of(e.main)) }
	}
	var all, most int64
	var device gate.DeviceID
	for i := range v.rows {
		n := share(&v.rows[i].Counts)
		all += n
		if n > most {
			most, device = n, v.rows[i].Device
		}
	}
	if 5*most < 4*all {
		return ""
	}
	return device
}

package abuse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Detector judges accounts by what is usual for them. It is told of one window after the other and is not safe for use by several at once.
type Detector struct {
	thresholds Thresholds
	modes      Modes
	accounts   []*account // in order of id
	hour       int64      // the last that it was told of, hours since 1970; 0 before the first
	quarter    int64      // likewise, quarters
	views      []view     // of the window being judged; kept for the next
	touched    [ruleCount][]touch
	evidence   evidence          // of the rule being asked; kept off the heap
	fleet      [features]float64 // how far everybody was above the usual in the last window
}

// New makes a detector that knows no account yet. Thresholds that cannot be meant are an error.
func New(t Thresholds, m Modes) (*Detector, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	return &Detector{thresholds: t, modes: m}, nil
}

// Set says what an account has agreed to. One that has rows but was never set is judged by the defaults and without a declared volume.
// Thresholds that cannot be meant are an error and change nothing.
func (d *Detector) Set(id gate.AccountID, p Profile) error {
	if p.Thresholds != nil {
		if err := p.Thresholds.Check(); err != nil {
			return err
		}
	}
	d.account(id).profile = p
	return nil
}

// Forget drops an account.
func (d *Detector) Forget(id gate.AccountID) {
	if i, found := d.find(id); found {
		d.accounts = slices.Delete(d.accounts, i, i+1)
	}
}

// Accounts is how many are known.
func (d *Detector) Accounts() int { return len(d.accounts) }

func (d *Detector) find(id gate.AccountID) (int, bool) {
	return slices.BinarySearchFunc(d.accounts, id, func(a *account, id gate.AccountID) int { return cmp.Compare(a.id, id) })
}

func (d *Detector) account(id gate.AccountID) *account {
	i, found := d.find(id)
	if !found {
		d.accounts = slices.Insert(d.accounts, i, newAccount(id, Profile{}))
	}
	return d.accounts[i]
}

// Hour tells of an hour that has ended: the rows of all devices that did anything in it. An account without a row did nothing. It returns what
// the rules find, in a fixed order.
//
// Hours are told in order. One that was told before is an error that changes nothing. Hours left out are holes: nothing is concluded from them
// and nothing learned. A gap of more than [longestGap] is an error that changes nothing, since it is rather the clock that jumped; [Detector.Resume]
// goes on after it. Rows that cannot be are left out, and the error says so beside the findings.
func (d *Detector) Hour(at time.Time, rows []Row) ([]Finding, error) {
	return d.tell(&window{at: at, rows: rows, length: time.Hour, last: &d.hour, rules: hourRules[:]})
}

// Quarter tells of a quarter of an hour that has ended, for the rules that need not wait for the hour. The quarters of an hour come before it. The
// rules of [Detector.Hour] hold for its order and its rows.
func (d *Detector) Quarter(at time.Time, rows []Row) ([]Finding, error) {
	return d.tell(&window{at: at, rows: rows, length: quarter, last: &d.quarter, rules: quarterRules[:]})
}

const (
	quarter = 15 * time.Minute
	// longestGap is the longest time without a row that is believed.
	longestGap = 31 * 24 * time.Hour
)

// ErrGap is the error for a window that is so long after the last that it is rather the clock that jumped.
var ErrGap = gate.Errorf(gate.Conflict, "is more than %d days after the last; if the clock is right, resume there, and what is usual is learned anew", int(longestGap.Hours()/24))

// window is what the detector is told at once.
type window struct {
	at     time.Time
	rows   []Row
	length time.Duration
	last   *int64
	rules  []ruling
}

func (d *Detector) tell(w *window) ([]Finding, error) {
	n := w.at.Unix() / int64(w.length/time.Second)
	if err := d.fits(w, n); err != nil {
		return nil, err
	}
	rows, bad := tidy(w.rows)
	gap := *w.last != 0 && n != *w.last+1
	*w.last = n
	w.rows = rows
	d.look(w, gap)
	d.weighFleet()
	d.keep(w)
	findings := d.judge(w)
	d.hold(findings, w)
	if w.length == time.Hour {
		for i := range d.views {
			v := &d.views[i]
			v.a.remember(v)
			v.a.learn(v)
		}
	}
	if bad != nil {
		return findings, bad
	}
	return findings, nil
}

func (d *Detector) fits(w *window, n int64) error {
	switch {
	case w.at.Unix()%int64(w.length/time.Second) != 0 || w.at.Nanosecond() != 0 || n <= 0:
		return gate.Errorf(gate.Invalid, "window %s: must begin at a whole %s", w.at.UTC().Format(time.RFC3339), w.length)
	case n <= *w.last:
		return gate.Errorf(gate.Conflict, "window %s: was told before, or a later one was; nothing is counted twice", w.at.UTC().Format(time.RFC3339))
	case *w.last != 0 && time.Duration(n-*w.last)*w.length > longestGap:
		return fmt.Errorf("window %s: %w", w.at.UTC().Format(time.RFC3339), ErrGap)
	}
	return nil
}

// Resume goes on at a time, before the first window that will be told, after a gap that was too long or a clock that was wrong. What was known of
// accounts is forgotten, but not their profiles.
func (d *Detector) Resume(at time.Time) {
	d.hour, d.quarter = at.Unix()/3600-1, at.Unix()/900-1
	for i, a := range d.accounts {
		d.accounts[i] = newAccount(a.id, a.profile)
	}
}

// Clear says that staff have judged what was found of an account to be in order. Suspicion ends, and days that were suspect excuse later months
// again.
func (d *Detector) Clear(id gate.AccountID) error {
	a, err := d.known(id)
	if err != nil {
		return err
	}
	a.clear()
	return nil
}

// Accept is Clear where what is in order has come to stay: what the account did in its last day, beside what was usual, is usual from then on.
func (d *Detector) Accept(id gate.AccountID) error {
	a, err := d.known(id)
	if err != nil {
		return err
	}
	a.clear()
	a.accept()
	return nil
}

func (d *Detector) known(id gate.AccountID) (*account, error) {
	i, found := d.find(id)
	if !found {
		return nil, gate.Errorf(gate.NotFound, "account %s: the detector has seen nothing of it", id)
	}
	return d.accounts[i], nil
}

// look makes the views of all accounts. Rows are in order of account, as accounts are.
func (d *Detector) look(w *window, gap bool) {
	d.meet(w.rows)
	d.views = slices.Grow(d.views[:0], len(d.accounts))[:len(d.accounts)]
	var zones zoneOffsets
	next := 0
	for i, a := range d.accounts {
		first := next
		for next < len(w.rows) && w.rows[next].Account == a.id {
			next++
		}
		if gap {
			a.skip(w)
		}
		d.views[i].begin(d, w, &opening{a: a, rows: w.rows[first:next], offset: zones.of(a.profile.Zone, w.at)})
	}
}

// meet makes those accounts known that are not.
func (d *Detector) meet(rows []Row) {
	at := 0
	for i := range rows {
		for at < len(d.accounts) && d.accounts[at].id < rows[i].Account {
			at++
		}
		if at == len(d.accounts) || d.accounts[at].id != rows[i].Account {
			d.account(rows[i].Account)
		}
	}
}

// opening is what a view is made of.
type opening struct {
	a      *account
	rows   []Row
	offset int64
}

func (v *view) begin(d *Detector, w *window, o *opening) {
	sum := v.sum
	if sum == nil {
		sum = new(Counts)
	}
	*v = view{a: o.a, rows: o.rows, t: &d.thresholds, quarter: w.length == quarter, fleet: &d.fleet, sum: sum}
	if o.a.profile.Thresholds != nil {
		v.t = o.a.profile.Thresholds
	}
	local := w.at.Unix() + o.offset
	v.hour = w.at.Unix() / 3600
	v.local, v.day = local/3600, local/86400
	v.slot = slotOf(v.local)
	if o.a.born == 0 {
		o.a.born, o.a.refreshed = v.hour, v.day
	}
	switch len(o.rows) {
	case 1:
		v.c = &o.rows[0].Counts
	default:
		*sum = Counts{}
		for i := range o.rows {
			sum.Add(&o.rows[i].Counts)
		}
		v.c = sum
	}
	v.measure()
}

// skip is what a hole does: hours on both sides of it are not in a row.
func (a *account) skip(w *window) {
	if w.length == quarter {
		a.quick = [ruleCount]uint8{}
		for f := range a.series {
			a.series[f].last[quick] = [lookBack]float32{}
		}
		return
	}
	for f := range a.series {
		a.series[f].last[hourly] = [lookBack]float32{}
	}
	a.strikes = [ruleCount]uint8{}
	a.camped = 0
	a.recent = [24]hourNote{}
}

// zoneOffsets remembers the offset of each zone, of one window.
type zoneOffsets struct {
	zones   []*time.Location
	offsets []int64
}

func (z *zoneOffsets) of(zone *time.Location, at time.Time) int64 {
	if zone == nil || zone == time.UTC {
		return 0
	}
	for i, known := range z.zones {
		if known == zone {
			return z.offsets[i]
		}
	}
	_, offset := at.In(zone).Zone()
	z.zones, z.offsets = append(z.zones, zone), append(z.offsets, int64(offset))
	return int64(offset)
}

package authority

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

const (
	quarterLong = 15 * time.Minute
	// windowChunk is how many rows one piece of a recorded window holds: some 25 kB.
	windowChunk = 500
	// windowStretch is how much of what is recorded is read in one turn: nobody who closes or reopens usage waits for all of it.
	windowStretch = 6 * time.Hour
)

func windowLength(quick bool) time.Duration {
	if quick {
		return quarterLong
	}
	return time.Hour
}

// windowRows are what the production devices of all accounts did in an hour or a quarter of one that has ended and was summed, in the order of
// account and device. A device that did nothing has no row.
func (a *Authority) windowRows(start time.Time, quick bool) ([]abuse.Row, error) {
	owner, devices := a.watched()
	rows := make([]abuse.Row, 0, len(devices)/4)
	traces, err := a.tracesOf(start, quick)
	if err == nil {
		err = a.usage.Spells(devices, start, start.Add(windowLength(quick)), func(s *usage.Spell) error {
			row := abuse.Row{Account: owner[s.Device], Device: s.Device, Counts: countsOf(s)}
			if addTrace(&row.Counts, traces[s.Device]); row.Counts != (abuse.Counts{}) {
				rows = append(rows, row)
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("sum the window from %s on: %w", start.UTC().Format(time.RFC3339), err)
	}
	return rows, nil
}

// watched are the devices that are watched, in order of their account, and whose they are. Those that only test are not.
func (a *Authority) watched() (owner map[gate.DeviceID]gate.AccountID, devices []gate.DeviceID) {
	owner = make(map[gate.DeviceID]gate.AccountID)
	for _, d := range a.dir.Devices("") {
		if d.Environment == gate.Production {
			owner[d.ID] = d.Account
			devices = append(devices, d.ID)
		}
	}
	slices.SortFunc(devices, func(x, y gate.DeviceID) int { return cmp.Or(cmp.Compare(owner[x], owner[y]), cmp.Compare(x, y)) })
	return owner, devices
}

// countsOf are the counts that rules look at. What certgate refused counts from check 8 on, where it is known who asks for what: a client that goes
// on calling while it is suspended, or has no contract any more, asks for nothing new. Calls over a limit that certgate imposed itself
// count for nothing, or a throttle would be what the next one is for.
func countsOf(s *usage.Spell) (c abuse.Counts) {
	for i := range s.Cells {
		cell := &s.Cells[i]
		switch counted(cell.Outcome) {
		case notCounted:
			continue
		case overLimit:
			c.Limited += cell.Calls
			continue
		case forbidden:
			c.Forbidden += cell.Calls
		case failed:
			c.Failed += cell.Calls
		case answered:
		}
		c.Requests += cell.Calls
		c.Cost += cell.Cost
		c.Bytes += cell.Out
	}
	// What is seen is noted beside the counts, and one of the two may be later than the other.
	left := max(0, c.Requests-c.Failed-c.Forbidden)
	here := min(s.Seen.Forbidden, left)
	c.Forbidden += here
	c.NotFound = min(s.Seen.NotFound, left-here)
	c.Patients, c.Newcomers = s.Seen.Patients, min(s.Seen.FirstSeen, s.Seen.Patients)
	return c
}

// counting is how a call counts by its outcome.
type counting int

const (
	notCounted counting = iota
	answered
	failed
	forbidden
	overLimit
)

func counted(o usage.Outcome) counting {
	switch o {
	case usage.Informed, usage.Succeeded, usage.Moved, usage.Rejected:
		return answered
	case usage.Failed, usage.Broken, usage.Canceled:
		return failed
	}
	r, _ := gate.ParseReason(string(o))
	switch {
	case r >= gate.BehaviorUnknown && r <= gate.UpgradeNotAllowed:
		return forbidden
	case r >= gate.RateExceeded && r <= gate.PatientsExceeded:
		return overLimit
	}
	return notCounted
}

// recordWindow keeps the rows of a window, so that the same can be judged again. An empty one is kept as well: it is no hole.
func (a *Authority) recordWindow(start time.Time, quick bool, rows []abuse.Row) error {
	pieces := slices.Collect(slices.Chunk(rows, windowChunk))
	if len(pieces) == 0 {
		pieces = [][]abuse.Row{nil}
	}
	for i, piece := range slices.Backward(pieces) {
		w := usage.Window{Start: start, Quick: quick, Chunk: i, Of: len(pieces), Rows: abuse.AppendRows(nil, piece)}
		if err := a.usage.PutWindow(&w); err != nil {
			return err
		}
	}
	return nil
}

// Recorded calls f with the windows that were recorded and begin at from or later and before to, whole and in the order in which they are
// judged: the quarters of an hour before the hour. One that cannot be read is left out, and the error names it after all others were told.
func (a *Authority) Recorded(from, to time.Time, f func(abuse.Recorded) error) error {
	r := recordedReader{f: f}
	for from.Before(to) {
		if a.closed.Load() {
			return ErrUnavailable
		}
		until := from.Truncate(windowStretch).Add(windowStretch)
		if until.After(to) {
			until = to
		}
		if err := a.usage.Windows(from, until, r.piece); err != nil {
			return err
		}
		if err := r.flush(); err != nil {
			return err
		}
		from = until
	}
	return r.bad
}

// recordedReader puts the pieces of windows together.
type recordedReader struct {
	f    func(abuse.Recorded) error
	w    abuse.Recorded
	left int  // pieces that are still to come
	skip bool // one of them cannot be read
	bad  error
}

func (r *recordedReader) piece(p *usage.Window) error {
	if p.Chunk == 0 {
		if err := r.flush(); err != nil {
			return err
		}
		r.w, r.left, r.skip = abuse.Recorded{At: p.Start, Quick: p.Quick}, p.Of, false
	}
	r.left--
	rows, err := abuse.ParseRows(p.Rows)
	if err != nil && r.bad == nil {
		r.bad = fmt.Errorf("the window from %s on: %w", p.Start.Format(time.RFC3339), err)
	}
	r.skip = r.skip || err != nil
	r.w.Rows = append(r.w.Rows, rows...)
	return nil
}

// flush tells of the window that has begun, if it is whole.
func (r *recordedReader) flush() error {
	w := r.w
	whole := !w.At.IsZero() && r.left == 0 && !r.skip
	r.w = abuse.Recorded{}
	if !whole {
		return nil
	}
	return r.f(w)
}

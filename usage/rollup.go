package usage

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

const (
	quarter = 15 * minute
	// lag is how long a quarter stays open after its end, so that it is rarely summed twice.
	lag = 2 * minute
	// stride is the most by which one run removes: a clock that jumps ahead must not take years of usage with it.
	stride = 24 * 60 * minute
)

// Quarters is the sum of minutes by quarter of an hour. They are in order of device and time.
func Quarters(list []*Bucket) (sums []*Bucket) {
	for _, b := range list {
		start := floor(b.Start, quarter)
		if n := len(sums); n == 0 || sums[n-1].Start != start || sums[n-1].Device != b.Device {
			sums = append(sums, &Bucket{Device: b.Device, Start: start, End: start + quarter})
		}
		last := sums[len(sums)-1]
		last.Cells = Sum(last.Cells, b.Cells)
	}
	return sums
}

// Days is the sum of quarters by days of a zone, from a time on and as far as the days have ended at limit. The first day begins at from also
// where that is none of the zone's midnights: the zone was another when the day before was summed, and nothing counts twice.
func Days(list []*Bucket, zone *time.Location, from, limit int64) (sums []*Bucket) {
	for _, b := range list {
		if b.Start < from {
			continue
		}
		if n := len(sums); n == 0 || b.Start >= sums[n-1].End {
			start, end := dayAround(b.Start, zone)
			if end > limit {
				break
			}
			sums = append(sums, &Bucket{Device: b.Device, Start: max(start, from), End: end})
		}
		last := sums[len(sums)-1]
		last.Cells = Sum(last.Cells, b.Cells)
	}
	return sums
}

// dayAround is the day of the zone in which a time lies. It may have 23 or 25 hours.
func dayAround(t int64, zone *time.Location) (start, end int64) {
	day := gate.Date(time.Unix(t, 0).In(zone).Format(time.DateOnly))
	return day.Start(zone).Unix(), day.AddDays(1).Start(zone).Unix()
}

// Roll sums the quarters that have ended at now. It must follow a flush that succeeded. Running it again changes nothing.
func (s *Store) Roll(now time.Time) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	limit := floor(now.Unix()-lag, quarter)
	if limit <= s.state.Summed {
		return nil
	}
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	var list []*Bucket
	_, err = s.devices(minutes, func(b *Bucket) error {
		if b.Start < limit {
			list = append(list, b)
		}
		return nil
	}, s.state.Summed)
	if err != nil {
		return err
	}
	sums := Quarters(list)
	for _, b := range sums {
		before, err := s.get(keyOf(quarters, b.Device, b.Start))
		if err != nil {
			return err
		}
		b.correct(before, b.Start < s.state.Final)
	}
	if err := putAll(batch, quarters, sums); err != nil {
		return err
	}
	if err := s.sync(batch); err != nil {
		return fmt.Errorf("sum usage: %w", err)
	}
	next := s.state
	next.Summed, next.Final = limit, max(limit, next.Final)
	return s.setState(next)
}

// correct counts a correction for each cell that is not what it was before, if the quarter was final then. Summing again what did not change,
// also after a crash before the sum was noted, is none.
func (b *Bucket) correct(before []Cell, final bool) {
	for i := range b.Cells {
		c, was := &b.Cells[i], Tally{}
		if k := slices.IndexFunc(before, func(o Cell) bool { return o.Key == c.Key }); k >= 0 {
			was = before[k].Tally
		}
		c.Corrections = was.Corrections
		if c.Tally != was && final {
			c.Corrections++
		}
	}
}

func putAll(batch *badger.WriteBatch, level byte, list []*Bucket) error {
	for _, b := range list {
		if err := batch.Set(keyOf(level, b.Device, b.Start), encode(b.End, b.Cells)); err != nil {
			return fmt.Errorf("sum usage: %w", err)
		}
	}
	return nil
}

// RollDays sums days that have ended so long ago that none of their minutes is left, so that no clock can change them. zone is that of a device.
func (s *Store) RollDays(zone func(gate.DeviceID) *time.Location) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	devices, err := s.devices(quarters, nil, 0)
	if err != nil {
		return err
	}
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	for _, device := range devices {
		from := int64(0)
		if err := scan(txn, days, device, 0, 1<<62, func(b *Bucket) error { from = b.End; return nil }); err != nil {
			return err
		}
		var list []*Bucket
		limit := min(s.state.Minutes, s.state.Summed)
		if err := scan(txn, quarters, device, from, limit, func(b *Bucket) error { list = append(list, b); return nil }); err != nil {
			return err
		}
		if err := putAll(batch, days, Days(list, zone(device), from, limit)); err != nil {
			return err
		}
	}
	if err := s.sync(batch); err != nil {
		return fmt.Errorf("sum days: %w", err)
	}
	return nil
}

// Remove deletes buckets that are kept no longer, of at most a day at a time and level. It must follow RollDays.
func (s *Store) Remove(now time.Time) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	next := s.state
	move := func(mark *int64, keep time.Duration, most int64) {
		*mark = max(*mark, min(now.Unix()-int64(keep.Seconds()), *mark+stride, most))
	}
	move(&next.Minutes, MinutesKept, s.state.Summed)
	// What the meter holds of earlier minutes is to be written yet.
	next.Minutes = max(s.state.Minutes, floor(s.Meter.raise(floor(next.Minutes, quarter)), quarter))
	move(&next.Quarters, QuartersKept, s.state.Minutes)
	move(&next.Days, DaysKept, s.state.Quarters)
	moveWindows(&next, now.Unix())
	if next == s.state {
		return nil
	}
	before := s.state
	if err := s.setState(next); err != nil { // first, so that nothing counts from buckets that are half gone
		return err
	}
	if err := errors.Join(s.removeWindows(quickWindow, before.QuickWindows-stride, next.QuickWindows), s.removeWindows(hourWindow, before.Windows-stride, next.Windows)); err != nil {
		return fmt.Errorf("remove old windows: %w", err)
	}
	for level, before := range map[byte]int64{minutes: next.Minutes, quarters: next.Quarters, seenHours: next.Quarters, days: next.Days, seenDays: next.Days} {
		if err := s.remove(level, before); err != nil {
			return fmt.Errorf("remove old usage: %w", err)
		}
	}
	if err := s.removeTraces(next.Minutes); err != nil {
		return fmt.Errorf("remove what devices left: %w", err)
	}
	return nil
}

// moveWindows moves the marks before which windows are removed, by at most a day.
func moveWindows(next *state, now int64) {
	for mark, keep := range map[*int64]time.Duration{&next.QuickWindows: QuickWindowsKept, &next.Windows: WindowsKept} {
		to := now - int64(keep.Seconds())
		if *mark != 0 {
			to = min(to, *mark+stride)
		}
		*mark = max(*mark, to)
	}
}

func (s *Store) remove(level byte, before int64) error {
	devices, err := s.devices(level, nil, 0)
	if err != nil {
		return err
	}
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	for _, device := range devices {
		whole := before
		if level == quarters { // those of a day that is not summed yet stay
			whole = 0
			if err := scan(txn, days, device, 0, before, func(b *Bucket) error { whole = b.End; return nil }); err != nil {
				return err
			}
		}
		err := scanKeys(txn, level, device, 0, min(before, whole), func(start int64, _ *badger.Item) error { return batch.Delete(keyOf(level, device, start)) })
		if err != nil {
			return err
		}
	}
	return batch.Flush()
}

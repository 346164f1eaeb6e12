package usage

import (
	"maps"
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// SeenQuery asks what was seen.
type SeenQuery struct {
	// Device is whose it is; empty: the account's, whose devices are Devices.
	Device   gate.DeviceID
	Account  gate.AccountID
	Devices  []gate.DeviceID
	From, To time.Time // what begins in between; To is not in it
	Days     bool      // by day; else by hour
}

// Seen calls f with what was seen, in order of time: all but the last minute. Days are those of the zone that counted then.
func (s *Store) Seen(q *SeenQuery, f func(*Seen) error) error {
	rows, err := s.seen(q)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) seen(q *SeenQuery) ([]*Seen, error) {
	_, txn, err := s.cut()
	if err != nil {
		return nil, err
	}
	defer s.leave()
	defer txn.Discard()
	subject, devices := q.Device, []gate.DeviceID{q.Device}
	if subject == "" {
		subject, devices = gate.DeviceID(q.Account), q.Devices
	}
	rows := map[int64]*Seen{}
	row := func(at int64) *Seen {
		if rows[at] == nil {
			rows[at] = new(Seen)
		}
		return rows[at]
	}
	for _, d := range devices {
		err := eachSeen(txn, seenHours, d, q.From.Unix(), q.To.Unix(), func(r *Seen) error {
			switch {
			case !r.sketched: // it is in the sum of its subject, or is that itself
			case q.Days:
				row(int64(r.day)).join(r)
			default:
				row(r.Start).join(r)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	level := byte(seenHours)
	if q.Days {
		level = seenDays
	}
	err = eachSeen(txn, level, subject, q.From.Unix(), q.To.Unix(), func(r *Seen) error {
		switch {
		case r.sketched: // joined above
		case q.Days:
			rows[int64(r.day)] = r
		default:
			rows[r.Start] = r
		}
		return nil
	})
	for _, r := range rows {
		r.tell()
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b *Seen) int { return int(a.Start - b.Start) }), err
}

// Hour is everything that is known of a device in an hour, for those who watch for abuse.
type Hour struct {
	Seen

	Cells []Cell // its calls by what they were: how many, what for, and for which reasons they were refused
}

// Hours calls f with what is known of each hour of a device, in order of time.
func (s *Store) Hours(device gate.DeviceID, from, to time.Time, f func(*Hour) error) error {
	rows, err := s.seen(&SeenQuery{Device: device, From: from, To: to})
	if err != nil {
		return err
	}
	hours := make([]Hour, len(rows))
	for i, r := range rows {
		hours[i].Seen = *r
	}
	i := 0
	err = s.Each(device, from, to.Add(time.Hour), func(b *Bucket) error {
		for i < len(hours) && hours[i].End <= b.Start {
			i++
		}
		if i < len(hours) && b.Start >= hours[i].Start {
			hours[i].Cells = Sum(hours[i].Cells, b.Cells)
		}
		return nil
	})
	for i := range hours {
		if err == nil {
			err = f(&hours[i])
		}
	}
	return err
}

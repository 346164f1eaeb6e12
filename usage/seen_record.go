package usage

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// Seen is what a device, or all production devices of an account, were seen to do in an hour or a day, beside their counts. Patients up to 256
// and networks up to 256 are exact, more are off by [SketchError] as a rule.
type Seen struct {
	Start, End int64     // Unix seconds
	Day        gate.Date // in the zone that counted then
	Patients   int64     // different ones that calls named which were let through
	// FirstSeen is how many of those the account had not named for at least 30 days.
	FirstSeen int64
	Networks  int64 // different ones whence calls came: /24, and /48 of IPv6
	Forbidden int64 // answers 403 of the upstream
	NotFound  int64 // answers 404 and 410 of the upstream

	day                int32
	fresh              float64
	sketched           bool // it still has sketches; else the numbers are all there is
	patients, networks sketch
}

// The levels beside those of buckets: hours and days of devices and accounts, and what an account knows.
const (
	seenHours = 'h'
	seenDays  = 'e'
	knownTo   = 'k'
)

// encode writes it: version, counts, and either both sketches or what they came to.
func (r *Seen) encode() []byte {
	out := []byte{1}
	for _, n := range []int64{r.End, int64(r.day), r.Forbidden, r.NotFound} {
		out = binary.AppendVarint(out, n)
	}
	out = binary.BigEndian.AppendUint64(out, math.Float64bits(r.fresh))
	if r.sketched {
		return r.networks.append(r.patients.append(append(out, 1)))
	}
	return binary.AppendVarint(binary.AppendVarint(append(out, 0), r.Patients), r.Networks)
}

func decodeSeen(start int64, value []byte) (*Seen, error) {
	if len(value) == 0 || value[0] != 1 {
		return nil, fmt.Errorf("%w: what was seen is not of version 1", errBucket)
	}
	d, r := decoder{rest: value[1:]}, &Seen{Start: start}
	r.End, r.day, r.Forbidden, r.NotFound = d.number(), int32(d.number()), d.number(), d.number()
	if b := d.bytes(8); b != nil {
		r.fresh = math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	if flag := d.bytes(1); flag != nil && flag[0] == 1 {
		r.sketched, r.patients, r.networks = true, d.sketch(), d.sketch()
	} else {
		r.Patients, r.Networks = d.number(), d.number()
	}
	if d.err == nil && len(d.rest) > 0 {
		d.err = errBucket
	}
	r.tell()
	return r, d.err
}

// tell computes the numbers for readers.
func (r *Seen) tell() {
	r.Day = gate.Date(time.Unix(int64(r.day)*dayLong, 0).UTC().Format(time.DateOnly))
	r.FirstSeen = int64(math.Round(r.fresh))
	if r.sketched {
		r.Patients, r.Networks = max(r.Patients, r.patients.count()), max(r.Networks, r.networks.count())
	}
}

// join makes it the whole of itself and another of the same day.
func (r *Seen) join(o *Seen) {
	if r.End == 0 {
		r.Start, r.End, r.day = o.Start, o.End, o.day
	}
	r.Start, r.End = min(r.Start, o.Start), max(r.End, o.End)
	r.Forbidden += o.Forbidden
	r.NotFound += o.NotFound
	r.fresh += o.fresh
	if o.sketched {
		r.sketched = true
		r.patients.merge(&o.patients)
		r.networks.merge(&o.networks)
	}
}

// eachSeen calls f with what is kept of a subject that begins at from or later and before to.
//
//nolint:revive // six things, and none belongs to another
func eachSeen(txn *badger.Txn, level byte, subject gate.DeviceID, from, to int64, f func(*Seen) error) error {
	return scanKeys(txn, level, subject, from, to, func(start int64, item *badger.Item) error {
		var r *Seen
		err := item.Value(func(v []byte) (err error) {
			r, err = decodeSeen(start, v)
			return err
		})
		if err != nil {
			return fmt.Errorf("read what %s was seen to do: %w", subject, err)
		}
		return f(r)
	})
}

// Sketched reports whether it could still be told of somebody who has the secret whether a patient is among them: while the day may change.
func (r *Seen) Sketched() bool { return r.sketched }

package usage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/onerecord/certgate/gate"
)

// Levels of buckets, which are the first byte of their keys.
const (
	minutes  = 'm'
	quarters = 'q'
	days     = 'd'
)

// keyOf is level, device, zero byte, beginning in Unix seconds: buckets of a device are in order.
func keyOf(level byte, device gate.DeviceID, start int64) []byte {
	key := append([]byte{level}, device...)
	return binary.BigEndian.AppendUint64(append(key, 0), uint64(start))
}

var errBucket = errors.New("a bucket that cannot be read")

func parseKey(key []byte) (device gate.DeviceID, start int64, err error) {
	if len(key) < 10 || key[len(key)-9] != 0 {
		return "", 0, fmt.Errorf("%w: its key is %x", errBucket, key)
	}
	return gate.DeviceID(key[1 : len(key)-9]), int64(binary.BigEndian.Uint64(key[len(key)-8:])), nil
}

// version is the first byte of a bucket's value. Version 1 had no corrections and a histogram of its own.
const version = 2

// numbers are the parts of a tally beside its histogram, in the order in which they are written.
func (t *Tally) numbers() []*int64 { return []*int64{&t.Calls, &t.Cost, &t.In, &t.Out, &t.Corrections} }

// encode writes version, end of the bucket in Unix seconds, and the cells; of a histogram what is not nothing.
func encode(end int64, cells []Cell) []byte {
	out := binary.AppendVarint([]byte{version}, end)
	out = binary.AppendUvarint(out, uint64(len(cells)))
	for i := range cells {
		c := &cells[i]
		for _, text := range []string{c.Behavior, string(c.Purpose), string(c.Outcome)} {
			out = binary.AppendUvarint(out, uint64(len(text)))
			out = append(out, text...)
		}
		for _, n := range c.numbers() {
			out = binary.AppendVarint(out, *n)
		}
		for i, n := range c.Latency {
			if n != 0 {
				out = binary.AppendUvarint(out, uint64(i)+1)
				out = binary.AppendVarint(out, n)
			}
		}
		out = append(out, 0)
	}
	return out
}

func decode(value []byte) (end int64, cells []Cell, err error) {
	if len(value) == 0 || value[0] == 0 || value[0] > version {
		return 0, nil, fmt.Errorf("%w: not of version 1 to %d", errBucket, version)
	}
	d := decoder{rest: value[1:]}
	end = d.number()
	for n := d.length(); n > 0 && d.err == nil; n-- {
		c := Cell{Key: Key{Behavior: d.text(), Purpose: gate.Purpose(d.text()), Outcome: Outcome(d.text())}}
		d.tally(value[0], &c.Tally)
		cells = append(cells, c)
	}
	if d.err == nil && len(d.rest) > 0 {
		d.err = errBucket
	}
	return end, cells, d.err
}

// firstBounds says where the bounds of version 1 stand among LatencyBounds: 5, 25, 100, 500 ms, 2, 10 s and above.
var firstBounds = [...]int{2, 4, 6, 8, 10, 12, len(LatencyBounds)}

func (d *decoder) tally(of byte, t *Tally) {
	numbers := t.numbers()
	if of == 1 {
		numbers = numbers[:4]
		for _, i := range firstBounds {
			numbers = append(numbers, &t.Latency[i])
		}
	}
	for _, into := range numbers {
		*into = d.number()
	}
	for of > 1 && d.err == nil {
		i, n := binary.Uvarint(d.rest)
		if !d.took(n) || i == 0 {
			return
		}
		if i > uint64(len(t.Latency)) {
			d.err, d.rest = errBucket, nil
			return
		}
		t.Latency[i-1] = d.number()
	}
}

// decoder reads until something is wrong, and then only zeros.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) took(n int) bool {
	if n <= 0 || n > len(d.rest) {
		d.err, d.rest = errBucket, nil
		return false
	}
	d.rest = d.rest[n:]
	return true
}

func (d *decoder) number() int64 {
	v, n := binary.Varint(d.rest)
	if !d.took(n) {
		return 0
	}
	return v
}

// length is never more than what is left.
func (d *decoder) length() int {
	v, n := binary.Uvarint(d.rest)
	if !d.took(n) || v > uint64(len(d.rest)) {
		d.err = errBucket
		return 0
	}
	return int(v) // bounded above
}

func (d *decoder) text() string {
	n := d.length()
	if n == 0 || d.err != nil {
		return ""
	}
	text := string(d.rest[:n])
	d.took(n)
	return text
}

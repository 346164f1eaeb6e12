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

// version is the first byte of a bucket's value. The numbers of a cell follow its strings, so a later version can add some.
const version = 1

// numbers are the parts of a tally, in the order in which they are written.
func (t *Tally) numbers() []*int64 {
	list := []*int64{&t.Calls, &t.Cost, &t.In, &t.Out}
	for i := range t.Latency {
		list = append(list, &t.Latency[i])
	}
	return list
}

// encode writes version, end of the bucket in Unix seconds, and the cells.
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
	}
	return out
}

func decode(value []byte) (end int64, cells []Cell, err error) {
	if len(value) == 0 || value[0] != version {
		return 0, nil, fmt.Errorf("%w: not of version %d", errBucket, version)
	}
	d := decoder{rest: value[1:]}
	end = d.number()
	for n := d.length(); n > 0 && d.err == nil; n-- {
		c := Cell{Key: Key{Behavior: d.text(), Purpose: gate.Purpose(d.text()), Outcome: Outcome(d.text())}}
		for _, into := range c.numbers() {
			*into = d.number()
		}
		cells = append(cells, c)
	}
	if d.err == nil && len(d.rest) > 0 {
		d.err = errBucket
	}
	return end, cells, d.err
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

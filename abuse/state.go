package abuse

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/onerecord/certgate/gate"
)

// stateVersion is the first byte of a saved state. A detector that reads another version begins anew: what is usual can be learned again from
// recorded usage, and must never be misread.
const stateVersion = 2

// MarshalBinary saves all that the detector has learned, about 15 kB an account, but not profiles, thresholds and modes: those are told to it
// anew with [New] and [Detector.Set]. The same history gives the same bytes.
func (d *Detector) MarshalBinary() ([]byte, error) {
	c := &coder{buf: []byte{stateVersion}}
	c.int64(&d.hour)
	c.int64(&d.quarter)
	n := int64(len(d.accounts))
	c.int64(&n)
	for _, a := range d.accounts {
		id := string(a.id)
		c.text(&id)
		a.code(c)
	}
	return binary.LittleEndian.AppendUint32(c.buf, crc32.ChecksumIEEE(c.buf)), nil
}

// UnmarshalBinary puts a saved state in the place of all that the detector has learned; profiles stay. A state that is damaged or of another
// version is an error and changes nothing.
func (d *Detector) UnmarshalBinary(data []byte) error {
	const least = 1 + 3*8 + 4
	if len(data) < least || data[0] != stateVersion {
		return gate.Errorf(gate.Invalid, "state of the detector: is not of version %d; learn anew from recorded usage", stateVersion)
	}
	body := data[:len(data)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(data[len(data)-4:]) {
		return gate.Errorf(gate.Invalid, "state of the detector: is damaged, its checksum is another; learn anew from recorded usage")
	}
	c := &coder{buf: body[1:], read: true}
	var hour, quarter, n int64
	c.int64(&hour)
	c.int64(&quarter)
	c.int64(&n)
	var list []*account
	for range n {
		var id string
		c.text(&id)
		a := newAccount(gate.AccountID(id), Profile{})
		a.code(c)
		if c.short || len(list) > 0 && list[len(list)-1].id >= a.id {
			break
		}
		if i, found := d.find(a.id); found {
			a.profile = d.accounts[i].profile
		}
		list = append(list, a)
	}
	if c.short || int64(len(list)) != n || len(c.buf) != 0 {
		return gate.Errorf(gate.Invalid, "state of the detector: does not hold what it says; learn anew from recorded usage")
	}
	old := d.accounts
	d.accounts, d.hour, d.quarter = list, hour, quarter
	for _, a := range old {
		d.account(a.id).profile = a.profile
	}
	return nil
}

// code writes or reads an account. A field that is added here is a new stateVersion.
func (a *account) code(c *coder) {
	for f := range a.series {
		a.series[f].code(c)
	}
	c.int64(&a.born)
	c.int64(&a.frozen)
	c.int64(&a.refreshed)
	for r := range a.said {
		c.int32(&a.said[r])
	}
	c.bytes(a.strikes[:])
	c.bytes(a.quick[:])
	c.uint8(&a.camped)
	for i := range a.recent {
		a.recent[i].code(c)
	}
	for i := range a.days {
		a.days[i].code(c)
	}
}

func (s *series) code(c *coder) {
	for _, list := range [][]level{s.hours[:], s.own[:], s.medians[:], s.alone[:], s.tops[:]} {
		for i := range list {
			c.level(&list[i])
		}
	}
	c.level(&s.peak)
	c.uint8(&s.idle)
	for kind := range s.last {
		for i := range s.last[kind] {
			c.float32(&s.last[kind][i])
		}
	}
	for _, f := range []*float32{&s.summed, &s.parts, &s.lift, &s.spread, &s.pair, &s.daily, &s.credit, &s.drift.sum, &s.drift.excess, &s.drift.base} {
		c.float32(f)
	}
	hours := int32(s.drift.hours)
	c.int32(&hours)
	s.drift.hours = uint16(hours)
}

func (n *hourNote) code(c *coder) {
	c.uint64(&n.scopes)
	for f := range n.seen {
		c.float32(&n.seen[f])
		c.float32(&n.med[f])
	}
	c.float32(&n.quiet)
	c.float32(&n.calls)
	exports, restarts := int32(n.exports), int32(n.restarts)
	c.int32(&exports)
	c.int32(&restarts)
	n.exports, n.restarts = uint16(exports), uint16(restarts)
	c.uint8(&n.networks)
	c.uint8(&n.together)
	c.uint8(&n.prints)
}

func (n *dayNote) code(c *coder) {
	c.int32(&n.day)
	for f := range n.peaks {
		c.level(&n.peaks[f])
		c.uint8(&n.at[f])
	}
	c.float32(&n.newcomers)
	c.float32(&n.people)
	c.uint8(&n.networks)
	c.uint8(&n.prints)
	c.uint64(&n.scopes)
	c.uint8(&n.paged)
	suspect := flag(n.suspect)
	c.uint8(&suspect)
	n.suspect = suspect == 1
}

// coder writes values, or reads them in the same order, so that the two cannot differ.
type coder struct {
	buf   []byte
	read  bool
	short bool // there was less to read
}

func (c *coder) next(n int) []byte {
	if len(c.buf) < n {
		c.short = true
		return make([]byte, n)
	}
	b := c.buf[:n]
	c.buf = c.buf[n:]
	return b
}

func (c *coder) bytes(v []byte) {
	if c.read {
		copy(v, c.next(len(v)))
		return
	}
	c.buf = append(c.buf, v...)
}

func (c *coder) uint8(v *uint8) {
	if c.read {
		*v = c.next(1)[0]
		return
	}
	c.buf = append(c.buf, *v)
}

func (c *coder) level(v *level) {
	if c.read {
		*v = level(binary.LittleEndian.Uint16(c.next(2)))
		return
	}
	c.buf = binary.LittleEndian.AppendUint16(c.buf, uint16(*v))
}

func (c *coder) uint64(v *uint64) {
	if c.read {
		*v = binary.LittleEndian.Uint64(c.next(8))
		return
	}
	c.buf = binary.LittleEndian.AppendUint64(c.buf, *v)
}

func (c *coder) int64(v *int64) {
	u := uint64(*v)
	c.uint64(&u)
	*v = int64(u)
}

func (c *coder) int32(v *int32) {
	if c.read {
		*v = int32(binary.LittleEndian.Uint32(c.next(4)))
		return
	}
	c.buf = binary.LittleEndian.AppendUint32(c.buf, uint32(*v))
}

func (c *coder) float32(v *float32) {
	u := int32(math.Float32bits(*v))
	c.int32(&u)
	*v = math.Float32frombits(uint32(u))
}

func (c *coder) text(v *string) {
	n := int32(len(*v))
	c.int32(&n)
	if !c.read {
		c.buf = append(c.buf, *v...)
		return
	}
	if n < 0 || int(n) > len(c.buf) {
		c.short = true
		return
	}
	*v = string(c.next(int(n)))
}

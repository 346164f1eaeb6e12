package usage

import (
	"hash/maphash"
	"net/netip"
)

const (
	// often is how many calls of a network are no accident.
	often = 20
	// maxNetworks is how many networks of a device are told apart in an hour. Beyond that the one with the fewest calls is forgotten, unless all
	// are there often.
	maxNetworks = 64
	tenMinutes  = 10 * minute
	none        = -1
)

// networks are those whence a device calls in an hour.
type networks struct {
	last int       // whence the last call came; none: it is to be looked up
	list []network // in room while there is one
	room [1]network
}

// network is one of them, by a hash that no other process makes.
type network struct {
	hash           uint64
	calls, quarter uint32 // in the hour, and in the quarter that lasts
	slots          uint8  // the ten minutes of the hour in which it called, a bit for each
	quarterSlots   uint8  // likewise in the quarter
}

// call counts one from a peer; moved says that it is another than that of the last.
func (n *networks) call(peer netip.Addr, moved bool, since int64) {
	if moved || n.last == none {
		n.last = n.find(peer)
	}
	if n.last == none {
		return
	}
	e := &n.list[n.last]
	slot := uint8(1) << (min(max(since, 0), hourLong-1) / tenMinutes)
	e.calls++
	e.quarter++
	e.slots |= slot
	e.quarterSlots |= slot
}

func (n *networks) find(peer netip.Addr) int {
	if !peer.IsValid() {
		return none
	}
	hash := maphash.Comparable(hashSeed, networkOf(peer))
	fewest := none
	for i := range n.list {
		if n.list[i].hash == hash {
			return i
		}
		if fewest == none || n.list[i].calls < n.list[fewest].calls {
			fewest = i
		}
	}
	if len(n.list) == 0 {
		n.list = n.room[:0]
	}
	if len(n.list) < maxNetworks {
		n.list = append(n.list, network{hash: hash})
		return len(n.list) - 1
	}
	if n.list[fewest].calls >= often {
		return none
	}
	n.list[fewest] = network{hash: hash}
	return fewest
}

func (n *networks) turn() {
	for i := range n.list {
		n.list[i].quarter, n.list[i].quarterSlots = 0, 0
	}
}

// tell writes the numbers into the trace.
func (n *networks) tell(t *trace) {
	var hour, quarter [6]int64
	var all, lately int64
	for i := range n.list {
		e := &n.list[i]
		if e.calls >= often {
			all++
			count(&hour, e.slots)
		}
		if e.quarter >= often {
			lately++
			count(&quarter, e.quarterSlots)
		}
	}
	raise(&t.hour.Networks, all)
	raise(&t.now.Networks, lately)
	for i := range hour {
		raise(&t.hour.Together, hour[i])
		raise(&t.now.Together, quarter[i])
	}
}

func count(in *[6]int64, slots uint8) {
	for i := range in {
		in[i] += int64(slots >> i & 1)
	}
}

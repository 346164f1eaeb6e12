package usage

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// lastNumbers is how many identifiers are looked at together.
const lastNumbers = 50

// numbers are the last identifiers that were numbers, each with one and the same secret number added: steps between them can be told, and no
// identifier lies in memory.
type numbers struct {
	last   [lastNumbers]uint64 // a ring
	next   uint8               // where the next one goes
	held   uint8               // how many there are
	looked uint8               // how many of them came in the quarter
	run    uint8               // how many rose or fell without end, the newest included
	rising bool
	near   uint64 // of each that came in the quarter, from the newest on: whether it lay near the one before
}

var hidden = maphash.String(hashSeed, "numbers")

// add looks at one, and puts what is worse than before into the quarter's trace. To alternate between two neighbors is no step forward: what
// came among the last 50 is near nothing.
func (n *numbers) add(number uint64, into *Trace) {
	x, near := number+hidden, uint64(0)
	if n.held > 0 {
		before := n.last[(n.next+lastNumbers-1)%lastNumbers]
		if x == before {
			return
		}
		step := int64(x - before)
		if step >= -3 && step <= 3 && !n.holds(x) {
			near = 1
		}
		if rising := step > 0; n.run < 2 || rising == n.rising {
			n.run, n.rising = min(n.run+1, lastNumbers), rising
		} else {
			n.run, n.rising = 2, rising
		}
	} else {
		n.run = 1
	}
	n.last[n.next] = x
	n.next = (n.next + 1) % lastNumbers
	n.held, n.looked = min(n.held+1, lastNumbers), min(n.looked+1, lastNumbers)
	n.near = (n.near<<1 | near) & (1<<lastNumbers - 1)
	n.tell(into)
}

func (n *numbers) tell(into *Trace) {
	raise(&into.Numbers, int64(n.looked))
	small, run := int64(bits.OnesCount64(n.near)), int64(min(n.run, n.looked))
	if small > into.Near || run > into.Run {
		raise(&into.Near, small)
		raise(&into.Run, run)
		raise(&into.Distinct, n.distinct())
	}
}

func (n *numbers) holds(x uint64) bool { return slices.Contains(n.last[:n.held], x) }

// distinct is how many of those that came in the quarter are different.
func (n *numbers) distinct() (count int64) {
	for i := range n.looked {
		x, first := n.back(i), int64(1)
		for k := range i {
			if n.back(k) == x {
				first = 0
				break
			}
		}
		count += first
	}
	return count
}

// back is the one that came i before the newest.
func (n *numbers) back(i uint8) uint64 { return n.last[(n.next+2*lastNumbers-1-i)%lastNumbers] }

// turn begins another quarter. The ring stays, so that the first step of it can be told.
func (n *numbers) turn() { n.looked, n.near, n.run = 0, 0, min(n.run, 1) }

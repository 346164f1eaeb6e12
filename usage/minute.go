package usage

import (
	"math"
	"unique"
)

// counted is a cell as the meter holds it: the same as [Cell] in half the memory. There may be a million, nearly all of few kinds.
type counted struct {
	key                  unique.Handle[Key]
	calls, cost, in, out int64
	latency              [len(LatencyBounds) + 1]uint32 // of one minute, or of as long as none can be written; it stops at the most that fits
}

// countIn adds a tally to the cell of the key, and appends one if there is none yet.
func countIn(cells []counted, key *Key, t *Tally) []counted {
	for i := range cells {
		if cells[i].key.Value() == *key {
			cells[i].add(t)
			return cells
		}
	}
	c := counted{key: unique.Make(*key)}
	c.add(t)
	return append(cells, c)
}

func (c *counted) add(t *Tally) {
	c.calls += t.Calls
	c.cost += t.Cost
	c.in += t.In
	c.out += t.Out
	for i := range t.Latency { // in place: the array is not copied for each call
		if n := t.Latency[i]; n != 0 {
			c.latency[i] = uint32(min(int64(c.latency[i])+n, math.MaxUint32))
		}
	}
}

// cellsOf are the same cells as they are written and told.
func cellsOf(list []counted) []Cell {
	cells := make([]Cell, len(list))
	for i := range list {
		c := &list[i]
		cells[i] = Cell{c.key.Value(), Tally{Calls: c.calls, Cost: c.cost, In: c.in, Out: c.out}}
		for k, n := range c.latency {
			cells[i].Latency[k] = int64(n)
		}
	}
	return cells
}

package usage

import "unique"

// counted is a cell as the meter holds it: the same as [Cell] in half the memory. There may be a million, nearly all of few kinds.
type counted struct {
	key                  unique.Handle[Key]
	calls, cost, in, out int64
	latency              [len(LatencyBounds) + 1]uint32 // of one minute, or of as long as none can be written
}

// countIn adds a call to the cell of its key, and appends one if there is none yet.
func countIn(cells []counted, call *Call) []counted {
	for i := range cells {
		if cells[i].key.Value() == call.Key {
			cells[i].add(call)
			return cells
		}
	}
	c := counted{key: unique.Make(call.Key)}
	c.add(call)
	return append(cells, c)
}

func (c *counted) add(call *Call) {
	c.calls++
	c.cost += call.Cost
	c.in += call.In
	c.out += call.Out
	if call.Outcome.Allowed() {
		n := &c.latency[bucketOf(call.Took)]
		*n = max(*n, *n+1) // it stops at the most that fits
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

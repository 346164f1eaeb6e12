package usage

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// Outcome is what became of a call: one of those below, or the code of the reason for which it was refused.
type Outcome string

// The outcomes of calls that were let through.
const (
	Informed  Outcome = "1xx" // upgraded: counted when its connection closes
	Succeeded Outcome = "2xx"
	Moved     Outcome = "3xx"
	Rejected  Outcome = "4xx"
	Failed    Outcome = "5xx"      // the upstream said so
	Broken    Outcome = "error"    // the upstream did not answer
	Canceled  Outcome = "canceled" // the client did not wait for an answer, or may no longer call
)

// Outcomes lists those of calls that were let through.
func Outcomes() []Outcome {
	return []Outcome{Informed, Succeeded, Moved, Rejected, Failed, Broken, Canceled}
}

// OutcomeOf is the outcome of a call that was answered with a status.
func OutcomeOf(status int) Outcome {
	switch status / 100 {
	case 1:
		return Informed
	case 2:
		return Succeeded
	case 3:
		return Moved
	case 4:
		return Rejected
	case 5:
		return Failed
	}
	return Broken
}

// Allowed reports whether the call was let through.
func (o Outcome) Allowed() bool {
	switch o {
	case Informed, Succeeded, Moved, Rejected, Failed, Broken, Canceled:
		return true
	}
	return false
}

// Answered reports whether the upstream did what it was asked, or said why not. Only those calls are billed.
func (o Outcome) Answered() bool {
	switch o {
	case Informed, Succeeded, Moved, Rejected:
		return true
	case Failed, Broken, Canceled:
	}
	return false
}

// Key is what calls of one device are counted by. Behavior and Purpose are empty where a refused call had none.
type Key struct {
	Behavior string
	Purpose  gate.Purpose
	Outcome  Outcome
}

// Call is one call that has ended, as it is counted.
type Call struct {
	Key
	Cost    int64         // units; none for a refused call
	In, Out int64         // bytes, as in Tally
	Took    time.Duration // counted if it was let through
}

// Tally is what calls come to.
type Tally struct {
	Calls int64 `json:"calls"`
	Cost  int64 `json:"cost"`      // units; none for a refused call
	In    int64 `json:"bytes_in"`  // bytes of request bodies
	Out   int64 `json:"bytes_out"` // bytes of answers' bodies, and of what was sent after an upgrade
	// Corrections is how often the figures of a quarter of an hour changed after they had been final.
	Corrections int64   `json:"corrections"`
	Latency     Latency `json:"latency"` // of calls that were let through
}

// Add adds another tally.
func (t *Tally) Add(o *Tally) {
	t.Calls += o.Calls
	t.Cost += o.Cost
	t.In += o.In
	t.Out += o.Out
	t.Corrections += o.Corrections
	t.Latency.Add(&o.Latency)
}

// Cell is what calls of one kind come to.
type Cell struct {
	Key
	Tally
}

// addTo adds a tally to the cell of the key, and appends one if there is none yet.
func addTo(cells []Cell, key *Key, t *Tally) []Cell {
	for i := range cells {
		if cells[i].Key == *key {
			cells[i].Add(t)
			return cells
		}
	}
	return append(cells, Cell{*key, *t})
}

// Sum adds the cells of list to cells.
func Sum(cells, list []Cell) []Cell {
	for i := range list {
		cells = addTo(cells, &list[i].Key, &list[i].Tally)
	}
	return cells
}

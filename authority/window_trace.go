package authority

import (
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// tracesOf are what devices left in a window, by device.
func (a *Authority) tracesOf(start time.Time, quick bool) (map[gate.DeviceID]*usage.Trace, error) {
	all := make(map[gate.DeviceID]*usage.Trace)
	err := a.usage.Traces(start, quick, func(d gate.DeviceID, r *usage.Trace) error {
		all[d] = r
		return nil
	})
	return all, err
}

// addTrace puts what a device left into its counts; nil is nothing, and then what was seen of its hour stands. Nobody counts TLS fingerprints. Where
// a process was killed counts and traces may end at other moments: no part is made larger than its whole.
func addTrace(c *abuse.Counts, r *usage.Trace) {
	if r == nil {
		return
	}
	answered := max(0, c.Requests-c.Failed)
	c.Forbidden = min(max(c.Forbidden, r.Forbidden), answered)
	c.NotFound = min(max(c.NotFound, r.NotFound), answered-c.Forbidden)
	c.Targets, c.Scopes = min(r.Targets, c.Denied()), r.Scopes
	c.Patients, c.Newcomers = r.Patients, min(r.Newcomers, r.Patients)
	c.Numbers, c.Near, c.Run, c.Distinct = r.Numbers, r.Near, r.Run, r.Distinct
	c.Networks, c.Together = r.Networks, r.Together
	c.Exports, c.Restarts = r.Exports, min(r.Restarts, r.Exports)
}

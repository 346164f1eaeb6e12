package authority

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// Outcome is how a call ended, as the door saw it.
type Outcome struct {
	// Status is that of the upstream's answer; 0 if there was none.
	Status int
	// Canceled says that there was none because nobody waited for it any more.
	Canceled bool
	// In and Out are bytes of the bodies of request and answer, or of what went through after an upgrade.
	In, Out int64
}

func (o *Outcome) usage() usage.Outcome {
	if o.Canceled {
		return usage.Canceled
	}
	return usage.OutcomeOf(o.Status)
}

// meter counts a call that has ended: of callers that have shown who they are every one, of strangers none. What a refused call would have
// cost is not counted.
func (c *Call) meter(o *Outcome) {
	if !c.Allowed() && !identified(c.Reason) || c.Caller.Device == nil || c.Allowed() && c.Behavior == nil {
		return // a stranger, or one of certgate's own answers, which are free
	}
	call, at := usage.Call{Key: usage.Key{Purpose: c.Purpose}, In: o.In, Out: o.Out}, c.began
	shown := usage.Shown{Account: c.Caller.Device.Account, Zone: c.zone(), Peer: c.Request.Peer}
	if c.Caller.Device.Environment != gate.Production { // what is named in a test must not make it known in production
		shown.Account = gate.AccountID(c.Caller.Device.ID)
	}
	if c.Behavior != nil {
		call.Behavior = c.Behavior.Name
	}
	if c.Allowed() {
		call.Took = c.authority.since(c.began)
		if at = c.began.Add(call.Took); call.Took > time.Minute {
			at = c.authority.now() // the clock may have been set since
		}
		call.Outcome, call.Cost = o.usage(), int64(c.Behavior.Cost)
		if shown.Patients, shown.Status = c.patients(), o.Status; len(shown.Patients) > 1 {
			c.authority.notePollution(c, o, c.began)
		}
	} else {
		call.Outcome = usage.Outcome(c.Reason.String())
		if c.Reason == gate.PurposeNotGranted && len(c.Request.Purpose) == 1 {
			call.Purpose, _ = gate.ParsePurpose(c.Request.Purpose[0]) // empty where nobody knows it
		}
	}
	c.leave(&shown, o)
	c.authority.usage.Meter.Count(at, c.Caller.Device.ID, &call, &shown)
}

// zone is where the caller's days are counted: nil where neither its contract nor the configuration says it.
func (c *Call) zone() *time.Location {
	if plan := c.plan(); plan != nil {
		return plan.Zone
	}
	return nil
}

// openUsage opens usage beside the store. If that fails even with a new directory, calls are counted in memory alone: no request fails for
// usage, and the metric of its lag and the failing job tell.
func (a *Authority) openUsage() error {
	o := usage.Options{Dir: a.store.Dir(), Sketch: a.store.SketchKey(), Now: a.now(), Log: badgerLog{a.log.Named("usage").Sugar()}}
	var err error
	if o.Key, err = a.rewrapUsage(usage.Dir(o.Dir)); err != nil {
		a.log.Error("the keys of usage stay under the former secret for now", zap.Error(err))
	}
	a.usageKey = o.Key
	if a.usage, err = usage.Open(o); err != nil && o.Dir != "" {
		a.log.Error("usage cannot be kept on disk; it is counted in memory and lost when certgate stops, and so is what is used of quotas. "+
			"See to the disk of data_dir and start certgate again", zap.Error(err))
		a.unkept = o.Now
		o.Dir = ""
		a.usage, err = usage.Open(o)
	}
	if err != nil {
		return err
	}
	a.beat(o.Now)
	if a.usage.Fresh() {
		if err := a.restoreSpent(); err != nil {
			return err
		}
	}
	return a.restoreLimits()
}

// accountSeen is the account for which a device counts in what accounts were seen to do: production alone.
func (a *Authority) accountSeen(id gate.DeviceID) gate.AccountID {
	if device, err := a.dir.Device(string(id)); err == nil && device.Environment == gate.Production {
		return device.Account
	}
	return ""
}

// closeUsage writes what was counted last.
func (a *Authority) closeUsage() {
	a.saved.hurry()
	if err := errors.Join(a.FlushUsage(), a.usage.FlushSeen()); err != nil {
		a.log.Error("the last usage was not written", zap.Error(err))
	}
	if err := a.usage.Close(); err != nil {
		a.log.Error("close usage", zap.Error(err))
	}
}

// FlushUsage writes what was counted and what is used of limits, and returns when it is on disk. A job does so within each second.
func (a *Authority) FlushUsage() error {
	a.saved.writing.Lock()
	defer a.saved.writing.Unlock()
	now := a.now()
	notes := a.saved.notes(&a.limits, now)
	err := a.usage.Flush(now, notes)
	if err != nil {
		a.saved.unwritten(notes)
	}
	return err
}

// flushUsage is the job that does so. Where the disk is low that is said once a minute, and the lag of usage tells it as well.
func (a *Authority) flushUsage(now time.Time) error {
	err := a.FlushUsage()
	if !errors.Is(err, usage.ErrDiskLow) {
		return err
	}
	if now.Sub(time.Unix(a.diskLow.Load(), 0)).Abs() < time.Minute {
		return errNotNow
	}
	a.diskLow.Store(now.Unix())
	return err
}

// SumUsage flushes and sums what was counted until now. A job does so each minute.
func (a *Authority) SumUsage() error { return a.sumUsage(a.now()) }

// sumUsage sums what was counted, and removes what is kept no longer.
func (a *Authority) sumUsage(now time.Time) error {
	if err := a.FlushUsage(); errors.Is(err, usage.ErrDiskLow) {
		return errNotNow // the other job says so
	} else if err != nil {
		return err
	}
	if err := errors.Join(a.usage.FlushSeen(), a.usage.Roll(now)); err != nil {
		return err
	}
	if now.Sub(time.Unix(a.cleaned.Load(), 0)).Abs() < time.Hour {
		return nil
	}
	if err := a.usage.RollDays(a.usageZone); err != nil {
		return err
	}
	if err := a.usage.Remove(now); err != nil {
		return err
	}
	if err := a.usage.Settle(a.accountSeen); err != nil {
		return err
	}
	a.cleaned.Store(now.Unix())
	return nil
}

// usageZone is the zone in which the days of a device are counted: that of the contract that counts now, else its account's.
func (a *Authority) usageZone(id gate.DeviceID) *time.Location {
	device, err := a.dir.Device(string(id))
	if err != nil {
		return time.UTC
	}
	return a.UsageZone(device.Account)
}

// UsageZone is the zone in which the days of an account are counted: that of its contract that counts now, else its own.
func (a *Authority) UsageZone(id gate.AccountID) *time.Location {
	caller := gate.Caller{Contracts: a.dir.Contracts(id)}
	if contract := caller.Contract(a.now()); contract != nil && contract.UsagePlan() != nil {
		return contract.UsagePlan().Zone
	}
	if account, err := a.dir.Account(string(id)); err == nil {
		if zone, err := time.LoadLocation(account.Zone); err == nil {
			return zone
		}
	}
	return time.UTC
}

// UsageLag is for how long what was counted has not been written.
func (a *Authority) UsageLag() time.Duration {
	if !a.unkept.IsZero() {
		return a.now().Sub(a.unkept)
	}
	return max(a.now().Sub(a.usage.Flushed()), 0)
}

// diskFree is how many bytes are free on the disk of the data directory; -1 where that is not known.
func (a *Authority) diskFree() int64 {
	free, err := a.usage.Free()
	if err != nil {
		return -1
	}
	return free
}

package gate

import "time"

// Numbers that say when a device is cut off.
const (
	// CutOffAfter is for how long there must have been refusals and nothing else.
	CutOffAfter = 5 * time.Minute
	// CutOffMemory is how long before its first refusal a device must have passed, and for how long after its last one it still counts.
	CutOffMemory = 24 * time.Hour
	// CutOffSoon is how long before its end a clock is told of while calls come.
	CutOffSoon = time.Hour
)

// Pulse is how it goes for a device: only calls count that have proven both its key and its certificate, whatever became of either. Whoever has
// one of them alone, or shares the address, changes nothing here.
type Pulse struct {
	Passed time.Time // the last call that passed; zero: none is known
	Since  time.Time // the first refusal after it; zero: there was none
	Last   time.Time // the last refusal
	Reason Reason    // of that
}

// CutOff reports whether the device is cut off at now: it passed, and for CutOffAfter has only been refused. Refusals that will not end by
// themselves count from the first one on, because a program may have given up; others, which are about single calls, only while they go on,
// because one wrong call says nothing of the rest.
func (p *Pulse) CutOff(now time.Time) bool {
	if p.Since.IsZero() || p.Passed.IsZero() || p.Since.Sub(p.Passed) > CutOffMemory || now.Sub(p.Last) > CutOffMemory {
		return false
	}
	if p.Reason.Lasts() {
		return now.Sub(p.Since) >= CutOffAfter
	}
	return p.Last.Sub(p.Since) >= CutOffAfter
}

// Lasts reports whether a refusal for the reason is about who calls, and so meets every call until somebody acts.
func (r Reason) Lasts() bool {
	return r.AboutCertificate() || r == InvalidToken || r >= AccountSuspended && r <= RecertificationOverdue
}

// CutsOff reports whether a refusal for the reason can cut a device off. What we ourselves could not do is no fault of anybody's device.
func (r Reason) CutsOff() bool {
	return r.CountsAgainstSource() || r.OverLimit() && r != SourceExceeded
}

// CutOffID names the reminder that a device is cut off, one for each code: a device that comes and goes is told of once in CutOffMemory.
func CutOffID(device DeviceID, r Reason) string {
	return string(CutOffNotice) + "/" + string(device) + "/" + r.String()
}

// CutOffSoonID names the reminder that calls of an account will be refused from a time on.
func CutOffSoonID(account AccountID, r Reason, at time.Time) string {
	return string(CutOffNotice) + "/" + string(account) + "/" + r.String() + "/" + at.UTC().Format(time.RFC3339)
}

package gate

import (
	"slices"
	"time"
)

// System stands where a record names a person and certgate did it by itself.
const System StaffID = ""

// Rung is a step of the ladder of remediation, from the mildest.
type Rung string

// The rungs, a closed list. Only a deterministic rule may suspend, and only the one credential that it names; all else is up to people.
const (
	RungObserve  Rung = "observe"
	RungNotify   Rung = "notify"
	RungThrottle Rung = "throttle"
	RungSuspend  Rung = "suspend"
)

// Rungs lists them all.
func Rungs() []Rung { return []Rung{RungObserve, RungNotify, RungThrottle, RungSuspend} }

// PolicyNote is why a measure was taken as it was, in the words of the security exception to information blocking (45 CFR 171.203): it must
// answer a risk, be tailored to it, and be the same for everybody.
type PolicyNote struct {
	Version      string `json:"version"`      // of the policy that was followed
	Risk         string `json:"risk"`         // to what, shown by which evidence
	Scope        string `json:"scope"`        // whom it touches, and whom not
	Alternatives string `json:"alternatives"` // what was considered instead, and why it was not enough
	Duration     string `json:"duration"`     // for how long, and what ends it
}

// Step is one step up the ladder.
type Step struct {
	At     time.Time  `json:"at"`
	Rung   Rung       `json:"rung"`
	By     StaffID    `json:"by"`              // System: certgate itself
	Policy PolicyNote `json:"policy,omitzero"` // of a person who said nothing of it: nothing
	// Notice tells the customer of it. There is none of observing alone.
	Notice      NoticeID      `json:"notice,omitempty"`
	Remediation RemediationID `json:"remediation,omitempty"`
}

const maxSteps = 100

// Climb adds a step. A step that the customer feels has a notice, and a throttle or suspension its remediation.
func (i Incident) Climb(s Step) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	switch {
	case !slices.Contains(Rungs(), s.Rung):
		return i, FieldErrorf("rung", "%q: must be one of %s", Clip(string(s.Rung), 40), join(Rungs(), ", "))
	case s.Rung != RungObserve && s.Notice == "":
		return i, Errorf(Conflict, "incident %s: %s without a notice to the customer", i.ID, s.Rung)
	case (s.Rung == RungThrottle || s.Rung == RungSuspend) && s.Remediation == "":
		return i, Errorf(Conflict, "incident %s: %s without its remediation", i.ID, s.Rung)
	case s.By == System && i.Stayed(s.At) != "" && s.Rung != RungObserve:
		return i, Errorf(Conflict, "incident %s: nothing happens by itself: %s", i.ID, i.Stayed(s.At))
	case len(i.Steps) >= maxSteps:
		return i, Errorf(Conflict, "incident %s has %d steps, and takes no more; close it", i.ID, maxSteps)
	}
	i.Steps = append(slices.Clone(i.Steps), s)
	return i, nil
}

// ToldAt is when the customer was first told of the incident; zero: not yet.
func (i *Incident) ToldAt() time.Time {
	for n := range i.Steps {
		if i.Steps[n].Rung != RungObserve {
			return i.Steps[n].At
		}
	}
	return time.Time{}
}

// Told reports whether the customer knows of the incident: a step told of it, or something was imposed for it, which was told.
func (i *Incident) Told() bool { return !i.ToldAt().IsZero() || len(i.Remediations) > 0 }

// Stayed says why nothing may happen by itself now: people hold the incident, or an appeal waits for its answer. Empty: it may.
func (i *Incident) Stayed(now time.Time) string {
	switch {
	case i.Closed != nil:
		return "it is closed"
	case i.Held() != nil:
		return "people hold it"
	case i.OpenAppeal() != nil:
		return "an appeal waits for its answer"
	case i.barring(now):
		return "its account is barred; what goes on is for people"
	}
	return ""
}

// Touched reports whether people have dealt with it in any way, so that it does not end by itself.
func (i *Incident) Touched() bool {
	return i.Opened.By != System || len(i.Notes) > 0 || len(i.Holds) > 0 || len(i.Appeals) > 0 || i.Plan != nil || i.Barred != nil || i.Security != nil
}

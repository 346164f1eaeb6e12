package gate

import (
	"slices"
	"time"
)

// The kinds of change that certgate reports by itself, from what devices do in production; a closed list. Nobody else can report them, and
// they stop nothing: staff judge them like any other.
const (
	BehaviorAttempted ChangeKind = "behavior-attempted" // calls of a behavior that is not in the certified profile
	PurposeAttempted  ChangeKind = "purpose-attempted"  // calls for a purpose that is not in it
	NetworkNew        ChangeKind = "network-new"        // calls from a network that is not declared and was not used lately
	VolumeTripled     ChangeKind = "volume-tripled"     // VolumeFactor times the declared volume over VolumeDays
)

// SeenChangeKinds lists them all.
func SeenChangeKinds() []ChangeKind {
	return []ChangeKind{BehaviorAttempted, PurposeAttempted, NetworkNew, VolumeTripled}
}

const (
	// VolumeFactor is how many times the declared volume is reported.
	VolumeFactor = 3
	// VolumeDays is over how many whole days, on average.
	VolumeDays = 7
	// AttemptFloor is how many refused calls within VolumeDays are no slip.
	AttemptFloor = 10
	// ChangeRestDays is how long nothing of a kind is reported again that was judged immaterial.
	ChangeRestDays = 30
)

// MaySee reports whether certgate is to report a change of the kind at now: not while one of that kind waits for judgment, nor for
// ChangeRestDays after it was judged immaterial, nor where it was material and is to be certified.
func (c *Certification) MaySee(kind ChangeKind, now time.Time) bool {
	if !slices.Contains(SeenChangeKinds(), kind) || c.certified() != nil {
		return false
	}
	for i := range c.Changes {
		r := &c.Changes[i]
		switch {
		case r.Kind != kind:
		case r.Judged == nil:
			return false
		case r.Material:
			if c.RecertifyBy != nil {
				return false
			}
		case now.Before(r.Judged.At.AddDate(0, 0, ChangeRestDays)):
			return false
		}
	}
	return true
}

// SeeChange notes a change that certgate has seen by itself.
func (c Certification) SeeChange(kind ChangeKind, text string, act Act) (Certification, error) {
	if !c.MaySee(kind, act.At) {
		return c, Errorf(Conflict, "a change of the kind %s is not to be reported of certification %s now", kind, c.ID)
	}
	if err := checkText("text", text, 2000); err != nil {
		return c, err
	}
	c = c.clone()
	c.Changes = append(c.Changes, ChangeReport{Kind: kind, Text: text, Reported: act})
	return c, nil
}

package gate

import (
	"slices"
	"time"
)

// Hold is a time in which people have taken an incident into their own hands: nothing more happens by itself.
type Hold struct {
	Began Act  `json:"began"`
	Ended *Act `json:"ended,omitempty"`
}

// CorrectivePlan is a corrective-action plan: what the customer will do, and by when.
type CorrectivePlan struct {
	Text   string   `json:"text"`
	Due    Date     `json:"due"` // the last day, in the account's zone
	Agreed Act      `json:"agreed"`
	Notice NoticeID `json:"notice"`
	Done   *Act     `json:"done,omitempty"`
}

// Bar is until when what was imposed stays imposed: nobody lifts it before, but by a granted appeal.
type Bar struct {
	Until  time.Time `json:"until"`
	Act    Act       `json:"act"`
	Notice NoticeID  `json:"notice"`
}

const (
	maxHolds    = 50
	maxPlanText = 4000
	// MaxBarred is the longest that an account may be barred: the longest of what networks of health records impose is a year.
	MaxBarred = 366 * 24 * time.Hour
)

// Held is the hold that goes on; nil: none.
func (i *Incident) Held() *Hold {
	if n := len(i.Holds); n > 0 && i.Holds[n-1].Ended == nil {
		return &i.Holds[n-1]
	}
	return nil
}

// Hold stops what would happen by itself.
func (i Incident) Hold(act Act) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if err := CheckIncidentText(act.Why); err != nil {
		return i, err
	}
	switch {
	case i.Held() != nil:
		return i, Errorf(Conflict, "incident %s is held already", i.ID)
	case len(i.Holds) >= maxHolds:
		return i, Errorf(Conflict, "incident %s was held %d times, and takes no more; close it", i.ID, maxHolds)
	}
	i.Holds = append(slices.Clone(i.Holds), Hold{Began: act})
	return i, nil
}

// Release ends the hold.
func (i Incident) Release(act Act) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if err := CheckIncidentText(act.Why); err != nil {
		return i, err
	}
	if i.Held() == nil {
		return i, Errorf(Conflict, "incident %s is not held", i.ID)
	}
	i.Holds = slices.Clone(i.Holds)
	i.Holds[len(i.Holds)-1].Ended = &act
	return i, nil
}

// Agree notes a corrective-action plan. A new one takes the place of one that is done.
func (i Incident) Agree(p CorrectivePlan, zone *time.Location) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if err := checkText("text", p.Text, maxPlanText); err != nil {
		return i, err
	}
	switch {
	case ContainsKey(p.Text):
		return i, FieldErrorf("text", "holds a key; say which by its identifier (key_...)")
	case i.Plan != nil && i.Plan.Done == nil:
		return i, Errorf(Conflict, "incident %s has a plan, due on %s; say that it is done first", i.ID, i.Plan.Due)
	case !p.Due.AddDays(1).Start(zone).After(p.Agreed.At):
		return i, FieldErrorf("due", "%s has passed", p.Due)
	}
	i.Plan = &p
	return i, nil
}

// PlanDone says that the customer has done what was agreed.
func (i Incident) PlanDone(act Act) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if err := CheckIncidentText(act.Why); err != nil {
		return i, err
	}
	if i.Plan == nil || i.Plan.Done != nil {
		return i, Errorf(Conflict, "incident %s has no plan that is open", i.ID)
	}
	done := *i.Plan
	done.Done = &act
	i.Plan = &done
	return i, nil
}

// Bar says until when what was imposed for it is not lifted. It can be made longer, never shorter.
func (i Incident) Bar(b Bar) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if err := CheckIncidentText(b.Act.Why); err != nil {
		return i, err
	}
	switch {
	case len(i.Remediations) == 0:
		return i, Errorf(Conflict, "nothing was imposed for incident %s that could stay; suspend first, with --incident %s", i.ID, i.ID)
	case !b.Until.After(b.Act.At):
		return i, FieldErrorf("until", "%s has passed", b.Until.Format(time.RFC3339))
	case b.Until.Sub(b.Act.At) > MaxBarred:
		return i, FieldErrorf("until", "%s is more than %d days away", b.Until.Format(time.RFC3339), int(MaxBarred.Hours()/24))
	case i.barring(b.Act.At) && !b.Until.After(i.Barred.Until):
		return i, FieldErrorf("until", "is barred until %s already; a bar is only made longer", i.Barred.Until.Format(time.RFC3339))
	}
	i.Barred = &b
	return i, nil
}

// Bars reports whether the incident keeps a remediation from being lifted at now.
func (i *Incident) Bars(id RemediationID, now time.Time) bool {
	return i.barring(now) && slices.Contains(i.Remediations, id)
}

// barring reports whether there is a bar at now that no granted appeal has ended. A bar that was set after the appeal was granted counts.
func (i *Incident) barring(now time.Time) bool {
	if i.Barred == nil || !now.Before(i.Barred.Until) {
		return false
	}
	for n := range i.Appeals {
		if a := i.Appeals[n].Answer; a != nil && a.Granted && !a.Act.At.Before(i.Barred.Act.At) {
			return false
		}
	}
	return true
}

// CheckBars refuses to lift a remediation that one of the incidents of its account bars at now.
func CheckBars(incidents []*Incident, id RemediationID, now time.Time) error {
	for _, i := range incidents {
		if i.Bars(id, now) {
			return Errorf(Conflict, "remediation %s is barred until %s for incident %s; before that only an appeal lifts it, which the customer makes, or you write down "+
				"(certgate incident appeal %s), and somebody else grants", id, i.Barred.Until.Format(time.RFC3339), i.ID, i.ID)
		}
	}
	return nil
}

package gate

import (
	"slices"
	"time"
)

// Detection is one finding of a rule: which numbers were seen in which window, beside the thresholds that they passed. It holds no patient, path
// or address.
type Detection struct {
	At      time.Time `json:"at"` // when it was found
	Rule    string    `json:"rule"`
	Ruling  string    `json:"ruling,omitempty"` // the version of the thresholds and modes that were in force; empty: the built-in ones
	Subject Subject   `json:"subject"`          // the narrowest object that it names
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Figures []Figure  `json:"figures"`
	// Weight is what it adds to the score of the account; it fades from At on. 0 where it is only observed.
	Weight int `json:"weight"`
	// Asks is the most that the rule asks for: weigh, notify, limit or suspend.
	Asks string `json:"asks"`
	// Observed says why nothing follows from it: the rule is only observed, or it was held because it met too many accounts at once, or people
	// hold the account, or it is exempt. Empty: something may follow.
	Observed string `json:"observed,omitempty"`
}

// Figure is one number of the evidence and the threshold that it passed.
type Figure struct {
	Name  string  `json:"name"`
	Seen  float64 `json:"seen"`
	Limit float64 `json:"limit"`
}

// maxDetections bounds what one incident keeps; what is found beyond is counted.
const maxDetections = 100

// Find adds evidence to an incident that certgate opened. What does not fit is counted, and what says least goes: what is only observed before what
// weighs, and of what weighs the oldest, which has faded most. So no rule that is only observed hides what the score is made of.
func (i Incident) Find(e Detection) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if i.Origin != IncidentDetected {
		return i, Errorf(Conflict, "incident %s was %s; what rules find belongs to an incident that they opened", i.ID, i.Origin)
	}
	i.Evidence = append(slices.Clone(i.Evidence), e)
	if len(i.Evidence) > maxDetections {
		i.MoreEvidence++
		least := max(0, slices.IndexFunc(i.Evidence, func(k Detection) bool { return k.Observed != "" }))
		i.Evidence = slices.Delete(i.Evidence, least, least+1)
	}
	return i, nil
}

// Rules are the rules that something may follow from, each once, in the order in which they first found something.
func (i *Incident) Rules() (names []string) {
	for n := range i.Evidence {
		if e := &i.Evidence[n]; e.Observed == "" && !slices.Contains(names, e.Rule) {
			names = append(names, e.Rule)
		}
	}
	return names
}

// StrangersID names the reminder that strangers try a credential of an account, one for each rule and day.
func StrangersID(account AccountID, rule string, now time.Time) string {
	return string(StrangersNotice) + "/" + string(account) + "/" + rule + "/" + now.UTC().Format(time.DateOnly)
}

// RuleHeldID names the reminder that a rule is held, one for each day.
func RuleHeldID(rule string, now time.Time) string {
	return string(RuleHeldNotice) + "/" + rule + "/" + now.UTC().Format(time.DateOnly)
}

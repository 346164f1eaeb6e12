package gate

import (
	"slices"
	"time"
)

// ExemptDays is for how many days after a granted appeal the rules of the incident change nothing for the account: what was judged to be in
// order must not be held against the customer again the next day.
const ExemptDays = 14

// Appeal is the customer's word against an incident. While it waits, nothing more happens by itself.
type Appeal struct {
	At   time.Time `json:"at"`
	By   StaffID   `json:"by,omitempty"` // who wrote it down for the customer; empty: the customer itself
	Text string    `json:"text"`
	// Notice tells staff, and the customer that it has arrived.
	Notice NoticeID      `json:"notice"`
	Answer *AppealAnswer `json:"answer,omitempty"`
}

// AppealAnswer is what a second person decided.
type AppealAnswer struct {
	Act     Act      `json:"act"`
	Granted bool     `json:"granted"`
	Notice  NoticeID `json:"notice"`
}

const (
	maxAppeals    = 10
	maxAppealText = 4000
)

// OpenAppeal is the one that waits for its answer; nil: none.
func (i *Incident) OpenAppeal() *Appeal {
	if n := len(i.Appeals); n > 0 && i.Appeals[n-1].Answer == nil {
		return &i.Appeals[n-1]
	}
	return nil
}

// Appeal takes the customer's word. It is about what the customer was told of, so an incident that was only observed takes none.
func (i Incident) Appeal(a Appeal) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if err := checkText("text", a.Text, maxAppealText); err != nil {
		return i, err
	}
	switch {
	case ContainsKey(a.Text):
		return i, FieldErrorf("text", "holds a key; say which by its identifier (key_...)")
	case i.OpenAppeal() != nil:
		return i, Errorf(Conflict, "an appeal against incident %s waits for its answer already", i.ID)
	case !i.Told():
		return i, Errorf(Conflict, "nothing was done in incident %s that an appeal could be against", i.ID)
	case len(i.Appeals) >= maxAppeals:
		return i, Errorf(Conflict, "incident %s had %d appeals, and takes no more", i.ID, maxAppeals)
	}
	i.Appeals = append(slices.Clone(i.Appeals), a)
	return i, nil
}

// AnswerAppeal decides the appeal that waits. Whoever wrote it down, and whoever imposed one of what it is against (imposers), does not
// answer it.
func (i Incident) AnswerAppeal(answer AppealAnswer, imposers []StaffID) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	open, by := i.OpenAppeal(), answer.Act.By
	switch {
	case open == nil:
		return i, Errorf(Conflict, "no appeal against incident %s waits for an answer", i.ID)
	case by == System:
		return i, Errorf(Forbidden, "only a person answers an appeal")
	case open.By == by:
		return i, Errorf(Forbidden, "you wrote this appeal down; somebody else must answer it")
	case slices.Contains(imposers, by):
		return i, Errorf(Forbidden, "you imposed what the appeal is against; somebody else must answer it")
	}
	if err := CheckIncidentText(answer.Act.Why); err != nil {
		return i, err
	}
	i.Appeals = slices.Clone(i.Appeals)
	i.Appeals[len(i.Appeals)-1].Answer = &answer
	return i, nil
}

// Exempts reports whether a granted appeal keeps the rule from acting on the account at now. It is about what had been found when it was answered:
// what another rule finds later nobody has judged.
func (i *Incident) Exempts(rule string, now time.Time) bool {
	for n := range i.Appeals {
		a := i.Appeals[n].Answer
		if a == nil || !a.Granted || !now.Before(a.Act.At.AddDate(0, 0, ExemptDays)) {
			continue
		}
		if slices.ContainsFunc(i.Evidence, func(e Detection) bool { return e.Rule == rule && e.Observed == "" && !e.At.After(a.Act.At) }) {
			return true
		}
	}
	return false
}

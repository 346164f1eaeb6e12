package authority_test

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// mRemedy is what is done in an incident beside looking into it.
type mRemedy struct {
	held, appealed, planned bool
	appeals                 int
	writer                  gate.StaffID // of the appeal that waits
	imposed                 []*mStop
	bar                     time.Time // zero: none, or ended by a granted appeal
	barrer                  gate.StaffID
}

func (i *mRemedy) bars(now time.Time) bool { return now.Before(i.bar) }

func (x *machine) imposedFor(id gate.IncidentID, s *mStop) {
	for _, i := range x.incidents {
		if i.id == id {
			i.imposed = append(i.imposed, s)
		}
	}
}

// barred reports whether an incident keeps the remediation from being lifted.
func (x *machine) barred(s *mStop) bool {
	return slices.ContainsFunc(x.incidents, func(i *mIncident) bool { return i.bars(x.now()) && slices.Contains(i.imposed, s) })
}

func (x *machine) holdIncident() {
	x.incidentStep(attempt{name: "HoldIncident"}, func(i *mIncident) bool { return i.held }, func(by authority.By, id gate.IncidentID, why string) error {
		_, err := x.HoldIncident(by, id, why)
		return err
	}, func(i *mIncident) { i.held = true })
}

func (x *machine) releaseIncident() {
	x.incidentStep(attempt{name: "ReleaseIncident"}, func(i *mIncident) bool { return !i.held }, func(by authority.By, id gate.IncidentID, why string) error {
		_, err := x.ReleaseIncident(by, id, why)
		return err
	}, func(i *mIncident) { i.held = false })
}

func (x *machine) agreePlan() {
	t := attempt{name: "AgreePlan", notices: []gate.NoticeKind{gate.PlanAgreedNotice}}
	due := gate.Date(x.now().AddDate(0, 0, x.between(-5, 30, "days")).UTC().Format(time.DateOnly))
	late := x.now().UTC().AddDate(0, 0, -2).Format(time.DateOnly)
	if string(due) >= late && string(due) <= x.now().UTC().AddDate(0, 0, 1).Format(time.DateOnly) {
		due = gate.Date(x.now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)) // around midnight it depends on the zone
	}
	t.refused.when(string(due) < late, gate.Invalid)
	x.incidentStep(t, func(i *mIncident) bool { return i.planned }, func(by authority.By, id gate.IncidentID, why string) error {
		_, err := x.AgreePlan(by, id, authority.NewPlan{Text: "ask for less", Due: due, Why: why})
		return err
	}, func(i *mIncident) { i.planned = true })
}

func (x *machine) planDone() {
	x.incidentStep(attempt{name: "PlanDone"}, func(i *mIncident) bool { return !i.planned }, func(by authority.By, id gate.IncidentID, why string) error {
		_, err := x.PlanDone(by, id, why)
		return err
	}, func(i *mIncident) { i.planned = false })
}

// remedyStep is incidentStep with what depends on who acts.
func (x *machine) remedyStep(t attempt, action gate.Action, suits func(*mIncident) bool, f remedy) {
	i := pick(x, "incident", x.incidents, suits)
	id, etag := gate.IncidentID("inc_none"), ""
	if i != nil {
		id, etag = i.id, tag(x.Directory().Incident(i.id))
		x.tempted = i.writer
	}
	a, why := x.actor(action, etag), x.why()
	t.by = a
	t.refused = append(t.refused, a.refusals(action)...)
	t.refused.when(i == nil, gate.NotFound)
	t.refused.when(why == "", gate.Invalid)
	if i != nil {
		t.refused.when(i.closed, gate.Conflict)
		f.against(&t.refused, i, a)
	}
	t.do = func(by authority.By) error { return f.do(by, id, why) }
	t.commit = func() { f.then(i, a) }
	x.try(t)
}

type remedy struct {
	against func(*refusals, *mIncident, *actor)
	do      func(authority.By, gate.IncidentID, string) error
	then    func(*mIncident, *actor)
}

func (x *machine) appealIncident() {
	x.remedyStep(attempt{name: "AppealIncident", notices: []gate.NoticeKind{gate.AppealReceivedNotice}}, gate.HandleIncident,
		func(i *mIncident) bool { return !i.closed && len(i.imposed) > 0 && !i.appealed }, remedy{
			against: func(r *refusals, i *mIncident, _ *actor) {
				r.when(i.appealed || len(i.imposed) == 0 || i.appeals >= 10, gate.Conflict)
			},
			do: func(by authority.By, id gate.IncidentID, text string) error {
				_, err := x.AppealIncident(by, id, text)
				return err
			},
			then: func(i *mIncident, a *actor) { i.appealed, i.writer, i.appeals = true, a.id, i.appeals+1 },
		})
}

func (x *machine) answerAppeal() {
	granted := x.roll(2, "granted") == 1
	x.remedyStep(attempt{name: "AnswerAppeal", notices: []gate.NoticeKind{gate.AppealAnsweredNotice}}, gate.Reinstate,
		func(i *mIncident) bool { return i.appealed }, remedy{
			against: func(r *refusals, i *mIncident, a *actor) {
				r.when(!i.appealed, gate.Conflict)
				r.when(i.appealed && (i.writer == a.id || i.barrer == a.id || slices.ContainsFunc(i.imposed, func(s *mStop) bool { return s.by == a.id })), gate.Forbidden)
			},
			do: func(by authority.By, id gate.IncidentID, why string) error {
				_, err := x.AnswerAppeal(by, id, authority.AppealAnswer{Granted: granted, Why: why})
				return err
			},
			then: func(i *mIncident, _ *actor) {
				i.appealed, i.writer = false, ""
				if !granted {
					return
				}
				i.bar = time.Time{}
				for _, s := range i.imposed {
					if !s.terminate && s.runs(x.now()) {
						s.lifted = true
					}
				}
			},
		})
}

func (x *machine) barIncident() {
	until := x.now().Add(time.Duration(x.between(-10, 400, "days")) * 24 * time.Hour)
	t := attempt{name: "BarIncident", notices: []gate.NoticeKind{gate.BarredNotice}}
	t.refused.when(!until.After(x.now()) || until.Sub(x.now()) > 366*24*time.Hour, gate.Invalid)
	x.remedyStep(t, gate.Reinstate, func(i *mIncident) bool { return !i.closed && len(i.imposed) > 0 }, remedy{
		against: func(r *refusals, i *mIncident, _ *actor) {
			r.when(len(i.imposed) == 0, gate.Conflict)
			r.when(i.bars(x.now()) && !until.After(i.bar), gate.Invalid)
		},
		do: func(by authority.By, id gate.IncidentID, why string) error {
			_, err := x.BarIncident(by, id, until, why)
			return err
		},
		then: func(i *mIncident, a *actor) { i.bar, i.barrer = until, a.id },
	})
}

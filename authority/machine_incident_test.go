package authority_test

import (
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// mIncident is what people look into; it has no say in what may call.
type mIncident struct {
	id      gate.IncidentID
	account gate.AccountID
	marked  bool
	closed  bool
	mRemedy
}

func (x *machine) openIncident() {
	subject, account := x.subject()
	a := x.actor(gate.HandleIncident, "")
	in := authority.NewIncident{Subject: subject, Origin: sampled(x, "origin", gate.IncidentOrigins()), Why: x.why()}
	if x.chance(20, "a leak") {
		in.Origin = gate.IncidentLeak
	}
	r := a.refusals(gate.HandleIncident)
	r.when(account == "", gate.NotFound)
	r.when(in.Why == "" || in.Origin == gate.IncidentLeak, gate.Invalid)
	var made *gate.Incident
	x.try(attempt{name: "OpenIncident", by: a, refused: r,
		do:     func(by authority.By) (err error) { made, err = x.OpenIncident(by, in); return err },
		commit: func() { x.incidents = append(x.incidents, &mIncident{id: made.ID, account: account}) }})
}

// leakOpened follows what a report of a leak has opened.
func (x *machine) leakOpened(k *mKey) {
	i := x.LeakIncident(string(k.id))
	if i == nil || i.Closed != nil {
		x.rt.Fatalf("the leak of %s opened no incident", k.id)
	}
	x.incidents = append(x.incidents, &mIncident{id: i.ID, account: k.device.account})
}

// incidentStep changes an incident; what is against it beside its end is the caller's to say.
func (x *machine) incidentStep(t attempt, against func(*mIncident) bool, do func(by authority.By, id gate.IncidentID, why string) error, then func(*mIncident)) {
	i := pick(x, "incident", x.incidents, func(i *mIncident) bool { return !i.closed })
	id, etag := gate.IncidentID("inc_none"), ""
	if i != nil {
		id, etag = i.id, tag(x.Directory().Incident(i.id))
	}
	a, why := x.actor(gate.HandleIncident, etag), x.why()
	t.by = a
	t.refused = append(t.refused, a.refusals(gate.HandleIncident)...)
	t.refused.when(i == nil, gate.NotFound)
	t.refused.when(i != nil && (i.closed || against != nil && against(i)), gate.Conflict)
	t.refused.when(why == "", gate.Invalid)
	t.do = func(by authority.By) error { return do(by, id, why) }
	t.commit = func() {
		if then != nil {
			then(i)
		}
	}
	x.try(t)
}

func (x *machine) noteIncident() {
	x.incidentStep(attempt{name: "NoteIncident"}, nil, func(by authority.By, id gate.IncidentID, why string) error {
		_, err := x.NoteIncident(by, id, why)
		return err
	}, nil)
}

func (x *machine) markIncident() {
	x.incidentStep(attempt{name: "MarkIncident"}, func(i *mIncident) bool { return i.marked }, func(by authority.By, id gate.IncidentID, why string) error {
		_, err := x.MarkIncident(by, id, why)
		return err
	}, func(i *mIncident) { i.marked = true })
}

func (x *machine) closeIncident() {
	t, outcome := attempt{name: "CloseIncident"}, sampled(x, "outcome", gate.IncidentOutcomes())
	if x.chance(20, "no outcome") {
		outcome = ""
		t.refused.when(true, gate.Invalid)
	}
	x.incidentStep(t, func(i *mIncident) bool { return i.appealed || i.planned || i.bars(x.now()) }, func(by authority.By, id gate.IncidentID, why string) error {
		_, err := x.CloseIncident(by, id, authority.IncidentEnd{Outcome: outcome, Why: why})
		return err
	}, func(i *mIncident) { i.closed = true })
}

// cause is the incident that something is imposed for, and mostly none.
func (x *machine) cause(account gate.AccountID, r *refusals) gate.IncidentID {
	if len(x.incidents) == 0 || !x.chance(3, "for an incident") {
		return ""
	}
	i := pick(x, "incident", x.incidents, func(i *mIncident) bool { return !i.closed && i.account == account })
	if i == nil {
		r.when(true, gate.NotFound)
		return "inc_none"
	}
	r.when(i.closed || i.account != account, gate.Conflict)
	return i.id
}

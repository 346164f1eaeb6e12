package authority

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// score is what evidence comes to at now: weights that fade.
func score(list []gate.Detection, now time.Time, p *abuse.Policy) (sum float64) {
	for i := range list {
		if e := &list[i]; !e.At.After(now) {
			sum += float64(e.Weight) * math.Exp2(-now.Sub(e.At).Hours()/p.HalfLife.Hours())
		}
	}
	return sum
}

// standingOf is where an account stands by what its incident holds: derived each time, so that a start or a person's act changes it at once.
func (a *Authority) standingOf(i *gate.Incident, now time.Time) abuse.Standing {
	p := abuse.DefaultPolicy()
	s := abuse.Standing{Score: score(i.Evidence, now, &p), At: now}
	for _, r := range a.dir.Remediations(i.Account) {
		switch {
		case r.Measure != gate.Throttle || r.By != gate.System || r.Policy == nil || a.undone(r):
			continue
		case !s.Last.IsZero() && r.From.Sub(s.Last) > p.Memory:
			s.Throttles = 0
		}
		s.Throttles++
		s.Last = latest(s.Last, r.From)
		if r.InForce(now) && r.Until != nil {
			s.Stage, s.Until = abuse.Throttled, *r.Until
		}
	}
	s.ToldAt = i.ToldAt()
	if s.Stage == abuse.Quiet && !s.ToldAt.IsZero() {
		s.Stage = abuse.Told
		if last := lastStep(i); calmed(i.Evidence, last, now, &p) { // what the customer was told of is over; it is told anew
			s.Stage, s.ToldAt = abuse.Quiet, time.Time{}
		} else if calmed(i.Evidence, s.ToldAt, now, &p) {
			s.ToldAt = last
		}
	}
	return s
}

// undone reports whether a throttle is not to be held against the account: it was imposed by mistake, or for what was judged to be in order.
func (a *Authority) undone(r *gate.Remediation) bool {
	if r.Lifted != nil && r.Lifted.Mistake {
		return true
	}
	return slices.ContainsFunc(a.dir.Incidents(r.Account), func(i *gate.Incident) bool {
		if !slices.Contains(i.Remediations, r.ID) {
			return false
		}
		judged := i.Closed != nil && (i.Closed.Outcome == gate.IncidentFalseAlarm || i.Closed.Outcome == gate.IncidentBenign)
		return judged || slices.ContainsFunc(i.Appeals, func(p gate.Appeal) bool { return p.Answer != nil && p.Answer.Granted })
	})
}

// lastStep is when the customer was last told.
func lastStep(i *gate.Incident) (at time.Time) {
	for n := range i.Steps {
		if i.Steps[n].Rung != gate.RungObserve {
			at = i.Steps[n].At
		}
	}
	return at
}

// calmed reports whether the score has fallen below calm since a time: just before evidence that came after it, or now.
func calmed(list []gate.Detection, since, now time.Time, p *abuse.Policy) bool {
	below := func(at time.Time) bool { return score(list, at, p) < p.Calm }
	for i := range list {
		if at := list[i].At; at.After(since) && below(at.Add(-time.Second)) {
			return true
		}
	}
	return below(now)
}

// climb goes up the ladder as far as what was found allows. No remediation is imposed without its notice.
func (t *taking) climb(tx *certstore.Tx, id gate.RemediationID) error {
	if len(t.acting) == 0 || len(t.incident.Steps) >= maxClimbs {
		return nil
	}
	policy := abuse.DefaultPolicy()
	next := policy.Next(t.before, t.now, t.acting)
	if credential, f := t.suspends(tx); f != nil {
		return t.impose(tx, &gate.Remediation{ID: id, Subject: credential, Measure: gate.Suspend}, f.Rule.String()+" cannot happen by accident")
	}
	if t.before.Stage == abuse.Quiet && next.Stage >= abuse.Told {
		if err := t.tell(tx, next.Score); err != nil {
			return err
		}
	}
	if t.before.Stage == abuse.Throttled || next.Stage != abuse.Throttled {
		return nil
	}
	r := &gate.Remediation{ID: id, Subject: t.throttled(), Measure: gate.Throttle, Until: new(next.Until.UTC().Truncate(time.Second))}
	if r.Limit = t.a.leastLimit(t.incident.Account, t.now); r.Limit == nil || t.limited(r.Subject) {
		return nil // there is nothing to say what is usual, or people have limited it already: the customer and staff are told, and it is theirs
	}
	return t.impose(tx, r, fmt.Sprintf("a notice alone: it was given, and a score of %.0f was reached", next.Score))
}

// maxClimbs is how many steps an incident takes by itself; what goes on after so many is for people.
const maxClimbs = 60

// suspends is the credential that a deterministic rule has proven to be abused and that is not suspended yet. Nothing else is suspended without people.
func (t *taking) suspends(tx *certstore.Tx) (gate.Subject, *abuse.Finding) {
	for i := range t.acting {
		f := &t.acting[i]
		if f.Step != abuse.Suspend || !f.Rule.Deterministic() || f.Credential == "" {
			continue
		}
		s, err := t.a.subjectFound(tx, f.Account, f)
		if err != nil || s.ID != f.Credential || t.stopped(s) {
			continue
		}
		return s, f
	}
	return gate.Subject{}, nil
}

// stopped reports whether a suspension of exactly this is in force.
func (t *taking) stopped(s gate.Subject) bool {
	return slices.ContainsFunc(t.a.dir.Remediations(t.incident.Account), func(r *gate.Remediation) bool {
		return r.Subject == s && r.Measure != gate.Throttle && r.InForce(t.now)
	})
}

// limited reports whether people have limited or stopped the subject, or the account that it belongs to.
func (t *taking) limited(s gate.Subject) bool {
	return slices.ContainsFunc(t.a.dir.Remediations(t.incident.Account), func(r *gate.Remediation) bool {
		return (r.Subject == s || r.Subject.Kind == gate.AccountSubject) && r.InForce(t.now)
	})
}

// throttled is the narrowest subject of a throttle: the one device that all evidence names that may be acted on, or the account.
func (t *taking) throttled() gate.Subject {
	account := gate.Subject{Kind: gate.AccountSubject, ID: string(t.incident.Account)}
	var one gate.Subject
	for i := range t.incident.Evidence {
		e := &t.incident.Evidence[i]
		if e.Observed != "" {
			continue
		}
		device := t.a.deviceOf(e.Subject)
		if device.ID == "" || one.ID != "" && one != device {
			return account
		}
		one = device
	}
	if one.ID == "" {
		return account
	}
	return one
}

// deviceOf is the device that a subject is, or belongs to.
func (a *Authority) deviceOf(s gate.Subject) gate.Subject {
	device := gate.DeviceID("")
	switch s.Kind {
	case gate.DeviceSubject:
		device = gate.DeviceID(s.ID)
	case gate.KeySubject:
		if k := a.dir.Key(gate.KeyID(s.ID)); k != nil {
			device = k.Device
		}
	case gate.CertificateSubject:
		if c := a.dir.Certificate(gate.CertificateID(s.ID)); c != nil {
			device = c.Device
		}
	case gate.AccountSubject, gate.OrganizationSubject:
	}
	return gate.Subject{Kind: gate.DeviceSubject, ID: string(device)}
}

// tell tells the customer, and staff, that usage is far from the usual.
func (t *taking) tell(tx *certstore.Tx, reached float64) error {
	policy := abuse.DefaultPolicy()
	data := t.data("told of unusual use")
	if slices.ContainsFunc(t.acting, func(f abuse.Finding) bool { return f.Step >= abuse.Limit }) {
		data.Due = t.now.Add(policy.Grace)
	}
	n, err := t.a.notify(tx, t.incident.Account, gate.IncidentOpenedNotice, data)
	if err != nil {
		return err
	}
	if err := t.tellStaff(tx, data); err != nil {
		return err
	}
	note := t.note(t.incident.Subject, "nothing is limited; to say nothing would leave the customer without the chance to mend it")
	note.Duration = "none: it is a notice"
	t.incident, err = t.incident.Climb(gate.Step{At: t.now, Rung: gate.RungNotify, By: gate.System, Policy: note, Notice: n.ID})
	t.event.Verb = gate.IncidentTold
	t.event.Detail += fmt.Sprintf("; the customer was told, at a score of %.0f", reached)
	return err
}

// impose throttles or suspends, with its notices, in the commit of the finding.
func (t *taking) impose(tx *certstore.Tx, r *gate.Remediation, instead string) error {
	r.Account, r.From, r.By = t.incident.Account, t.now, gate.System
	r.Why = fmt.Sprintf("Unusual use was found by certgate (%s); incident %s.", rulesOf(t.acting), t.incident.ID)
	note := t.note(r.Subject, instead)
	if r.Until != nil {
		note.Duration = "until " + r.Until.Format(time.RFC3339) + ", when it ends by itself; a granted appeal, or staff, end it sooner"
	} else {
		note.Duration = "until a person lifts it, or the credential is replaced"
	}
	r.Policy = &note
	_, name, err := t.a.subjectOf(tx, r.Subject)
	if err != nil {
		return err
	}
	data := suspensionData(r, name)
	data.Incident = t.incident.ID
	n, err := t.a.notify(tx, r.Account, gate.SuspensionNotice, data)
	if err != nil {
		return err
	}
	r.Notice = n.ID
	forStaff := t.data(data.Verb)
	forStaff.Name, forStaff.Noun, forStaff.Until = name, string(r.Subject.Kind), data.Until
	if err := t.tellStaff(tx, forStaff); err != nil {
		return err
	}
	certstore.Put(tx, r)
	if t.incident, err = t.incident.Impose(r); err != nil {
		return err
	}
	rung := gate.RungThrottle
	if r.Measure == gate.Suspend {
		rung = gate.RungSuspend
	}
	t.incident, err = t.incident.Climb(gate.Step{At: t.now, Rung: rung, By: gate.System, Policy: note, Notice: n.ID, Remediation: r.ID})
	t.event.Verb = gate.RemediationImposed
	t.event.Detail += fmt.Sprintf("; %s %s %s", r.Measure, r.Subject.Kind, name)
	return err
}

// note is why a step was taken.
func (t *taking) note(s gate.Subject, instead string) gate.PolicyNote {
	first, last := t.acting[0].From, t.acting[0].To
	for i := range t.acting {
		if f := &t.acting[i]; f.To.After(last) {
			last = f.To
		}
	}
	scope := fmt.Sprintf("%s %s and nothing else of the customer", s.Kind, s.ID)
	if s.Kind == gate.AccountSubject {
		scope = "the account: no single device shows it"
	}
	return gate.PolicyNote{
		Version: abuse.PolicyVersion,
		Risk: fmt.Sprintf("to the records behind the API: %s between %s and %s, with the numbers in the incident's evidence",
			rulesOf(t.acting), first.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339)),
		Scope: scope, Alternatives: instead,
	}
}

func (t *taking) data(verb string) notify.Data {
	return notify.Data{Noun: string(t.incident.Subject.Kind), Name: t.name, Verb: verb, Incident: t.incident.ID, From: t.now, Lines: evidenceLines(t.acting)}
}

// tellStaff tells those who handle incidents.
func (t *taking) tellStaff(tx *certstore.Tx, data notify.Data) error {
	data.Command = "certgate incident show " + string(t.incident.ID)
	_, err := t.a.notifyStaff(tx, gate.StaffIncidentNotice, t.a.incidentStaff(), data)
	return err
}

func (a *Authority) incidentStaff() []gate.Contact {
	return gate.StaffRecipients(a.dir.People(), gate.HandleIncident, a.now())
}

// tellOver tells the customer that what it was told of is over.
func (a *Authority) tellOver(tx *certstore.Tx, i *gate.Incident) error {
	_, name, err := a.subjectOf(tx, i.Subject)
	if err != nil {
		name = i.Subject.ID // it has gone since
	}
	_, err = a.notify(tx, i.Account, gate.IncidentOverNotice, notify.Data{Noun: string(i.Subject.Kind), Name: name, Incident: i.ID})
	return err
}

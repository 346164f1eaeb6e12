package authority

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// maxTakeErrors is how many accounts may fail before the rest waits: the store takes nothing then.
const maxTakeErrors = 5

// errNothingNew says that all of it is evidence already.
var errNothingNew = errors.New("nothing new was found")

// take does what findings ask for: one commit for each account, so that ten thousand at once hold nobody up. It returns what could not be taken.
func (a *Authority) take(now time.Time, found []abuse.Finding) (left []abuse.Finding, err error) {
	if len(found) == 0 {
		return nil, nil
	}
	book, errs := a.RuleBook(), []error(nil)
	failed := func(list []abuse.Finding, err error) {
		if err != nil && !errors.Is(err, errNothingNew) && !errors.Is(err, errKnown) && !errors.Is(err, gate.NotFound) {
			errs, left = append(errs, err), append(left, list...)
		}
	}
	accounts := make(map[gate.AccountID][]abuse.Finding)
	for i := range found {
		if f := &found[i]; f.Stranger {
			failed(found[i:i+1], a.tellOfStrangers(now, f))
		} else {
			accounts[f.Account] = append(accounts[f.Account], *f)
		}
	}
	failed(nil, a.tellOfHeld(now, found))
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		if len(errs) >= maxTakeErrors || a.closed.Load() {
			left = append(left, accounts[id]...)
			continue
		}
		failed(accounts[id], a.takeOf(now, id, accounts[id], book.For(id, a.planOf(id))))
	}
	return left, errors.Join(errs...)
}

// taking is what becomes of one account's findings, in one commit.
type taking struct {
	a        *Authority
	now      time.Time
	rules    RuleSet
	incident gate.Incident
	name     string // of the incident's subject, for people
	others   []*gate.Incident
	before   abuse.Standing
	acting   []abuse.Finding
	event    gate.Event
	fresh    bool // it has just been opened
}

// takeOf adds what was found of an account to its incident, opens one if there is none, and goes up the ladder as far as that allows.
func (a *Authority) takeOf(now time.Time, id gate.AccountID, found []abuse.Finding, rules RuleSet) error {
	incident, remediation := gate.IncidentID(a.newID(gate.IncidentPrefix)), gate.RemediationID(a.newID(gate.RemediationPrefix))
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		t := &taking{a: a, now: a.moment(), rules: rules}
		if err := t.open(tx, id, incident, found); err != nil {
			return gate.Event{}, err
		}
		t.before = a.standingOf(&t.incident, t.now)
		if err := t.find(tx, found); err != nil {
			return gate.Event{}, err
		}
		if err := t.climb(tx, remediation); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &t.incident)
		t.event.Account, t.event.Object = id, string(t.incident.ID)
		return t.event, nil
	})
	if err != nil {
		return fmt.Errorf("take what was found of %s at %s: %w", id, now.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// open finds the open incident that rules opened for the account, or begins one.
func (t *taking) open(tx *certstore.Tx, account gate.AccountID, id gate.IncidentID, found []abuse.Finding) error {
	for _, i := range t.a.dir.Incidents(account) {
		t.others = append(t.others, i)
		if i.Origin == gate.IncidentDetected && i.Closed == nil && i.Opened.By == gate.System {
			known, err := certstore.Get[gate.Incident](tx, string(i.ID))
			if err != nil {
				return err
			}
			t.incident = *known
		}
	}
	if t.incident.ID != "" {
		t.event = gate.Event{Verb: gate.IncidentExtended, Detail: rulesOf(found)}
		_, name, err := t.a.subjectOf(tx, t.incident.Subject)
		t.name = name
		return err
	}
	subject, err := t.a.subjectFound(tx, account, &found[0])
	if err != nil {
		return err
	}
	act := gate.Act{By: gate.System, At: t.now, Why: "rules found use that is far from the usual: " + rulesOf(found)}
	t.incident, t.name, err = t.a.beginIncident(tx, gate.Incident{ID: id, Subject: subject, Origin: gate.IncidentDetected}, act)
	t.event = gate.Event{Verb: gate.IncidentOpened, Detail: fmt.Sprintf("detected, %s %s: %s", subject.Kind, t.name, rulesOf(found))}
	t.fresh = true
	return err
}

// subjectFound is the narrowest thing that a finding names, as far as it is the account's and still there.
func (a *Authority) subjectFound(tx *certstore.Tx, account gate.AccountID, f *abuse.Finding) (gate.Subject, error) {
	var narrow []gate.Subject
	switch {
	case strings.HasPrefix(f.Credential, gate.KeyPrefix):
		narrow = append(narrow, gate.Subject{Kind: gate.KeySubject, ID: f.Credential})
	case strings.HasPrefix(f.Credential, gate.CertificatePrefix):
		narrow = append(narrow, gate.Subject{Kind: gate.CertificateSubject, ID: f.Credential})
	}
	if f.Device != "" {
		narrow = append(narrow, gate.Subject{Kind: gate.DeviceSubject, ID: string(f.Device)})
	}
	for _, s := range narrow {
		owner, _, err := a.subjectOf(tx, s)
		if err == nil && owner == account {
			return s, nil
		}
		if err != nil && !errors.Is(err, gate.NotFound) {
			return s, err
		}
	}
	s := gate.Subject{Kind: gate.AccountSubject, ID: string(account)}
	_, _, err := a.subjectOf(tx, s)
	return s, err
}

// find adds the evidence, and notes what of it may be acted on.
func (t *taking) find(tx *certstore.Tx, found []abuse.Finding) error {
	added := false
	for i := range found {
		f := &found[i]
		subject, err := t.a.subjectFound(tx, f.Account, f)
		if err != nil {
			return err
		}
		e := gate.Detection{At: t.now, Rule: f.Rule.String(), Subject: subject, From: f.From, To: f.To, Asks: f.Step.String(), Observed: t.observed(f, subject)}
		if t.rules.Version > 0 {
			e.Ruling = strconv.Itoa(t.rules.Version)
		}
		for _, n := range f.Evidence {
			e.Figures = append(e.Figures, gate.Figure{Name: n.Name, Seen: n.Seen, Limit: n.Limit})
		}
		if slices.ContainsFunc(t.incident.Evidence, func(k gate.Detection) bool {
			return k.Rule == e.Rule && k.Subject == e.Subject && k.To.Equal(e.To)
		}) {
			continue
		}
		if e.Observed == "" {
			e.Weight = int(f.Weight)
			t.acting = append(t.acting, *f)
		}
		if t.incident, err = t.incident.Find(e); err != nil {
			return err
		}
		added = true
	}
	if !added {
		return errNothingNew
	}
	return nil
}

// observed says why nothing may follow from a finding; empty: something may.
func (t *taking) observed(f *abuse.Finding, subject gate.Subject) string {
	switch {
	case f.Credential != "" && subject.ID == f.Credential && t.stopped(subject):
		return "the credential is suspended already"
	case f.Held:
		return "the rule met so many accounts at once that nothing follows from it"
	case f.Mode != abuse.Enforce || t.rules.Modes[f.Rule] != abuse.Enforce:
		return "the rule is only observed"
	}
	if why := t.incident.Stayed(t.now); why != "" {
		return why
	}
	for _, i := range t.others {
		if i.Exempts(f.Rule.String(), t.now) {
			return fmt.Sprintf("an appeal was granted in incident %s less than %d days ago", i.ID, gate.ExemptDays)
		}
	}
	return ""
}

// rulesOf names the rules of findings, each once.
func rulesOf(found []abuse.Finding) string {
	var names []string
	for i := range found {
		if name := found[i].Rule.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// maxEvidenceLines is how many findings a notice names: nobody reads more, and a notice takes only so much.
const maxEvidenceLines = 20

// evidenceLines are findings for people, one line each.
func evidenceLines(found []abuse.Finding) string {
	var lines []string
	for i := range found {
		f := &found[i]
		if i == maxEvidenceLines {
			lines = append(lines, fmt.Sprintf("and %d more", len(found)-i))
			break
		}
		var figures []string
		for _, n := range f.Evidence {
			figures = append(figures, fmt.Sprintf("%s %s (threshold %s)", n.Name, strconv.FormatFloat(n.Seen, 'f', -1, 64), strconv.FormatFloat(n.Limit, 'f', -1, 64)))
		}
		lines = append(lines, fmt.Sprintf("%s until %s: %s", f.Rule, f.To.UTC().Format("2 January 2006, 15:04 UTC"), strings.Join(figures, ", ")))
	}
	return strings.Join(lines, "\n")
}

// fadeIncidents closes what rules have opened and nobody has dealt with, once it has faded and nothing is in force for it.
func (a *Authority) fadeIncidents(now time.Time) error {
	var errs []error
	for _, i := range a.dir.Incidents("") {
		if a.fades(i, now) {
			if err := a.fadeIncident(i.ID); err != nil && !errors.Is(err, errKnown) {
				errs = append(errs, fmt.Errorf("close incident %s: %w", i.ID, err))
			}
		}
		if len(errs) >= maxTakeErrors {
			break
		}
	}
	return errors.Join(errs...)
}

// fades reports whether an incident is over by itself.
func (a *Authority) fades(i *gate.Incident, now time.Time) bool {
	if i.Origin != gate.IncidentDetected || i.Closed != nil || i.Touched() {
		return false
	}
	policy := abuse.DefaultPolicy()
	last := i.Opened.At
	for n := range i.Evidence {
		last = latest(last, i.Evidence[n].At)
	}
	for _, id := range i.Remediations {
		if r := a.dir.Remediation(id); r != nil && r.InForce(now) {
			return false
		}
	}
	return now.Sub(last) >= policy.HalfLife && score(i.Evidence, now, &policy) < policy.Calm
}

func latest(a, b time.Time) time.Time {
	if cmp.Compare(a.UnixNano(), b.UnixNano()) < 0 {
		return b
	}
	return a
}

func (a *Authority) fadeIncident(id gate.IncidentID) error {
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		i, err := certstore.Get[gate.Incident](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		if !a.fades(i, a.moment()) {
			return gate.Event{}, errKnown
		}
		const why = "nothing more was found, and nobody has dealt with it"
		out, err := i.Close(gate.IncidentClosing{Act: gate.Act{By: gate.System, At: a.moment(), Why: why}, Outcome: gate.IncidentFaded})
		if err != nil {
			return gate.Event{}, err
		}
		if !i.ToldAt().IsZero() {
			if err := a.tellOver(tx, i); err != nil {
				return gate.Event{}, err
			}
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.IncidentClosed, Account: out.Account, Object: string(out.ID), Why: why, Detail: string(gate.IncidentFaded)}, nil
	})
	if err != nil {
		return err
	}
	a.log.Info("an incident has faded", zap.String("incident", string(id)))
	return nil
}

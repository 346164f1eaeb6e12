package authority

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// TrialQuestion asks what rules would have found, and what would have followed, had they been enforced.
type TrialQuestion struct {
	From, To time.Time      // whole hours; To is not in it
	Account  gate.AccountID // only what is found of it is told; empty: all. All are judged, because rules look at what everybody does at once
	// Rules are those that are tried; empty: all that are not off.
	Rules []abuse.Rule
	// Thresholds is a JSON object as abuse.ParsePatch reads it, laid over those in force for each account; empty: those in force.
	Thresholds []byte
}

const (
	// MaxTrialAccounts is how many accounts a trial names.
	MaxTrialAccounts = 1000
	// MaxTrialSpans is how many throttles of each it names.
	MaxTrialSpans = 20
	// trialWarmUp is how much is read before From, so that it is known what is usual: as long as a detector remembers.
	trialWarmUp = 97 * 24 * time.Hour
	// longestHole is the longest time without a window over which a detector goes on.
	longestHole = 31 * 24 * time.Hour
)

// TestRules replays what was recorded through the same code that judges live, with a clock that moves with it. It changes nothing. One runs at a
// time, on one core, and ends when ctx does.
func (a *Authority) TestRules(ctx context.Context, q *TrialQuestion) (*Trial, error) {
	if !a.trying.TryLock() {
		return nil, gate.Errorf(gate.Conflict, "rules are being tested by somebody else; it takes up to a few minutes, and one test runs at a time: try again then")
	}
	defer a.trying.Unlock()
	t, err := a.newTrial(q)
	if err != nil {
		return nil, err
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	return t.answer(), nil
}

// trial is one in the making.
type trial struct {
	a        *Authority
	q        *TrialQuestion
	out      *Trial
	book     *RuleBook
	patch    abuse.Patch
	policy   abuse.Policy
	detector *abuse.Detector
	zones    map[string]*time.Location // one for each name, which the detector compares
	met      map[gate.AccountID]*RuleSet
	sets     map[RuleSet]*RuleSet // one of each
	found    map[gate.AccountID]*suspect
	last     time.Time  // the beginning of the window that was told last
	told     []*suspect // those of found whose standing is above Quiet
}

// suspect is an account of which something was found.
type suspect struct {
	out      TrialAccount
	standing abuse.Standing
	rising   bool // it is in trial.told
}

func (a *Authority) newTrial(q *TrialQuestion) (*trial, error) {
	t := &trial{a: a, q: q, out: &Trial{From: q.From.UTC(), To: q.To.UTC()}, book: a.RuleBook(), policy: abuse.DefaultPolicy(),
		zones: make(map[string]*time.Location), met: make(map[gate.AccountID]*RuleSet), sets: make(map[RuleSet]*RuleSet), found: make(map[gate.AccountID]*suspect)}
	if err := t.check(a.now()); err != nil {
		return nil, err
	}
	if len(q.Thresholds) > 0 {
		var err error
		if t.patch, err = abuse.ParsePatch(q.Thresholds); err != nil {
			return nil, err
		}
	}
	base, err := t.tried(t.book.all)
	if err != nil {
		return nil, err
	}
	if t.detector, err = abuse.New(base.Thresholds, base.Modes); err != nil {
		return nil, err
	}
	return t, t.recorded()
}

// check refuses a question that has no answer.
func (t *trial) check(now time.Time) error {
	q := t.q
	for _, r := range q.Rules {
		if r.Deterministic() {
			return gate.FieldErrorf("rules", "%s counts what is refused as it happens, and nothing of that is recorded; only rules that compare can be tested", r)
		}
	}
	switch {
	case q.From.Truncate(time.Hour) != q.From || q.To.Truncate(time.Hour) != q.To:
		return gate.FieldErrorf("from", "%s to %s: must be days, or whole hours", q.From.UTC().Format(time.RFC3339), q.To.UTC().Format(time.RFC3339))
	case !q.From.Before(q.To):
		return gate.FieldErrorf("to", "%s is not after from, %s; what begins at to is not in it", q.To.UTC().Format(time.RFC3339), q.From.UTC().Format(time.RFC3339))
	case q.To.After(now):
		return gate.FieldErrorf("to", "%s is still to come; now is %s", q.To.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case q.To.Sub(q.From) > usage.WindowsKept:
		return gate.FieldErrorf("from", "lies %d days before to; hours are kept for %d days", int(q.To.Sub(q.From).Hours()/24), int(usage.WindowsKept.Hours()/24))
	}
	return nil
}

// errFound ends the reading of windows early.
var errFound = errors.New("found")

// first is the beginning of the first recorded window at from or later and before to, of a kind or any; zero if there is none.
func (t *trial) first(from, to time.Time, quick bool) (at time.Time, err error) {
	err = t.a.usage.Windows(from, to, func(w *usage.Window) error {
		if quick && !w.Quick {
			return nil
		}
		at = w.Start
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return at, err
}

// recorded finds out what there is to read.
func (t *trial) recorded() error {
	at, err := t.first(t.q.From, t.q.To, false)
	if err != nil {
		return fmt.Errorf("look for what was recorded: %w", err)
	}
	if at.IsZero() {
		first, err := t.first(time.Unix(0, 0), t.a.now(), false)
		switch {
		case err != nil:
			return fmt.Errorf("look for what was recorded: %w", err)
		case first.IsZero():
			return gate.FieldErrorf("from", "nothing is recorded yet; the first hour is, a few minutes after its end")
		}
		return gate.FieldErrorf("from", "nothing is recorded from %s to %s; the first window begins at %s", t.out.From.Format(time.RFC3339), t.out.To.Format(time.RFC3339), first.Format(time.RFC3339))
	}
	if t.out.Since, err = t.first(t.q.From.Add(-trialWarmUp), t.q.To, false); err != nil {
		return fmt.Errorf("look for what was recorded: %w", err)
	}
	from := t.a.now().Add(-usage.QuickWindowsKept - 48*time.Hour) // none is older, but for what is about to be removed
	if from.Before(t.out.Since) {
		from = t.out.Since
	}
	if t.out.QuartersSince, err = t.first(from, t.q.To, true); err != nil {
		return fmt.Errorf("look for what was recorded: %w", err)
	}
	return nil
}

// tried are rules as they are tried: with other thresholds, and enforced.
func (t *trial) tried(s RuleSet) (RuleSet, error) {
	next, err := s.Thresholds.With(t.patch.Values)
	if err == nil {
		err = next.Check()
	}
	if err != nil {
		return s, gate.InField("thresholds", err)
	}
	s.Thresholds = next
	for _, rule := range abuse.Rules() {
		switch {
		case len(t.q.Rules) == 0 && s.Modes[rule] != abuse.Off || slices.Contains(t.q.Rules, rule):
			s.Modes[rule] = abuse.Enforce
		case len(t.q.Rules) > 0:
			s.Modes[rule] = abuse.Observe // others build on what it sees
		}
	}
	return s, nil
}

// run has all windows judged.
func (t *trial) run(ctx context.Context) error {
	err := t.a.Recorded(t.out.Since, t.q.To, func(w abuse.Recorded) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return t.judge(&w)
	})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("whoever asked has gone: %w", ctx.Err())
	case errors.Is(err, ErrUnavailable) || errors.Is(err, errTrial):
		return err
	case err != nil:
		t.out.Unreadable = err.Error()
	}
	return nil
}

// errTrial is an error of the trial itself, and not of a window.
var errTrial = errors.New("test rules")

// judge tells the detector of a window, and the policy of what it finds.
func (t *trial) judge(w *abuse.Recorded) error {
	for i := range w.Rows {
		if id := w.Rows[i].Account; t.met[id] == nil {
			if err := t.meet(id); err != nil {
				return fmt.Errorf("%w: %w", errTrial, err)
			}
		}
	}
	if !t.last.IsZero() && w.At.Sub(t.last) > longestHole {
		t.detector.Resume(w.At.Truncate(time.Hour)) // what is usual is learned anew, as it was then
	}
	t.last = w.At
	length, tell := time.Hour, t.detector.Hour
	if w.Quick {
		length, tell = quarterLong, t.detector.Quarter
	}
	findings, err := tell(w.At, w.Rows)
	if _, some := errors.AsType[*abuse.RowsError](err); err != nil && !some {
		t.out.Skipped++
		return nil
	}
	if w.At.Before(t.q.From) {
		return nil
	}
	t.out.Windows++
	t.follow(w.At.Add(length), findings)
	return nil
}

// meet tells the detector of an account.
func (t *trial) meet(id gate.AccountID) error {
	now := t.book.For(id, t.a.planOf(id))
	tried, err := t.tried(now)
	if err != nil {
		return err
	}
	t.met[id] = t.one(now)
	p := t.a.trialProfile(id, t.zones)
	shared := t.one(tried)
	p.Thresholds, p.Modes = &shared.Thresholds, &shared.Modes
	return t.detector.Set(id, p)
}

// one is the only copy of a rule set: what thousands of accounts share is near when it is asked for.
func (t *trial) one(s RuleSet) *RuleSet {
	if t.sets[s] == nil {
		t.sets[s] = &s
	}
	return t.sets[s]
}

// follow does what findings ask for, and lets time pass for those who stand above quiet.
func (t *trial) follow(now time.Time, findings []abuse.Finding) {
	for len(findings) > 0 {
		n := 1
		for n < len(findings) && findings[n].Account == findings[0].Account {
			n++
		}
		t.find(now, findings[:n])
		findings = findings[n:]
	}
	t.told = slices.DeleteFunc(t.told, func(s *suspect) bool {
		if !s.standing.At.Equal(now) {
			t.step(s, now, nil)
		}
		s.rising = s.standing.Stage != abuse.Quiet
		return !s.rising
	})
}

// find notes what was found of an account.
func (t *trial) find(now time.Time, findings []abuse.Finding) {
	id := findings[0].Account
	findings = slices.DeleteFunc(slices.Clone(findings), func(f abuse.Finding) bool { return f.Mode != abuse.Enforce })
	if len(findings) == 0 || t.q.Account != "" && t.q.Account != id {
		return
	}
	s := t.found[id]
	if s == nil {
		s = &suspect{out: TrialAccount{Account: id, Spans: []TrialSpan{}, Imposed: []TrialImposed{}}}
		t.found[id] = s
	}
	for i := range findings {
		s.hit(&findings[i], t.met[id])
	}
	t.step(s, now, findings)
	if s.standing.Stage != abuse.Quiet && !s.rising {
		s.rising = true
		t.told = append(t.told, s)
	}
}

func (s *suspect) hit(f *abuse.Finding, rules *RuleSet) {
	i, known := slices.BinarySearchFunc(s.out.Hits, f.Rule, func(h TrialHit, r abuse.Rule) int { return cmp.Compare(h.Rule, r) })
	if !known {
		s.out.Hits = slices.Insert(s.out.Hits, i, TrialHit{Rule: f.Rule, Mode: rules.Modes[f.Rule], First: f.To})
	}
	h := &s.out.Hits[i]
	h.Last = f.To
	h.Findings++
	if f.Held {
		h.Held++
	}
}

// step is one step of the ladder.
func (t *trial) step(s *suspect, now time.Time, findings []abuse.Finding) {
	was := s.standing
	s.standing = t.policy.Next(was, now, findings)
	is := &s.standing
	if was.Stage == abuse.Quiet && is.Stage > abuse.Quiet {
		if s.out.Told++; s.out.Told == 1 {
			s.out.ToldAt = now
		}
	}
	if is.Stage == abuse.Throttled && is.Throttles > 0 && is.Last.Equal(now) && (was.Stage != abuse.Throttled || !was.Last.Equal(now)) {
		s.out.Count++
		until := is.Until
		if until.After(t.q.To) {
			until = t.q.To
		}
		s.out.Seconds += int64(max(0, until.Sub(now)) / time.Second)
		if len(s.out.Spans) < MaxTrialSpans {
			s.out.Spans = append(s.out.Spans, TrialSpan{now, is.Until})
		}
	}
}

package abuse

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/onerecord/certgate/gate"
)

// Threshold is one number of the thresholds, with what it means.
type Threshold struct {
	// Name is its group and its name in JSON, such as volume_spike.ratio.
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Least float64 `json:"least"` // and most: what it may be
	Most  float64 `json:"most"`
	// Unit is what it counts, such as "calls in an hour".
	Unit    string `json:"unit"`
	Meaning string `json:"meaning"`
}

// meaning is what a threshold is about. Rules without any are all.
type meaning struct {
	rules         []Rule
	unit, meaning string
}

// guarded are the meanings of a guard.
func guarded(group string, r Rule, what string) map[string]meaning {
	rule := []Rule{r}
	return map[string]meaning{
		group + ".floor": {rule, what + " in an hour", "fewer are nobody's business; of a quarter of an hour a quarter is asked for"},
		group + ".ratio": {rule, "times", "more than this many times the usual of this hour of the week, plus one"},
		group + ".z":     {rule, "scales", "farther above the usual than this many of the account's own scales, on the cube-root scale"},
		group + ".joint": {rule, "scales", "and the run of hours or quarters as a whole lies farther above the usual than this many"},
		group + ".near":  {rule, "times", "more than this many times the highest usual of this hour and the two beside it: jobs start late"},
	}
}

// meanings say what each threshold is about: the one table, of commands, documents and errors.
var meanings = func() map[string]meaning {
	all := map[string]meaning{"cooldown_hours": {nil, "hours", "after a finding the same rule says nothing more of the same account for so long"}}
	maps.Copy(all, guarded("patient_scraping", Scraping, "distinct patients"))
	maps.Copy(all, guarded("first_seen_patients", FirstSeen, "patients that the account never asked about"))
	maps.Copy(all, guarded("volume_spike", Spike, "calls"))
	for group, list := range map[string]struct {
		rule  Rule
		names map[string][2]string
	}{
		"first_seen_patients": {FirstSeen, map[string][2]string{
			"day":         {"patients in 24 hours", "fewer first-seen patients in a day are nobody's business, where single hours are not"},
			"day_ratio":   {"times", "more than this many times a busy day of the last four weeks"},
			"share":       {"share of patients", "from this share of first-seen patients on an hour counts that has fewer than the floor"},
			"share_floor": {"patients in an hour", "fewer first-seen patients are nobody's business, whatever their share"},
		}},
		"sequential_enumeration": {Enumeration, map[string][2]string{
			"near":     {"share of steps", "of the steps between numeric identifiers, this share is of three at most"},
			"distinct": {"identifiers of the last 50", "fewer distinct ones show nothing"},
			"run":      {"identifiers", "or so many in a row that only rise, or only fall"},
			"missing":  {"share of calls", "and more than this share is not there or not allowed (403, 404), by Wilson's lower bound"},
			"ratio":    {"times", "and more than this many times the usual calls"},
		}},
		"probing": {Probing, map[string][2]string{
			"share":   {"share of calls", "more than this share of a quarter of an hour is answered 403 or 404, by Wilson's lower bound"},
			"calls":   {"calls in a quarter of an hour", "fewer show nothing"},
			"ratio":   {"times", "and there are more than this many times the usual calls"},
			"z":       {"scales", "and they lie farther above the usual than this many of the account's own scales"},
			"targets": {"distinct targets", "fewer are one broken link, asked for again and again"},
		}},
		"scope_probing": {ScopeProbe, map[string][2]string{
			"kinds": {"kinds of resources in 24 hours", "so many are refused with 403 that were not in the four weeks before"},
		}},
		"slow_drift": {SlowDrift, map[string][2]string{
			"factor": {"times", "the lasting rise that is looked for"},
			"sum":    {"log-likelihood", "how sure it must be that there is one; an hour adds 4 at most"},
			"ratio":  {"times", "and the whole rise is so many times the usual"},
			"excess": {"calls", "and so many above the usual"},
		}},
		"credential_sharing": {Sharing, map[string][2]string{
			"networks": {"networks in an hour", "more than this, and than the account is used to"},
			"prints":   {"TLS fingerprints in an hour", "more than this, and than the account is used to; where none are counted twice the networks are asked for"},
			"together": {"networks in ten minutes", "fewer have moved, and are not shared"},
		}},
		"after_hours": {AfterHours, map[string][2]string{
			"calls": {"calls in 24 hours", "fewer in quiet hours are nobody's business"},
			"quiet": {"share of the week's highest hour", "an hour is quiet if its usual is below this"},
			"share": {"share of calls in 24 hours", "more than this falls into quiet hours"},
			"z":     {"scales", "farther above the usual of this hour than this many of the account's own scales"},
		}},
		"export_abuse": {ExportAbuse, map[string][2]string{
			"day":      {"exports in 24 hours", "more are too many, where the contract says nothing"},
			"restarts": {"exports in 24 hours", "more are begun again of what was exported within a day"},
		}},
		"limit_camping": {Camping, map[string][2]string{
			"share":           {"share of calls", "so much of each hour is answered 429"},
			"hours":           {"hours in a row", "for so long"},
			"calls_each_hour": {"calls in an hour", "and so many of each are answered 429"},
		}},
	} {
		for name, text := range list.names {
			all[group+"."+name] = meaning{[]Rule{list.rule}, text[0], text[1]}
		}
	}
	maps.Copy(all, signaled())
	return all
}()

// signaled are the meanings of what deterministic rules count.
func signaled() map[string]meaning {
	return map[string]meaning{
		"signals.dead":             {[]Rule{DeadCredential}, "uses in ten minutes", "so many of a revoked or expired credential; one from a network where it never was is enough"},
		"signals.dead_hour":        {[]Rule{DeadCredential}, "uses in an hour", "from so many on it is somebody's case"},
		"signals.foreign_hour":     {[]Rule{ForeignKey}, "calls in an hour", "so many of a certificate come with keys of others"},
		"signals.foreign_keys":     {[]Rule{ForeignKey}, "keys in 24 hours", "so many different ones; one is a mistake in a configuration"},
		"signals.foreign_accounts": {[]Rule{ForeignKey}, "customers in 24 hours", "keys of so many others: then it is theft"},
		"signals.purpose":          {[]Rule{WrongPurpose}, "calls in an hour", "so many for a purpose that the contract does not grant"},
		"signals.guesses":          {[]Rule{Guessing}, "keys in an hour", "more that nobody has, from one source"},
		"signals.pollution":        {[]Rule{Pollution}, "calls", "so many with one identifier in two places and two values"},
	}
}

// Describe lists all thresholds in the order of their names, each with what it means.
func (t *Thresholds) Describe() []Threshold {
	bounds := t.bounds()
	list := make([]Threshold, len(bounds))
	for i, b := range bounds {
		m := meanings[b.name]
		list[i] = Threshold{Name: b.name, Value: b.value, Least: b.least, Most: b.most, Unit: m.unit, Meaning: m.meaning}
	}
	slices.SortFunc(list, func(a, b Threshold) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Of reports whether the threshold is one of a rule.
func (t *Threshold) Of(r Rule) bool {
	m, known := meanings[t.Name]
	return known && (m.rules == nil || slices.Contains(m.rules, r))
}

// Values are all thresholds by their names.
func (t *Thresholds) Values() map[string]float64 {
	bounds := t.bounds()
	all := make(map[string]float64, len(bounds))
	for _, b := range bounds {
		all[b.name] = b.value
	}
	return all
}

// With are the thresholds with some of them set to other values, by their names. Names that are not known, and fractions of what is counted whole, are
// errors; what the values come to is for [Thresholds.Check].
func (t Thresholds) With(values map[string]float64) (Thresholds, error) {
	if len(values) == 0 {
		return t, nil
	}
	tree := make(map[string]any, len(values))
	for name, value := range values {
		if _, known := meanings[name]; !known || math.IsNaN(value) || math.IsInf(value, 0) {
			return t, gate.FieldErrorf(gate.Clip(name, 60), "%v: is not a threshold", value)
		}
		group, field, nested := strings.Cut(name, ".")
		if !nested {
			tree[group] = value
			continue
		}
		below, _ := tree[group].(map[string]any)
		if below == nil {
			below = make(map[string]any)
			tree[group] = below
		}
		below[field] = value
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return t, fmt.Errorf("write thresholds: %w", err)
	}
	next := t
	if err := json.Unmarshal(text, &next); err != nil {
		return t, gate.Errorf(gate.Invalid, "thresholds: %v", err)
	}
	return next, nil
}

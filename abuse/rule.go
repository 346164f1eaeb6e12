package abuse

import (
	"fmt"
	"strings"

	"github.com/onerecord/certgate/gate"
)

// Rule names one way in which a customer's access can be abused.
type Rule int

// The rules, a closed list. The first are statistical: they compare an account with itself. The others are deterministic: what they count
// should never happen at all.
const (
	Scraping    Rule = iota // more distinct patients than this account ever asks about
	FirstSeen               // patients that this account never asked about before
	Enumeration             // identifiers tried one after another
	Probing                 // a share of calls for what is not there or not allowed
	ScopeProbe              // kinds of resources tried that are not granted
	Spike                   // several times the usual calls
	SlowDrift               // a lasting rise that no single hour shows
	Sharing                 // a credential used from several places at once
	AfterHours              // busy when it never is
	ExportAbuse             // more bulk exports than agreed, or the same again and again
	Camping                 // a client that calls on against its limit

	DeadCredential // a revoked or expired credential is still used
	ForeignKey     // a certificate came with another device's key
	WrongPurpose   // a purpose of use that the contract does not grant
	Guessing       // keys that nobody has, tried from one place
	Pollution      // one identifier in two places of a request, with two values

	ruleCount
)

//nolint:gosec // G101: names of rules, not credentials
var ruleNames = [ruleCount]string{
	Scraping: "patient-scraping", FirstSeen: "first-seen-patients", Enumeration: "sequential-enumeration", Probing: "probing",
	ScopeProbe: "scope-probing", Spike: "volume-spike", SlowDrift: "slow-drift", Sharing: "credential-sharing", AfterHours: "after-hours",
	ExportAbuse: "export-abuse", Camping: "limit-camping",
	DeadCredential: "dead-credential", ForeignKey: "foreign-key", WrongPurpose: "wrong-purpose", Guessing: "key-guessing",
	Pollution: "parameter-pollution",
}

// String returns the rule's name.
func (r Rule) String() string {
	if r < 0 || r >= ruleCount {
		return fmt.Sprintf("Rule(%d)", int(r))
	}
	return ruleNames[r]
}

// Rules lists them all.
func Rules() []Rule {
	all := make([]Rule, ruleCount)
	for i := range all {
		all[i] = Rule(i)
	}
	return all
}

// Deterministic reports whether the rule counts what should never happen. Only such a rule may ask that a credential be suspended.
func (r Rule) Deterministic() bool { return r >= DeadCredential }

// ParseRule finds a rule by its name.
func ParseRule(name string) (Rule, error) {
	for i, n := range ruleNames {
		if n == name {
			return Rule(i), nil
		}
	}
	return 0, gate.FieldErrorf("rule", "%q is not a rule; there are %s", gate.Clip(name, 40), wordList(ruleNames[:]))
}

// MarshalText implements encoding.TextMarshaler.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Rule) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRule(string(text))
	return err
}

// Mode is what is done about a rule's findings. The zero value watches and does nothing.
type Mode int

// The modes.
const (
	Observe Mode = iota // findings are kept and nothing follows
	Enforce             // what a finding asks for may be done
	Off                 // the rule is not asked
)

var modeNames = [...]string{Observe: "observe", Enforce: "enforce", Off: "off"}

// String returns the mode's name.
func (m Mode) String() string { return modeNames[m] }

// ParseMode finds a mode by its name.
func ParseMode(name string) (Mode, error) {
	for i, n := range modeNames {
		if n == name {
			return Mode(i), nil
		}
	}
	return Observe, gate.FieldErrorf("mode", "%q is not a mode; there are off, observe and enforce", gate.Clip(name, 40))
}

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMode(string(text))
	return err
}

// Modes are those of all rules; the zero value observes everything.
type Modes [ruleCount]Mode

// Enforced are the modes in which every rule is enforced.
func Enforced() (m Modes) {
	for i := range m {
		m[i] = Enforce
	}
	return m
}

// Step is what a finding asks for, from the mildest on.
type Step int

// The steps.
const (
	Weigh   Step = iota // counts toward the score of the account and is told to nobody
	Notify              // tell the customer and staff
	Limit               // a throttle, after the notice
	Suspend             // of the one credential that the evidence names
)

var stepNames = [...]string{Weigh: "weigh", Notify: "notify", Limit: "throttle", Suspend: "suspend"}

// String returns the step's name.
func (s Step) String() string { return stepNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Step) UnmarshalText(text []byte) error {
	for i, n := range stepNames {
		if n == string(text) {
			*s = Step(i)
			return nil
		}
	}
	return gate.FieldErrorf("step", "%q is not a step; there are %s", gate.Clip(string(text), 40), wordList(stepNames[:]))
}

// wordList is "a, b and c".
func wordList(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// character is what a rule's finding weighs and the most that it may ask for.
type character struct {
	weight float64
	most   Step
}

// characters say for each rule how much it counts (a customer is told from 60 on) and how far it may go. Drift, newcomers, scopes and
// camping are told only: what they see unfolds over a day, and there is time for a person. After-hours work alone proves nothing.
var characters = [ruleCount]character{
	Scraping: {60, Limit}, FirstSeen: {60, Notify}, Enumeration: {100, Limit}, Probing: {60, Limit}, ScopeProbe: {60, Notify},
	Spike: {60, Limit}, SlowDrift: {60, Notify}, Sharing: {60, Limit}, AfterHours: {20, Weigh}, ExportAbuse: {60, Limit},
	Camping:        {60, Notify},
	DeadCredential: {60, Notify}, ForeignKey: {100, Suspend}, WrongPurpose: {60, Notify}, Guessing: {60, Notify}, Pollution: {100, Suspend},
}

// Weight is what a finding of the rule adds to the score of its account.
func (r Rule) Weight() float64 { return characters[r].weight }

// Most is the most that a finding of the rule may ask for.
func (r Rule) Most() Step { return characters[r].most }

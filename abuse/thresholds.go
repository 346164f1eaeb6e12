package abuse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/onerecord/certgate/gate"
)

// Guard are the conditions of a rule that compares with what is usual. All must hold at once in two of three of a
// run of hours or quarters, and the run must lie far enough above the usual as a whole.
type Guard struct {
	Floor float64 `json:"floor"` // least value of an hour that is anybody's business; 1 to 1,000,000
	Ratio float64 `json:"ratio"` // times the median of this hour of the week, plus one; 1.2 to 100
	Z     float64 `json:"z"`     // scales above the median, on the cube-root scale; 1 to 50
	Near  float64 `json:"near"`  // times the highest median of this hour and its neighbors; 1 to 100
	Joint float64 `json:"joint"` // scales above the median that the windows must lie together; 1 to 50
}

// Thresholds are the numbers of all rules. Each rule's are described where they are used, in the file named after it.
type Thresholds struct {
	Scraping    ScrapingThresholds    `json:"patient_scraping"`
	FirstSeen   FirstSeenThresholds   `json:"first_seen_patients"`
	Enumeration EnumerationThresholds `json:"sequential_enumeration"`
	Probing     ProbingThresholds     `json:"probing"`
	ScopeProbe  ScopeThresholds       `json:"scope_probing"`
	Spike       Guard                 `json:"volume_spike"`
	SlowDrift   DriftThresholds       `json:"slow_drift"`
	Sharing     SharingThresholds     `json:"credential_sharing"`
	AfterHours  AfterHoursThresholds  `json:"after_hours"`
	ExportAbuse ExportThresholds      `json:"export_abuse"`
	Camping     CampingThresholds     `json:"limit_camping"`
	Signals     SignalThresholds      `json:"signals"`
	// Cooldown is how many hours after a finding the same rule says nothing more of the same account; 1 to 168.
	Cooldown int64 `json:"cooldown_hours"`
}

// Defaults are the thresholds that bench/abuse reports on. They were tuned on its seeds 1 to 50.
func Defaults() Thresholds {
	return Thresholds{
		Scraping:    ScrapingThresholds{Guard: Guard{Floor: 100, Ratio: 2.5, Z: 2, Near: 2, Joint: 4.75}},
		FirstSeen:   FirstSeenThresholds{Guard: Guard{Floor: 40, Ratio: 3, Z: 2.5, Near: 2, Joint: 6}, Day: 200, DayRatio: 2.75, Share: 0.6, ShareFloor: 20},
		Enumeration: EnumerationThresholds{Near: 0.6, Distinct: 30, Run: 25, Missing: 0.05, Ratio: 1.5},
		Probing:     ProbingThresholds{Share: 0.25, Calls: 40, Targets: 15, Ratio: 2.5, Z: 2.5},
		ScopeProbe:  ScopeThresholds{Kinds: 6},
		Spike:       Guard{Floor: 100, Ratio: 2.5, Z: 2, Near: 2, Joint: 4.75},
		SlowDrift:   DriftThresholds{Factor: 2, Sum: 10.5, Ratio: 1.7, Excess: 300},
		Sharing:     SharingThresholds{Networks: 3, Prints: 2, Together: 3},
		AfterHours:  AfterHoursThresholds{Calls: 200, Quiet: 0.05, Share: 0.5, Z: 3.5},
		ExportAbuse: ExportThresholds{Day: 4, Restarts: 3},
		Camping:     CampingThresholds{Share: 0.2, Hours: 6, Calls: 60},
		Signals: SignalThresholds{
			Dead: 10, DeadHour: 100, ForeignHour: 20, ForeignKeys: 2, ForeignAccounts: 3, Purpose: 10, Guesses: 5, Pollution: 1,
		},
		Cooldown: 6,
	}
}

// ParseThresholds reads thresholds from JSON. What is not given keeps its default; what is not known is refused.
func ParseThresholds(text []byte) (Thresholds, error) {
	t := Defaults()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Defaults(), gate.Errorf(gate.Invalid, "thresholds: %v; they are an object of rules, each with its numbers", err)
	}
	if d.More() {
		return Defaults(), gate.Errorf(gate.Invalid, "thresholds: one object is expected, and more follows it")
	}
	if err := t.Check(); err != nil {
		return Defaults(), err
	}
	return t, nil
}

// bound is one threshold and what it may be.
type bound struct {
	name        string
	value       float64
	least, most float64
}

// Check reports every threshold that is no number, that would let its rule always or never fire, or that contradicts another.
func (t *Thresholds) Check() error {
	var faults gate.Faults
	for _, b := range t.bounds() {
		if math.IsNaN(b.value) || b.value < b.least || b.value > b.most {
			faults = append(faults, &gate.Error{Kind: gate.Invalid, Field: b.name, Text: fmt.Sprintf(
				"is %v, and must be from %v to %v: below, the rule fires on ordinary traffic; above, it never fires", b.value, b.least, b.most)})
		}
	}
	for _, c := range t.contradictions() {
		if c.wrong {
			faults = append(faults, &gate.Error{Kind: gate.Invalid, Field: c.name, Text: c.text})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// contradiction is a pair of thresholds, each possible, that cannot both be meant.
type contradiction struct {
	name, text string
	wrong      bool
}

func (t *Thresholds) contradictions() []contradiction {
	return []contradiction{
		{"patient_scraping.near", "is higher than ratio: near is about the neighboring hours, and would hide what ratio is for", t.Scraping.Near > t.Scraping.Ratio},
		{"first_seen_patients.near", "is higher than ratio: near is about the neighboring hours, and would hide what ratio is for", t.FirstSeen.Near > t.FirstSeen.Ratio},
		{"volume_spike.near", "is higher than ratio: near is about the neighboring hours, and would hide what ratio is for", t.Spike.Near > t.Spike.Ratio},
		{"first_seen_patients.day", "is lower than floor: a day cannot be told apart from an hour then", t.FirstSeen.Day < t.FirstSeen.Floor},
		{"sequential_enumeration.run", "is higher than 49: only the last 50 identifiers are looked at, so such a run is never seen", t.Enumeration.Run > 49},
		{"probing.targets", "is higher than calls: there cannot be more targets than calls", t.Probing.Targets > t.Probing.Calls},
		{"slow_drift.ratio", "is higher than factor: a rise of the factor that is looked for would never be enough", t.SlowDrift.Ratio > t.SlowDrift.Factor},
		{"signals.dead_hour", "is lower than dead: an hour cannot hold less than its ten minutes", t.Signals.DeadHour < t.Signals.Dead},
		{"signals.foreign_accounts", "is lower than foreign_keys: every account's key is a key", t.Signals.ForeignAccounts < t.Signals.ForeignKeys},
	}
}

func (g *Guard) bounds(rule string) []bound {
	return []bound{
		{rule + ".floor", g.Floor, 1, 1e6}, {rule + ".ratio", g.Ratio, 1.2, 100},
		{rule + ".z", g.Z, 1, 50}, {rule + ".near", g.Near, 1, 100}, {rule + ".joint", g.Joint, 1, 50},
	}
}

func (t *Thresholds) bounds() []bound {
	list := append(t.Scraping.bounds("patient_scraping"), t.FirstSeen.bounds("first_seen_patients")...)
	list = append(list, t.Spike.bounds("volume_spike")...)
	return append(list,
		bound{"first_seen_patients.day", t.FirstSeen.Day, 10, 1e6}, bound{"first_seen_patients.day_ratio", t.FirstSeen.DayRatio, 1.2, 100},
		bound{"first_seen_patients.share", t.FirstSeen.Share, 0.5, 0.99}, bound{"first_seen_patients.share_floor", t.FirstSeen.ShareFloor, 10, 1e6},
		bound{"sequential_enumeration.near", t.Enumeration.Near, 0.2, 1}, bound{"sequential_enumeration.distinct", float64(t.Enumeration.Distinct), 10, 50},
		bound{"sequential_enumeration.run", float64(t.Enumeration.Run), 5, 49}, bound{"sequential_enumeration.missing", t.Enumeration.Missing, 0.01, 0.95},
		bound{"sequential_enumeration.ratio", t.Enumeration.Ratio, 1, 100},
		bound{"probing.share", t.Probing.Share, 0.05, 0.95}, bound{"probing.calls", float64(t.Probing.Calls), 10, 1e6},
		bound{"probing.ratio", t.Probing.Ratio, 1, 100}, bound{"probing.z", t.Probing.Z, 0.5, 50},
		bound{"probing.targets", float64(t.Probing.Targets), 2, 1e6},
		bound{"scope_probing.kinds", float64(t.ScopeProbe.Kinds), 2, 40},
		bound{"slow_drift.factor", t.SlowDrift.Factor, 1.2, 10}, bound{"slow_drift.sum", t.SlowDrift.Sum, 5, 1000},
		bound{"slow_drift.ratio", t.SlowDrift.Ratio, 1.1, 10}, bound{"slow_drift.excess", t.SlowDrift.Excess, 1, 1e6},
		bound{"credential_sharing.networks", float64(t.Sharing.Networks), 1, 64}, bound{"credential_sharing.prints", float64(t.Sharing.Prints), 1, 64},
		bound{"credential_sharing.together", float64(t.Sharing.Together), 2, 64},
		bound{"after_hours.calls", t.AfterHours.Calls, 20, 1e6}, bound{"after_hours.quiet", t.AfterHours.Quiet, 0.001, 0.5},
		bound{"after_hours.share", t.AfterHours.Share, 0.05, 0.95}, bound{"after_hours.z", t.AfterHours.Z, 1, 50},
		bound{"export_abuse.day", float64(t.ExportAbuse.Day), 1, 1e4}, bound{"export_abuse.restarts", float64(t.ExportAbuse.Restarts), 1, 1e4},
		bound{"limit_camping.share", t.Camping.Share, 0.02, 0.98}, bound{"limit_camping.hours", float64(t.Camping.Hours), 2, 24},
		bound{"limit_camping.calls_each_hour", float64(t.Camping.Calls), 1, 1e6},
		bound{"signals.dead", float64(t.Signals.Dead), 1, 1e6}, bound{"signals.dead_hour", float64(t.Signals.DeadHour), 1, 1e6},
		bound{"signals.foreign_hour", float64(t.Signals.ForeignHour), 1, 1e6}, bound{"signals.foreign_keys", float64(t.Signals.ForeignKeys), 2, 1e3},
		bound{"signals.foreign_accounts", float64(t.Signals.ForeignAccounts), 2, 1e3}, bound{"signals.purpose", float64(t.Signals.Purpose), 1, 1e6},
		bound{"signals.guesses", float64(t.Signals.Guesses), 2, 1e6}, bound{"signals.pollution", float64(t.Signals.Pollution), 1, 1e6},
		bound{"cooldown_hours", float64(t.Cooldown), 1, 168},
	)
}

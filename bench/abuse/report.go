package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/onerecord/certgate/abuse"
)

// report is the whole table.
type report struct {
	Attacks []attackRow `json:"attacks"`
	Benign  benignRow   `json:"benign"`
	Kinds   []kindRow   `json:"archetypes"`
	Rivals  []rivalRow  `json:"detectors"`
	Signals []signalRow `json:"deterministic"`
	Bands   []bandRow   `json:"by_unevenness"`
	Limit   limitRow    `json:"limit"`
	Targets []target    `json:"targets"`
	Seconds float64     `json:"seconds"`
}

// attackRow is what was found of one kind and strength of attack. Times are hours from the beginning of the attack.
type attackRow struct {
	Attack    string         `json:"attack"`
	Strength  string         `json:"strength"`
	Small     bool           `json:"small"` // of customers with fewer than 50 calls an hour
	Incidents int            `json:"incidents"`
	Found     int            `json:"found"`
	Recall    float64        `json:"recall"`
	Low       float64        `json:"recall_low"` // 95 % confidence
	Median    float64        `json:"hours_median"`
	P95       float64        `json:"hours_p95"`
	Exposed   float64        `json:"patients_exposed_median"`
	Rules     map[string]int `json:"found_by"`
	// Kinds are the recalls by archetype.
	Kinds map[string]float64 `json:"recall_by_archetype"`
}

type benignRow struct {
	Days       int64            `json:"account_days"`
	Notices    int64            `json:"false_notices"`
	NoticeRate float64          `json:"per_1000_account_days"`
	NoticeHigh float64          `json:"per_1000_account_days_high"` // 95 % confidence
	Throttles  int64            `json:"false_throttles"`
	ThrotRate  float64          `json:"throttles_per_10000_account_days"`
	ThrotHigh  float64          `json:"throttles_per_10000_account_days_high"`
	Suspended  int64            `json:"automatic_suspensions"`
	SuspHigh   float64          `json:"suspensions_per_10000_account_days_high"`
	Requests   int64            `json:"requests"`
	Throttled  int64            `json:"requests_throttled"`
	Alarms     map[string]int64 `json:"alarms_by_rule"`
	Precision  float64          `json:"precision_of_attacked_fleets"`
	Held       int64            `json:"held"`
}

type kindRow struct {
	Kind    string  `json:"archetype"`
	Days    int64   `json:"account_days"`
	Notices int64   `json:"false_notices"`
	Rate    float64 `json:"per_1000_account_days"`
}

// rivalRow compares detectors over all statistical attacks: the mean of the recalls of all rows but the small ones.
type rivalRow struct {
	Name      string    `json:"detector"`
	Threshold float64   `json:"threshold"`
	Matched   bool      `json:"matched"` // the threshold at which it has as few false alarms as ours
	Alarms    float64   `json:"alarm_days_per_1000"`
	Recall    float64   `json:"mean_recall"`
	F1        float64   `json:"f1"`
	Recalls   []float64 `json:"recalls"`
}

type target struct {
	What string  `json:"what"`
	Want string  `json:"want"`
	Got  float64 `json:"got"`
	Met  bool    `json:"met"`
}

func summarize(results []result, benign int) *report {
	r := &report{}
	var incidents []incident
	var ours int
	for _, x := range results {
		incidents = append(incidents, x.incidents...)
	}
	for i := range attacks {
		for _, small := range []bool{false, true} {
			if row, ok := attackRowOf(&attacks[i], small, incidents); ok {
				r.Attacks = append(r.Attacks, row)
			}
		}
	}
	for i := range incidents {
		if incidents[i].found >= 0 {
			ours++
		}
	}
	r.benign(results, benign, ours)
	r.Signals = deterministic()
	r.Bands, r.Limit = bands(incidents), limit(results, benign)
	r.rivals(results[:benign], incidents)
	r.targets()
	return r
}

func attackRowOf(a *attack, small bool, incidents []incident) (attackRow, bool) {
	row := attackRow{Attack: a.name, Strength: a.strength, Small: small, Rules: map[string]int{}, Kinds: map[string]float64{}}
	var all, found [archetypes]float64
	var times, exposed []float64
	for i := range incidents {
		in := &incidents[i]
		if in.attack != a || in.small != small {
			continue
		}
		row.Incidents++
		all[in.kind]++
		exposed = append(exposed, float64(in.exposed))
		if in.found >= 0 {
			row.Found++
			found[in.kind]++
			row.Rules[in.rule.String()]++
			times = append(times, float64(in.found)/4)
		}
	}
	if row.Incidents == 0 {
		return row, false
	}
	for k := range all {
		if all[k] > 0 {
			row.Kinds[archetypeNames[k]] = found[k] / all[k]
		}
	}
	row.Recall = float64(row.Found) / float64(row.Incidents)
	row.Low = lowBound(row.Found, row.Incidents)
	row.Median, row.P95, row.Exposed = quantile(times, 0.5), quantile(times, 0.95), quantile(exposed, 0.5)
	return row, true
}

func (r *report) benign(results []result, benign, ours int) {
	b := &r.Benign
	b.Alarms = map[string]int64{}
	var kinds [archetypes]kindRow
	wrong := int64(0)
	for i := range results {
		x := &results[i]
		b.Suspended += x.suspended
		if i >= benign {
			wrong += x.alarms
			continue
		}
		b.Days += x.days
		b.Throttles += x.throttles
		b.Requests += x.requests
		b.Throttled += x.throttled
		b.Held += x.held
		for k := range kinds {
			kinds[k].Days += x.kindDays[k]
			kinds[k].Notices += x.notices[k]
			b.Notices += x.notices[k]
		}
		for rule, n := range x.byRule {
			if n > 0 {
				b.Alarms[abuse.Rule(rule).String()] += n
			}
		}
	}
	days := float64(b.Days)
	b.NoticeRate, b.NoticeHigh = 1000*float64(b.Notices)/days, 1000*highBound(b.Notices)/days
	b.ThrotRate, b.ThrotHigh = 1e4*float64(b.Throttles)/days, 1e4*highBound(b.Throttles)/days
	b.SuspHigh = 1e4 * highBound(b.Suspended) / days
	b.Precision = float64(ours) / float64(int64(ours)+wrong)
	for k := range kinds {
		kinds[k].Kind = archetypeNames[k]
		kinds[k].Rate = 1000 * float64(kinds[k].Notices) / float64(kinds[k].Days)
		r.Kinds = append(r.Kinds, kinds[k])
	}
}

// quantile of unsorted values; 0 of none.
func quantile(v []float64, p float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Clone(v)
	slices.Sort(v)
	return v[min(len(v)-1, int(p*float64(len(v))))]
}

// highBound is the upper end of the exact 95 % interval of a Poisson count (of none it is three, the rule of three).
func highBound(n int64) float64 {
	if n == 0 {
		return 3
	}
	// Wilson and Hilferty's approximation of the chi-square quantile, good to a few parts in a thousand.
	k := float64(n + 1)
	return k * math.Pow(1-1/(9*k)+1.645/(3*math.Sqrt(k)), 3)
}

// lowBound is the lower end of Wilson's 95 % interval.
func lowBound(hits, n int) float64 {
	p, m, z := float64(hits)/float64(n), float64(n), 1.96
	return max(0, (p+z*z/(2*m)-z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m)))/(1+z*z/m))
}

func (r *report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	r.printAttacks(t)
	b := &r.Benign
	fmt.Fprintf(t, "\n* of customers with fewer than 50 calls an hour: a multiple of little is little, and stays below the rules' floors.\n\n")
	fmt.Fprintf(t, "%d benign account-days: %d false notices, %.2f per 1,000 (95 %%: < %.2f); %d false throttles, %.2f per 10,000 (< %.2f);\n", b.Days, b.Notices, b.NoticeRate, b.NoticeHigh, b.Throttles, b.ThrotRate, b.ThrotHigh)
	fmt.Fprintf(t, "automatic suspensions of benign customers: %d (< %.2f per 10,000); benign requests throttled: %d of %d.\n", b.Suspended, b.SuspHigh, b.Throttled, b.Requests)
	fmt.Fprintf(t, "False findings by rule: %v; held because the rule met many at once: %d. Precision in the fleets with attacks: %.3f.\n\n", b.Alarms, b.Held, b.Precision)
	for _, k := range r.Kinds {
		fmt.Fprintf(t, "%s\t%d days\t%d notices\t%.2f per 1,000\n", k.Kind, k.Days, k.Notices, k.Rate)
	}
	r.printBands(t)
	fmt.Fprintln(t, "\nDETECTOR\tTHRESHOLD\tALARM DAYS PER 1,000\tMEAN RECALL\tF1")
	for _, v := range r.Rivals {
		name := v.Name
		if v.Matched {
			name += ", as quiet as ours"
		}
		fmt.Fprintf(t, "%s\t%.3g\t%.2f\t%.3f\t%.3f\n", name, v.Threshold, v.Alarms, v.Recall, v.F1)
	}
	fmt.Fprintln(t, "\nTARGET\tWANTED\tGOT\t")
	for _, g := range r.Targets {
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%s\n", g.What, g.Want, g.Got, map[bool]string{true: "met", false: "MISSED"}[g.Met])
	}
	fmt.Fprintf(t, "\n%.0f s\n", r.Seconds)
	return t.Flush()
}

func (r *report) printAttacks(t io.Writer) {
	fmt.Fprintln(t, "ATTACK\tSTRENGTH\tINCIDENTS\tRECALL\t(95 %)\tHOURS MEDIAN\tP95\tEXPOSED\tFOUND BY")
	for _, a := range r.Attacks {
		name := a.Attack
		if a.Small {
			name += " *"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%.3f\t> %.2f\t%.2f\t%.2f\t%.0f\t%s\n", name, a.Strength, a.Incidents, a.Recall, a.Low, a.Median, a.P95, a.Exposed, topRules(a.Rules))
	}
	for _, s := range r.Signals {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.3f\t\t0\t0\t0\tprecision %.3f\n", s.Rule, "deterministic", s.Abuse, s.Recall, s.Precision)
	}
	fmt.Fprint(t, "\nRECALL BY ARCHETYPE")
	for _, k := range archetypeNames {
		fmt.Fprintf(t, "\t%s", k)
	}
	fmt.Fprintln(t)
	for _, a := range r.Attacks {
		if a.Small {
			continue
		}
		fmt.Fprintf(t, "%s %s", a.Attack, a.Strength)
		for _, k := range archetypeNames {
			if x, ok := a.Kinds[k]; ok {
				fmt.Fprintf(t, "\t%.2f", x)
			} else {
				fmt.Fprint(t, "\t-")
			}
		}
		fmt.Fprintln(t)
	}
}

// topRules are the three that found most.
func topRules(m map[string]int) string {
	names := slices.Collect(maps.Keys(m))
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	names = names[:min(3, len(names))]
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, m[name])
	}
	return strings.Join(names, ", ")
}

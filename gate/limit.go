package gate

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits say how much may be used: each holds for itself, and none limits nothing. They are the plan of a contract; outside
// production the configuration has one for each environment.
type Limits []Limit

// MaxLimits is how many limits a plan may have: every call asks each that is about it.
const MaxLimits = 16

// Limit bounds one measure of use for each subject of its kind.
type Limit struct {
	Kind LimitKind `json:"kind"`
	// Per says of which each one has the whole amount: the account, each organization or each device. Left out: the account.
	Per SubjectKind `json:"per,omitempty"`
	// Behavior is whose calls count; left out: those of every behavior.
	Behavior string `json:"behavior,omitempty"`
	// Amount is what may be used: units (a call takes its behavior's cost), calls at once, or patients.
	Amount int64 `json:"amount"`
	// Seconds is the time in which a rate gives back Amount; left out: 1. Other kinds have none.
	Seconds int64 `json:"seconds,omitempty"`
	// Burst is how many units a rate lets through at once after a pause; left out: Amount. Other kinds have none.
	Burst int64 `json:"burst,omitempty"`
}

// LimitKind is what a limit measures.
type LimitKind string

// The kinds of limit, a closed list. Days, months and hours are those of the calendar in the contract's zone, so a day may have 23 or 25
// hours, and nothing is left over for the next.
const (
	RateLimit        LimitKind = "rate"          // units in Seconds, in bursts of at most Burst: a token bucket
	DayLimit         LimitKind = "day"           // units a day
	MonthLimit       LimitKind = "month"         // units a month
	ConcurrencyLimit LimitKind = "concurrency"   // calls at once; one that was upgraded holds its place until its connection closes
	PatientHourLimit LimitKind = "patients-hour" // different patients an hour
	PatientDayLimit  LimitKind = "patients-day"  // different patients a day
)

// LimitKinds lists them all.
func LimitKinds() []LimitKind {
	return []LimitKind{RateLimit, DayLimit, MonthLimit, ConcurrencyLimit, PatientHourLimit, PatientDayLimit}
}

// Reason is the refusal of who is over a limit of the kind.
func (k LimitKind) Reason() Reason {
	switch k {
	case RateLimit:
		return RateExceeded
	case DayLimit, MonthLimit:
		return QuotaExceeded
	case ConcurrencyLimit:
		return ConcurrencyExceeded
	case PatientHourLimit, PatientDayLimit:
		return PatientsExceeded
	}
	return Unavailable
}

// Bounds of a limit. Patients are remembered one by one, so there is a bound of their own.
const (
	maxAmount   = 1_000_000_000_000
	maxSeconds  = 86_400
	maxAtOnce   = 100_000
	maxPatients = 1_000_000
)

// Name tells a limit from the others of its plan, as answers name it: kind, subject and behavior, such as rate/device/fhir-query.
func (l *Limit) Name() string {
	name := string(l.Kind)
	if per := l.Subject(); per != AccountSubject || l.Behavior != "" {
		name += "/" + string(per)
	}
	if l.Behavior != "" {
		name += "/" + l.Behavior
	}
	return name
}

// Subject is of what each one has the whole amount.
func (l *Limit) Subject() SubjectKind {
	if l.Per == "" {
		return AccountSubject
	}
	return l.Per
}

// Window is the time in which a rate gives back its amount, in seconds.
func (l *Limit) Window() int64 { return max(l.Seconds, 1) }

// Capacity is how many units a rate lets through at once after a pause.
func (l *Limit) Capacity() int64 {
	if l.Burst == 0 {
		return l.Amount
	}
	return l.Burst
}

// Counts reports whether calls of the behavior count.
func (l *Limit) Counts(behavior string) bool { return l.Behavior == "" || l.Behavior == behavior }

// String is the limit as [ParseLimit] reads it.
func (l *Limit) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", l.Kind, l.Amount)
	if l.Kind == RateLimit && l.Window() != 1 {
		fmt.Fprintf(&b, "/%ds", l.Seconds)
	}
	if l.Burst != 0 {
		fmt.Fprintf(&b, " burst %d", l.Burst)
	}
	if per := l.Subject(); per != AccountSubject {
		fmt.Fprintf(&b, " per %s", per)
	}
	if l.Behavior != "" {
		fmt.Fprintf(&b, " for %s", l.Behavior)
	}
	return b.String()
}

// Words is the limit as customers read it, such as "10 units in 60 seconds for each device".
func (l *Limit) Words() string {
	text := map[LimitKind]string{
		RateLimit: "units a second", DayLimit: "units a day", MonthLimit: "units a month", ConcurrencyLimit: "calls at once",
		PatientHourLimit: "different patients an hour", PatientDayLimit: "different patients a day",
	}[l.Kind]
	if l.Window() > 1 {
		text = fmt.Sprintf("units in %d seconds", l.Seconds)
	}
	text = fmt.Sprintf("%d %s", l.Amount, text)
	if l.Burst != 0 {
		text += fmt.Sprintf(", at most %d at once", l.Burst)
	}
	if per := l.Subject(); per != AccountSubject {
		text += " for each " + string(per)
	}
	if l.Behavior != "" {
		text += " of " + l.Behavior
	}
	return text
}

// limitForm is how a limit is written down, for errors.
const limitForm = `write KIND AMOUNT[/SECONDSs] [burst UNITS] [per account|organization|device] [for BEHAVIOR], such as "rate 50 burst 100 per device", "rate 600/60s" or "day 200000"`

// ParseLimit reads a limit as people write it; see its String. What it says is checked by [Limits.Check].
func ParseLimit(text string) (Limit, error) {
	words := strings.Fields(text)
	if len(words) < 2 || len(words)%2 != 0 {
		return Limit{}, Errorf(Invalid, "limit %q: %s", Clip(text, 120), limitForm)
	}
	l := Limit{Kind: LimitKind(words[0])}
	amount, window, timed := strings.Cut(words[1], "/")
	err := parseAmount(&l.Amount, amount)
	if timed && err == nil {
		err = parseAmount(&l.Seconds, strings.TrimSuffix(window, "s"))
	}
	for i := 2; i < len(words) && err == nil; i += 2 {
		switch value := words[i+1]; words[i] {
		case "burst":
			err = parseAmount(&l.Burst, value)
		case "per":
			l.Per = SubjectKind(value)
		case "for":
			l.Behavior = value
		default:
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		return Limit{}, Errorf(Invalid, "limit %q: %s", Clip(text, 120), limitForm)
	}
	return l, nil
}

func parseAmount(into *int64, text string) (err error) {
	*into, err = strconv.ParseInt(text, 10, 64)
	return err
}

// Costs finds what a call of a behavior takes, in units; 0 where there is no such behavior.
type Costs func(behavior string) int

func (c Costs) known(behavior string) bool { return c(behavior) > 0 }

// Check reports the first thing wrong with a plan, by its place.
func (p Limits) Check(costs Costs) error {
	if len(p) > MaxLimits {
		return FieldErrorf("plan", "has %d limits; %d are allowed", len(p), MaxLimits)
	}
	for i := range p {
		if err := p[i].check(costs); err != nil {
			return InField(fmt.Sprintf("plan[%d]", i), err)
		}
		for n := range i {
			if p[n].Name() == p[i].Name() {
				return FieldErrorf(fmt.Sprintf("plan[%d]", i), "%s is there already, as plan[%d]; one of each kind, subject and behavior is enough", p[i].Name(), n)
			}
		}
	}
	return p.contradiction()
}

func (l *Limit) check(costs Costs) error {
	most, known := l.most()
	switch {
	case !known:
		return FieldErrorf("kind", "%q: must be one of %s", Clip(string(l.Kind), 40), join(LimitKinds(), ", "))
	case l.Per != "" && l.Per != AccountSubject && l.Per != OrganizationSubject && l.Per != DeviceSubject:
		return FieldErrorf("per", "%q: must be account, organization or device", Clip(string(l.Per), 40))
	case l.Amount < 1 || l.Amount > most:
		return FieldErrorf("amount", "%d: must be 1 to %d; to let nothing through, do not grant it", l.Amount, most)
	case l.Kind != RateLimit && (l.Seconds != 0 || l.Burst != 0):
		return FieldErrorf("kind", "%s has neither seconds nor burst: those are of a rate", l.Kind)
	case l.Seconds < 0 || l.Seconds > maxSeconds:
		return FieldErrorf("seconds", "%d: must be 1 to %d; left out it is 1", l.Seconds, maxSeconds)
	case l.Burst < 0 || l.Burst > maxAmount:
		return FieldErrorf("burst", "%d: must be 1 to %d; left out it is the amount", l.Burst, int64(maxAmount))
	}
	if l.Behavior == "" {
		return nil
	}
	if costs(l.Behavior) == 0 {
		return FieldErrorf("behavior", "%q is not in the configuration", Clip(l.Behavior, 60))
	}
	return l.affords(costs)
}

// most is the highest amount of the kind.
func (l *Limit) most() (amount int64, known bool) {
	switch l.Kind {
	case RateLimit, DayLimit, MonthLimit:
		return maxAmount, true
	case ConcurrencyLimit:
		return maxAtOnce, true
	case PatientHourLimit, PatientDayLimit:
		return maxPatients, true
	}
	return 0, false
}

package abuse

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// Signal is what was counted of one deterministic violation in one window (ten minutes of DeadCredential, an hour of the others). What is
// counted are refusals, except of Pollution, which the upstream answered.
type Signal struct {
	Rule    Rule           `json:"rule"`
	Account gate.AccountID `json:"account,omitempty"` // whose credential it is; of ForeignKey, whose certificate
	Device  gate.DeviceID  `json:"device,omitempty"`
	// Credential is the key or certificate that was used.
	Credential string    `json:"credential,omitempty"`
	Source     string    `json:"source,omitempty"` // network that it came from
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Count      int64     `json:"count"` // calls
	// Hour is the calls of the whole hour, of DeadCredential.
	Hour int64 `json:"hour,omitempty"`
	// Keys are the distinct keys of others that came with one certificate in 24 hours, Accounts the distinct other customers whose they were.
	Keys     int64 `json:"keys,omitempty"`
	Accounts int64 `json:"accounts,omitempty"`
	// Proven is set where the caller passed checks 1 to 4, so that it is the account. Only then can anything be against it.
	Proven bool `json:"proven,omitempty"`
	// Renewed is when the credential was replaced, zero if it was not; NewNetwork is set where the account never called from there.
	Renewed    time.Time `json:"renewed,omitzero"`
	NewNetwork bool      `json:"new_network,omitempty"`
}

// SignalThresholds say how many violations are more than an accident. Each single one is refused anyway.
type SignalThresholds struct {
	Dead            int64 `json:"dead"`             // uses of a revoked or expired credential in ten minutes; 1 to 1,000,000
	DeadHour        int64 `json:"dead_hour"`        // in an hour, from where on it is somebody's case
	ForeignHour     int64 `json:"foreign_hour"`     // calls of a certificate with keys of others in an hour
	ForeignKeys     int64 `json:"foreign_keys"`     // distinct such keys in 24 hours; one is a mistake in a configuration; 2 to 1,000
	ForeignAccounts int64 `json:"foreign_accounts"` // of so many other customers: then it is theft
	Purpose         int64 `json:"purpose"`          // calls in an hour for a purpose outside the contract
	Guesses         int64 `json:"guesses"`          // unknown keys from one source in an hour; 2 to 1,000,000
	Pollution       int64 `json:"pollution"`        // calls with one identifier in two places and two values
}

// stale is how long after a renewal the use of what was renewed is a deployment that lags behind.
const stale = 24 * time.Hour

// Judge is the finding of a signal, or false where it is too little. No history is asked: it is as right on the first day as later.
func (s *Signal) Judge(t *SignalThresholds, mode Mode) (Finding, bool) {
	f := Finding{
		Rule: s.Rule, Account: s.Account, Device: s.Device, Credential: s.Credential, From: s.From, To: s.To,
		Step: Notify, Weight: s.Rule.Weight(), Mode: mode,
	}
	f.Stranger, f.Source = !s.Proven, s.Source
	if mode == Off || s.Count < 0 || !s.Rule.Deterministic() || !s.enough(t, &f) {
		return Finding{}, false
	}
	if f.Stranger { // a stranger with half of a credential is nothing that its owner did
		f.Weight, f.Step = 0, Notify
	}
	return f, true
}

func (s *Signal) enough(t *SignalThresholds, f *Finding) bool {
	add := func(name string, seen, limit int64) {
		f.Evidence = append(f.Evidence, Figure{name, float64(seen), float64(limit)})
	}
	switch s.Rule {
	case DeadCredential:
		add("uses in ten minutes", s.Count, t.Dead)
		late := !s.Renewed.IsZero() && s.To.Sub(s.Renewed) < stale
		if s.Hour >= t.DeadHour {
			add("uses in an hour", s.Hour, t.DeadHour)
		}
		if s.Count < t.Dead && (!s.NewNetwork || s.Count == 0) || late && s.Count <= 3 {
			return false
		}
	case ForeignKey:
		add("calls in an hour", s.Count, t.ForeignHour)
		add("keys of others in 24 hours", s.Keys, t.ForeignKeys)
		add("other customers in 24 hours", s.Accounts, t.ForeignAccounts)
		if s.Count < t.ForeignHour && s.Keys < t.ForeignKeys && s.Accounts < 1 {
			return false
		}
		if s.Accounts >= t.ForeignAccounts {
			f.Step = Suspend
		}
	case WrongPurpose:
		add("calls in an hour", s.Count, t.Purpose)
		return s.Count >= t.Purpose
	case Guessing:
		add("unknown keys in an hour", s.Count, t.Guesses)
		return s.Count > t.Guesses
	case Pollution:
		add("calls", s.Count, t.Pollution)
		if s.Count < t.Pollution {
			return false
		}
		f.Step = Suspend
	default:
		return false
	}
	return true
}

// Judge gives the findings of signals, in order.
func Judge(signals []Signal, t *SignalThresholds, modes *Modes) (list []Finding) {
	for i := range signals {
		s := &signals[i]
		if s.Rule < 0 || s.Rule >= ruleCount {
			continue
		}
		if f, ok := s.Judge(t, modes[s.Rule]); ok {
			list = append(list, f)
		}
	}
	sortFindings(list)
	return list
}

package authority

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// profileMark is what was last told to the detector of an account.
type profileMark struct {
	told abuse.Profile
	cost float64 // units of one of its calls, in the last hour in which it called; 0: not known
}

// meetAccounts tells the detector what the accounts have agreed to that it has not heard of. The lock is held.
func (a *Authority) meetAccounts(d *abuse.Detector, rows []abuse.Row) {
	w := &a.watching
	var book *RuleBook
	for i := range rows {
		id := rows[i].Account
		if _, known := w.profiles[id]; !known {
			if book == nil {
				book = a.RuleBook()
			}
			mark := &profileMark{told: a.abuseProfile(book, id)}
			w.profiles[id] = mark
			a.setProfile(d, id, mark.told)
		}
		if c := &rows[i].Counts; c.Answered() > 0 {
			w.profiles[id].cost = float64(c.Cost) / float64(c.Answered())
		}
	}
}

// refreshProfiles tells the detector what accounts have agreed to since, and forgets those that are gone or terminated. The lock is held.
func (a *Authority) refreshProfiles(d *abuse.Detector) {
	w := &a.watching
	now, book := a.now(), a.RuleBook()
	for id, mark := range w.profiles {
		if _, err := a.dir.Account(string(id)); err != nil || a.AccountStatus(id, now) == gate.Terminated {
			d.Forget(id)
			delete(w.profiles, id)
			continue
		}
		if p := a.abuseProfile(book, id); p != mark.told {
			mark.told = p
			a.setProfile(d, id, p)
		}
	}
}

func (a *Authority) setProfile(d *abuse.Detector, id gate.AccountID, p abuse.Profile) {
	if err := d.Set(id, p); err != nil { // rulings are checked when they are made
		a.log.Error("the detector takes no profile; the account is judged by the former one", zap.String("account", string(id)), zap.Error(err))
	}
}

// abuseProfile is how an account is to be judged: by what its certified profiles and its contract say. The lock is held.
func (a *Authority) abuseProfile(book *RuleBook, id gate.AccountID) abuse.Profile {
	now, rules := a.now(), a.watching.ruleSet(book.For(id, a.planOf(id)))
	p := abuse.Profile{Zone: a.watching.zone(a.UsageZone(id)), Thresholds: &rules.Thresholds, Modes: &rules.Modes}
	caller := gate.Caller{Contracts: a.dir.Contracts(id)}
	contract := caller.Contract(now)
	if contract == nil {
		return p
	}
	// Who is granted neither treatment nor what patients ask for themselves works on whole populations: patients new to it mean nothing.
	g := contract.Grant.Purposes
	p.Population = len(g) > 0 && !slices.Contains(g, gate.Treatment) && !slices.Contains(g, gate.PatientRequest)
	p.DailyVolume = a.declaredVolume(id, contract, now)
	return p
}

// zone is the one of its name: the detector compares them by their addresses.
func (w *watching) zone(z *time.Location) *time.Location {
	if one := w.zones[z.String()]; one != nil {
		return one
	}
	w.zones[z.String()] = z
	return z
}

// ruleSet is the one of its kind: many accounts have the same.
func (w *watching) ruleSet(s RuleSet) *RuleSet {
	if one := w.sets[s]; one != nil {
		return one
	}
	w.sets[s] = &s
	return &s
}

package authority

import (
	"net/netip"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// spanLag is how long a span stays open after its end, for requests that were being judged then.
const spanLag = 5 * time.Second

// judgeSignals is the job that judges what was counted, and hands on what is found. What is in memory is lost with the process; each single request was
// refused anyway.
func (a *Authority) judgeSignals(now time.Time) error {
	a.suspects.sweep(now)
	if found := a.findSignals(now); len(found) > 0 {
		return a.takeFindings(now, found)
	}
	return nil
}

// findSignals judges the spans that have ended since it was last called.
func (a *Authority) findSignals(now time.Time) (found []abuse.Finding) {
	end := spanOf(now.Add(-spanLag).Unix())
	if a.signals.judged == 0 || a.signals.judged > end {
		a.signals.judged = end - 1 // the start, or a clock that was set back
	}
	if a.signals.judged == end {
		return nil
	}
	rules := a.RuleBook()
	for at := max(a.signals.judged, end-spansKept/2); at < end; at++ {
		for _, table := range []*signalTable{&a.signals.proven, &a.signals.strangers} {
			j := signalJudge{authority: a, rules: rules, table: table, proven: table == &a.signals.proven, at: at}
			table.counted(at, func(s signal) {
				if f, ok := j.judge(&s, now); ok {
					found = append(found, f)
				}
			})
		}
	}
	a.signals.judged = end
	return found
}

// signalJudge judges what was counted until the end of a span.
type signalJudge struct {
	authority *Authority
	rules     *RuleBook
	table     *signalTable
	proven    bool
	at        int64
}

// judge says what is found of a signal. Nothing is said of the same twice within the time that thresholds give, unless it asks for more. Where a rule is
// enforced the network of strangers is limited harder each time.
func (j *signalJudge) judge(s *signal, now time.Time) (abuse.Finding, bool) {
	signal, ended := j.signal(s)
	if !ended {
		return abuse.Finding{}, false
	}
	rules := j.rules.For(s.account, j.authority.planOf(s.account))
	f, ok := signal.Judge(&rules.Thresholds.Signals, rules.Modes[s.rule])
	if !ok {
		return f, false
	}
	if f.Stranger && f.Mode == abuse.Enforce {
		j.authority.suspects.add(s.from, now)
	}
	const day = 24 * 6 // in spans
	ago := j.at - s.said
	if s.said != 0 && ago < rules.Thresholds.Cooldown*6 && f.Step <= s.step {
		return f, false
	}
	f.Again = s.said != 0 && ago < day
	j.table.tell(s.signalName, j.at, f.Step)
	return f, true
}

// signal is what was counted, in the words of the rules; false if its time has not ended.
func (j *signalJudge) signal(s *signal) (abuse.Signal, bool) {
	to := time.Unix((j.at+1)*signalSpan, 0).UTC()
	out := abuse.Signal{
		Rule: s.rule, Account: s.account, Device: s.device, Credential: s.credential, From: to.Add(-time.Hour), To: to, Count: s.in(j.at, 6), Proven: j.proven,
	}
	if !j.proven && s.from.IsValid() {
		out.Source = s.from.String()
	}
	switch s.rule { //nolint:exhaustive // of the others an hour is all that is asked
	case abuse.DeadCredential:
		out.From, out.Count, out.Hour = to.Add(-signalSpan*time.Second), s.in(j.at, 1), out.Count
		out.Renewed, out.NewNetwork = j.authority.renewed(s), j.authority.newNetwork(s.account, s.from)
		return out, out.Count > 0
	case abuse.ForeignKey:
		out.Keys, out.Accounts = s.day(j.at)
	}
	return out, (j.at+1)%6 == 0
}

// renewed is when the first was issued of the device's live keys, or certificates, that are newer than the one that was used; zero if there is none,
// or if it was revoked because it may be in other hands: then nothing about it is a deployment that lags behind.
func (a *Authority) renewed(s *signal) (at time.Time) {
	first := func(live bool, issued, than time.Time) {
		if live && issued.After(than) && (at.IsZero() || issued.Before(at)) {
			at = issued
		}
	}
	now := a.now()
	if k := a.dir.Key(gate.KeyID(s.credential)); k != nil && !compromised(k.Revoked) {
		for _, other := range a.dir.Keys(s.device) {
			first(other.State(now).Live(), other.IssuedAt, k.IssuedAt)
		}
	}
	if k := a.dir.Certificate(gate.CertificateID(s.credential)); k != nil && !compromised(k.Revoked) {
		for _, other := range a.dir.Certificates(s.device) {
			first(other.State(now).Live(), other.IssuedAt, k.IssuedAt)
		}
	}
	return at
}

func compromised(r *gate.Revocation) bool { return r != nil && r.Reason == gate.KeyCompromise }

// newNetwork reports whether none of the account's credentials was last used from a network, and none of its devices may call from there. Where nothing
// is known of the account's networks none is new.
func (a *Authority) newNetwork(account gate.AccountID, network netip.Prefix) bool {
	known := false
	for _, d := range a.dir.Devices(account) {
		for _, declared := range d.Addresses.These {
			if known = true; declared.Overlaps(network) {
				return false
			}
		}
		held := a.dir.Keys(d.ID)
		ids := make([]string, 0, len(held))
		for _, k := range held {
			ids = append(ids, string(k.ID))
		}
		for _, k := range a.dir.Certificates(d.ID) {
			ids = append(ids, string(k.ID))
		}
		for _, id := range ids {
			u := a.dir.LastUse(id)
			if u == nil || !u.From.IsValid() {
				continue
			}
			if known = true; gate.NetworkOf(u.From) == network {
				return false
			}
		}
	}
	return known && network.IsValid()
}

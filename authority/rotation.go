package authority

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// RotateCA proposes that the standby of an audience begins to issue; a second admin must confirm. It is refused if the trust pools in force lack
// the standby: clients would not be asked for what it issues.
func (a *Authority) RotateCA(by By, audience gate.Audience, why string) (*gate.CA, error) {
	if err := by.May(gate.ManageCAs); err != nil {
		return nil, err
	}
	if err := checkAudience(audience); err != nil {
		return nil, err
	}
	var out gate.CA
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		standby := a.standby(audience)
		if standby == nil {
			return gate.Event{}, gate.Errorf(gate.Conflict, "%s have no standby; have one signed: certgate ca csr %s, ca sign, ca import", audience, audience)
		}
		if err := a.inPool(standby); err != nil {
			return gate.Event{}, err
		}
		ca, err := certstore.Get[gate.CA](tx, standby.RecordID())
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = ca.Propose(gate.CAProposal{Change: gate.CAIssue, Act: a.act(by, why)}); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.CARotationProposed, Object: out.RecordID(), Why: why, Detail: nameOf(&out) + " for " + string(audience)}, nil
	})
	return &out, err
}

// ConfirmCA makes the change to a CA that another admin proposed: it begins to issue, is retired, or a customer's own is allowed.
func (a *Authority) ConfirmCA(by By, fp gate.Fingerprint) (*gate.CA, error) {
	if err := by.May(gate.ManageCAs); err != nil {
		return nil, err
	}
	var draft *requestDraft
	if ca := a.dir.CA(fp); ca != nil {
		var err error
		if draft, err = a.draftRequest(ca.Audience); err != nil {
			return nil, err
		}
	}
	var out gate.CA
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		ca, err := load[gate.CA](tx, by, fp.String())
		if err != nil {
			return gate.Event{}, err
		}
		if ca.Proposal != nil {
			if err := a.stillMay(ca.Proposal.Act.By, gate.ManageCAs); err != nil {
				return gate.Event{}, err
			}
		}
		act := a.act(by, "")
		if out, err = ca.Confirm(act, by.names()); err != nil {
			return gate.Event{}, err
		}
		if out.Retired != nil {
			return a.retire(tx, &out, act.At)
		}
		if ca.Proposal.Change == gate.CAAllow {
			certstore.Put(tx, &out)
			return gate.Event{Verb: gate.CAAllowed, Object: out.RecordID(), Why: ca.Proposal.Act.Why, Detail: a.allowed(&out, out.Allowance)}, nil
		}
		if err := a.inPool(&out); err != nil {
			return gate.Event{}, err
		}
		a.follows(&out)
		if err := a.bequeath(tx, &out, draft, act); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.CARotated, Object: out.RecordID(), Why: ca.Proposal.Act.Why, Detail: nameOf(&out) + " issues for " + string(out.Audience)}, nil
	})
	if err != nil {
		return nil, err
	}
	a.lists.sweepAgain()
	a.trustNow()
	return &out, nil
}

// WithdrawCA takes back what is proposed for a CA, as whoever proposed it or any admin wishes: that nothing happens never needs two.
func (a *Authority) WithdrawCA(by By, fp gate.Fingerprint) (*gate.CA, error) {
	if err := by.May(gate.ManageCAs); err != nil {
		return nil, err
	}
	var out gate.CA
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		ca, err := load[gate.CA](tx, by, fp.String())
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = ca.Withdraw(a.act(by, "")); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.CAProposalWithdrawn, Object: out.RecordID(), Detail: fmt.Sprintf("%s, to %s, proposed by %s", nameOf(ca), ca.Proposal.Change, ca.Proposal.Act.By)}, nil
	})
	return &out, err
}

// bequeath gives the CA that begins to issue the request for its own successor: the one that waits already, which somebody may be having
// signed, or a new one.
func (a *Authority) bequeath(tx *certstore.Tx, next *gate.CA, draft *requestDraft, act gate.Act) error {
	for _, known := range a.dir.CAs() {
		if known.Request == nil || known.Audience != next.Audience || known.Fingerprint == next.Fingerprint {
			continue
		}
		former, err := certstore.Get[gate.CA](tx, known.RecordID())
		if err != nil {
			return err
		}
		next.Request, former.Request = former.Request, nil
		certstore.Put(tx, former)
	}
	if next.Request != nil || draft == nil {
		return nil
	}
	var err error
	next.Request, err = draft.seal(tx, act)
	return err
}

// follows lets a CA issue after the one that does, also where the clock went back: of several the one with the latest IssuesFrom issues.
func (a *Authority) follows(ca *gate.CA) {
	if holder := a.issues(ca.Audience); holder != nil && !ca.IssuesFrom.After(*holder.IssuesFrom) {
		from := holder.IssuesFrom.Add(time.Second)
		ca.IssuesFrom = &from
	}
}

// inPool refuses a CA that the trust pools in force lack.
func (a *Authority) inPool(ca *gate.CA) error {
	if a.Pooled(ca) {
		return nil
	}
	return gate.Errorf(gate.Conflict, "the running configuration's trust pool lacks %s: clients would not be asked for what it issues; "+
		"reload Caddy (caddy reload --force), then try again", nameOf(ca))
}

// issues is the CA of the audience that issues now; nil if none does.
func (a *Authority) issues(audience gate.Audience) (best *gate.CA) {
	now := a.now()
	for _, ca := range a.dir.CAs() {
		if ca.Audience == audience && ca.Issues(now) && (best == nil || ca.IssuesFrom.After(*best.IssuesFrom)) {
			best = ca
		}
	}
	return best
}

// standby is the one of the audience that ends last; nil if there is none.
func (a *Authority) standby(audience gate.Audience) (best *gate.CA) {
	now := a.now()
	for _, ca := range a.dir.CAs() {
		if ca.Audience == audience && ca.Standby(now) && (best == nil || ca.NotAfter.After(best.NotAfter)) {
			best = ca
		}
	}
	return best
}

// nameOf is what people call a CA.
func nameOf(ca *gate.CA) string {
	cert, err := x509.ParseCertificate(ca.DER)
	if err != nil {
		return ca.Fingerprint.String() // cannot happen: it was read when it came in
	}
	return cert.Subject.CommonName
}

// Leaves are the certificates that a CA has issued and that have not ended.
type Leaves struct {
	Live int
	Last time.Time // when the last of them ends; zero if there is none
}

// LeavesByCA counts, by CA, the certificates of customers and staff that were neither revoked nor have ended. Those that wait for an import
// to be confirmed, or for a second admin, count: they may come to be used.
func (a *Authority) LeavesByCA() map[gate.Fingerprint]Leaves {
	now, counts := a.now(), make(map[gate.Fingerprint]Leaves)
	count := func(ca gate.Fingerprint, ends time.Time, revoked bool) {
		if revoked || now.After(ends) {
			return
		}
		l := counts[ca]
		l.Live++
		if ends.After(l.Last) {
			l.Last = ends
		}
		counts[ca] = l
	}
	for _, c := range a.dir.Certificates("") {
		count(c.Issuer, c.NotAfter, c.Revoked != nil)
	}
	for _, s := range a.dir.People() {
		if s.Disabled != nil {
			continue
		}
		for _, c := range s.Certificates {
			count(c.Issuer, c.NotAfter, c.Revoked != nil)
		}
		if s.Proposal != nil && s.Proposal.Certificate != nil {
			count(s.Proposal.Certificate.Issuer, s.Proposal.Certificate.NotAfter, false)
		}
	}
	return counts
}

package authority

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Retirement is the end of a CA as it is asked for.
type Retirement struct {
	Why string
	// Compromised: its key may be in other hands. It is retired although certificates under it have not ended, and although it issues.
	Compromised bool
	// RevokeAll: as Compromised, for a customer's own CA whose key is safe and which is to be left behind.
	RevokeAll bool
}

// RetireCA makes a CA no anchor any more. Where no certificate under it is left it happens at once. Otherwise a second admin must confirm,
// and then what it issued is refused from the next request on and is revoked, with a notice to each customer.
func (a *Authority) RetireCA(by By, fp gate.Fingerprint, in Retirement) (*gate.CA, error) {
	if err := by.May(gate.ManageCAs); err != nil {
		return nil, err
	}
	var out gate.CA
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		ca, err := load[gate.CA](tx, by, fp.String())
		if err != nil {
			return gate.Event{}, err
		}
		act := a.act(by, in.Why)
		if err := a.mayRetire(ca, in); err != nil {
			return gate.Event{}, err
		}
		if !in.Compromised && !in.RevokeAll {
			if out, err = ca.Retire(act); err != nil {
				return gate.Event{}, err
			}
			return a.retire(tx, &out, act.At)
		}
		if out, err = ca.Propose(gate.CAProposal{Change: gate.CARetire, Compromised: in.Compromised, Act: act}); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.CARetirementProposed, Object: out.RecordID(), Why: in.Why, Detail: a.casualties(&out)}, nil
	})
	if err != nil {
		return nil, err
	}
	a.trustNow()
	return &out, nil
}

// mayRetire says what stands against the end of a CA as it is asked for.
func (a *Authority) mayRetire(ca *gate.CA, in Retirement) error {
	leaves := a.LeavesByCA()[ca.Fingerprint]
	holder := a.issues(ca.Audience)
	switch {
	case in.RevokeAll && ca.Imported == nil:
		return gate.FieldErrorf("revoke_all", "is for imported CAs; one of ours is retired when its last certificate has ended, or as compromised")
	case in.Compromised || in.RevokeAll:
		return nil
	case holder != nil && holder.Fingerprint == ca.Fingerprint:
		return gate.Errorf(gate.Conflict, "%s issues now; rotate first: certgate ca rotate %s", nameOf(ca), ca.Audience)
	case leaves.Live > 0:
		return gate.Errorf(gate.Conflict, "under %s %d certificates have not ended, the last on %s; retire it then, or now by two people: with --revoke-all an imported CA, with --compromised any",
			nameOf(ca), leaves.Live, leaves.Last.UTC().Format(time.DateOnly))
	}
	return nil
}

// retire puts the end of a CA into the commit. If it issued, the standby takes its place: whoever has the key of a CA must not be waited for,
// and the pools can be reloaded after it.
func (a *Authority) retire(tx *certstore.Tx, ca *gate.CA, now time.Time) (gate.Event, error) {
	if err := a.remains(ca); err != nil {
		return gate.Event{}, err
	}
	detail := a.casualties(ca)
	holder := a.issues(ca.Audience)
	if holder != nil && holder.Fingerprint == ca.Fingerprint {
		next := a.standby(ca.Audience)
		if next == nil {
			detail += "; the former CA issues again"
		} else {
			record, err := certstore.Get[gate.CA](tx, next.RecordID())
			if err != nil {
				return gate.Event{}, err
			}
			issuing := record.Issue(now)
			issuing.Request = holder.Request
			certstore.Put(tx, &issuing)
			detail += "; " + nameOf(&issuing) + " issues now"
		}
	}
	certstore.Put(tx, ca)
	if ca.Compromised {
		a.block(tx, gate.BlockedKey{PublicKey: publicKeyOf(ca.DER), At: now, By: ca.Retired.By, Cause: gate.BlockedWithCA})
	}
	return gate.Event{Verb: gate.CARetired, Object: ca.RecordID(), Why: ca.Retired.Why, Detail: detail}, nil
}

// casualties says for the event how much ends with a CA.
func (a *Authority) casualties(ca *gate.CA) string {
	detail := fmt.Sprintf("%s of %s, certificates that have not ended: %d", nameOf(ca), ca.Audience, a.LeavesByCA()[ca.Fingerprint].Live)
	if ca.Compromised || ca.Proposal.Waits() && ca.Proposal.Compromised {
		detail += ", compromised"
	}
	return detail
}

// remains refuses the end of a CA without which nobody could be let in any more: of the last one that can issue, and of one without which
// fewer than two admins could act, who are needed to bring anybody back.
func (a *Authority) remains(ca *gate.CA) error {
	if ca.Imported != nil {
		return nil
	}
	now := a.now()
	others := make(map[gate.Fingerprint]bool)
	for _, other := range a.dir.CAs() {
		if other.Audience == ca.Audience && other.Imported == nil && other.Fingerprint != ca.Fingerprint && other.Anchors(now) {
			others[other.Fingerprint] = true
		}
	}
	if len(others) == 0 {
		return gate.Errorf(gate.Conflict, "%s is the only CA for %s; bring in another first: certgate ca csr %s, ca sign, ca import", nameOf(ca), ca.Audience, ca.Audience)
	}
	if ca.Audience != gate.Operators {
		return nil
	}
	admins := 0
	for _, s := range a.dir.People() {
		known := slices.ContainsFunc(s.Certificates, func(c gate.StaffCertificate) bool { return others[c.Issuer] && c.Live(now) })
		if known && s.Actor(now).May(gate.ManageStaff) == nil {
			admins++
		}
	}
	if admins < 2 {
		return gate.Errorf(gate.Conflict, "without %s only %d admins could act, and two are needed to bring anybody back; rotate, and let two admins renew first: certgate staff renew",
			nameOf(ca), admins)
	}
	return nil
}

// revokeRetired is a job: it revokes what retired CAs have issued and tells each customer. All of it is refused already, by the CA's record; this
// is what makes it be known to others, and it goes on after a restart where it was.
func (a *Authority) revokeRetired(ctx context.Context, now time.Time) error {
	retired := make(map[gate.Fingerprint]*gate.CA)
	for _, ca := range a.dir.CAs() {
		if ca.Retired != nil {
			retired[ca.Fingerprint] = ca
		}
	}
	if len(retired) == 0 || a.quarantine.Load() != nil {
		return nil
	}
	var errs []error
	for _, c := range a.dir.Certificates("") {
		ca := retired[c.Issuer]
		if ca == nil || c.Revoked != nil || now.After(c.NotAfter) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		if err := a.revokeUnder(ca, c.ID); err != nil && !errors.Is(err, gate.Conflict) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// revokeUnder revokes one certificate of a retired CA, unless somebody did since it was looked at.
func (a *Authority) revokeUnder(ca *gate.CA, id gate.CertificateID) error {
	r := gate.Revocation{At: a.moment(), By: ca.Retired.By, Reason: gate.CessationOfOperation, Why: ca.Retired.Why}
	if ca.Compromised {
		r.Reason = gate.Unspecified // what was compromised is the CA's key, and not this one
	}
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := certstore.Get[gate.Certificate](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		revoked, err := c.Revoke(r)
		if err != nil {
			return gate.Event{}, err
		}
		a.putRevoked(tx, &revoked)
		return a.revoked(tx, gate.Event{Account: c.Account, Object: string(id), Why: r.Why, Detail: "its CA " + nameOf(ca) + " was retired"})
	})
	return err
}

package authority

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
	"github.com/onerecord/certgate/notify"
)

// StaffLinkPath is where the public site takes staff links, before the token.
const StaffLinkPath = "/enroll/staff"

// linkHolder is whoever holds a staff link.
var linkHolder = By{Actor: gate.Actor{Name: "staff link"}}

// StaffBadge is what the holder of a staff link receives.
type StaffBadge struct {
	Staff       *gate.Staff
	Certificate *gate.StaffCertificate
	Chain       []byte // PEM: the certificate, then the issuing CA
}

// mailLink gives a person a one-time link and owes them the notice with it. The token was drawn before the commit.
func (a *Authority) mailLink(tx *certstore.Tx, by By, s gate.Staff, token string) (gate.Staff, error) {
	config := a.current()
	if config == nil {
		return s, gate.Errorf(gate.ShuttingDown, "no configuration is in force yet; try again")
	}
	l := gate.StaffLink{TokenHash: gate.FingerprintOf([]byte(token)), By: by.Staff, SentAt: a.moment(), ExpiresAt: a.moment().Add(gate.EnrollmentLifetime)}
	notice, err := a.notifyStaff(tx, gate.StaffLinkNotice, []gate.Contact{s.Contact()},
		notify.Data{Name: s.Name, By: by.Name, Roles: inWords(s.Roles), From: l.SentAt, Until: l.ExpiresAt})
	if err != nil {
		return s, err
	}
	if notice.SealedLink, err = tx.Seal(linkLabel(notice.ID), []byte(config.PublicURL()+StaffLinkPath+"#"+token)); err != nil {
		return s, err
	}
	certstore.Put(tx, notice)
	l.Notice = notice.ID
	return s.Invite(l), nil
}

// staffByToken finds a person by the token of their link; the error does not tell a wrong token from one that never was.
func (a *Authority) staffByToken(token string) (*gate.Staff, error) {
	hash := gate.FingerprintOf([]byte(token))
	if token != "" && len(token) <= 200 {
		for _, s := range a.dir.People() {
			if s.Link != nil && s.Link.TokenHash == hash {
				return s, nil
			}
		}
	}
	return nil, gate.Errorf(gate.NotFound, "this link is not known; check that it was copied whole, or ask an admin for a new one")
}

// RedeemStaffLink gives the holder of a link a certificate for the public key in the signing request. The person and all admins are told:
// if it was somebody else, they are the ones who can know.
func (a *Authority) RedeemStaffLink(token string, csr []byte) (*StaffBadge, error) {
	found, err := a.staffByToken(token)
	if err != nil {
		return nil, err
	}
	out, err := a.redeemStaffLink(found, csr)
	if err != nil {
		a.staffLinkRefused(found, err)
		return nil, err
	}
	ca := a.dir.CA(out.Certificate.Issuer)
	if ca == nil {
		return nil, fmt.Errorf("the CA of a certificate of %s is not in the store", found.Name)
	}
	out.Chain = chainPEM(out.Certificate.DER, ca.DER)
	return out, nil
}

func (a *Authority) redeemStaffLink(found *gate.Staff, csr []byte) (*StaffBadge, error) {
	applicant, err := issuer.ParseCSR(csr)
	if err != nil {
		return nil, gate.FieldErrorf("csr", "%s", err)
	}
	made, err := a.staffCertificate(found, applicant)
	if err != nil {
		return nil, err
	}
	out := &StaffBadge{}
	_, err = a.change(linkHolder, func(tx *certstore.Tx) (gate.Event, error) {
		s, err := certstore.Get[gate.Staff](tx, string(found.ID))
		if err != nil {
			return gate.Event{}, err
		}
		if s.Link == nil || s.Link.TokenHash != found.Link.TokenHash {
			return gate.Event{}, gate.Errorf(gate.Conflict, "this link was replaced; use the latest one")
		}
		if err := a.unblocked("csr", applicant.SPKI); err != nil {
			return gate.Event{}, err
		}
		if s.Link.PublicKey != applicant.SPKI {
			if err := a.keyIsFresh(applicant.SPKI); err != nil {
				return gate.Event{}, err
			}
		}
		next, given, err := s.Redeem(applicant.SPKI, *made, a.now())
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &next)
		out.Staff, out.Certificate = &next, &given
		event := gate.Event{Verb: gate.StaffLinkRedeemed, Object: string(next.ID),
			Detail: fmt.Sprintf("%s, redemption %d, until %s", next.Name, next.Link.Redemptions, given.NotAfter.UTC().Format(time.DateOnly))}
		if err := blankLink(tx, next.Link.Notice); err != nil {
			return gate.Event{}, err
		}
		return event, a.tellStaff(tx, linkHolder, event, &next)
	})
	return out, err
}

// staffLinkRefused writes an event, as redemptionRefused does for customers.
func (a *Authority) staffLinkRefused(s *gate.Staff, why error) {
	if kind := gate.KindOf(why); kind != gate.Conflict && kind != gate.Invalid || !a.refused.admit(string(s.Link.Notice)) {
		return
	}
	_, err := a.change(linkHolder, func(*certstore.Tx) (gate.Event, error) {
		return gate.Event{Verb: gate.StaffLinkRefused, Object: string(s.ID), Detail: gate.Clip(s.Name+": "+why.Error(), 200)}, nil
	})
	if err != nil {
		a.log.Error("a refused staff link could not be written down", zap.String("staff", string(s.ID)), zap.Error(err))
	}
}

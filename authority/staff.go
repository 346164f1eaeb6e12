package authority

import (
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// Operator finds the staff member behind a client certificate, on every request: the chain was verified up to anchor, the record
// says whether the person may act. The error tells a person what is wrong with their own certificate.
func (a *Authority) Operator(leaf *gate.Leaf) (gate.Actor, error) {
	if a.closed.Load() {
		return gate.Actor{}, gate.Errorf(gate.ShuttingDown, "certgate is stopping")
	}
	now := a.now()
	if leaf == nil || leaf.Anchor.IsZero() || leaf.CA || !leaf.ClientAuth {
		return gate.Actor{}, gate.Errorf(gate.Unauthorized, "a client certificate of the staff CA is required")
	}
	ca := a.dir.CA(leaf.Anchor)
	if ca == nil || ca.Audience != gate.Operators || !ca.Anchors(now) {
		return gate.Actor{}, gate.Errorf(gate.Unauthorized, "the certificate is not of the staff CA")
	}
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return gate.Actor{}, gate.Errorf(gate.Unauthorized, "the certificate is valid from %s to %s", leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339))
	}
	person, crt := a.dir.StaffByCertificate(leaf.Fingerprint)
	if person == nil || crt.Revoked != nil || !person.Active(now) {
		return gate.Actor{}, gate.Errorf(gate.Unauthorized, "nobody who may act is known by this certificate; a new one takes effect when a second admin has confirmed it")
	}
	return person.Actor(now), nil
}

// Proposed is what an admin proposes for a person: the certificate comes from a signing request of theirs, or they take it with a one-time
// link that is mailed to them. What is left out stays.
type Proposed struct {
	Roles []gate.Role
	Email string // another address
	CSR   []byte
	Link  bool
}

// ProposeStaff makes a person, with roles and a certificate. A second admin must confirm.
func (a *Authority) ProposeStaff(by By, in gate.Staff, csr []byte) (*gate.Staff, error) {
	return a.ProposePerson(by, in.Name, Proposed{Roles: in.Roles, Email: in.Email, CSR: csr})
}

// ProposePerson makes a person of the name. A second admin must confirm.
func (a *Authority) ProposePerson(by By, name string, in Proposed) (*gate.Staff, error) {
	if err := by.May(gate.ManageStaff); err != nil {
		return nil, err
	}
	s := gate.Staff{ID: gate.StaffID(a.newID(gate.StaffPrefix)), Name: name, Email: in.Email, Roles: in.Roles, CreatedAt: a.moment()}
	if err := s.Check(); err != nil {
		return nil, err
	}
	s.Roles, in.Email = nil, ""
	if len(in.CSR) == 0 && !in.Link {
		return nil, gate.FieldErrorf("csr", "is missing, and no link is asked for: the person needs one of them to get a certificate")
	}
	p, err := a.proposal(by, &s, in)
	if err != nil {
		return nil, err
	}
	if s, err = s.Propose(p); err != nil {
		return nil, err
	}
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		for _, other := range a.dir.People() {
			if other.Name == s.Name {
				return gate.Event{}, &gate.Error{Kind: gate.Exists, Field: "name", Text: "staff member " + s.Name + " exists already"}
			}
		}
		certstore.Put(tx, &s)
		event := gate.Event{Verb: gate.StaffProposed, Object: string(s.ID), Detail: s.Name}
		return event, a.tellStaff(tx, by, event, &s)
	})
	return &s, err
}

// ProposeChange asks for other roles or, with a signing request, another certificate. A second admin must confirm.
func (a *Authority) ProposeChange(by By, id gate.StaffID, roles []gate.Role, csr []byte) (*gate.Staff, error) {
	return a.ProposeForPerson(by, id, Proposed{Roles: roles, CSR: csr})
}

// ProposeForPerson asks for a change to a person. A second admin must confirm.
func (a *Authority) ProposeForPerson(by By, id gate.StaffID, in Proposed) (*gate.Staff, error) {
	return a.changeStaff(by, gate.Event{Verb: gate.StaffProposed, Object: string(id)}, func(_ *certstore.Tx, s gate.Staff) (gate.Staff, error) {
		p, err := a.proposal(by, &s, in)
		if err != nil {
			return s, err
		}
		return s.Propose(p)
	})
}

// proposal is what waits for the second admin.
func (a *Authority) proposal(by By, s *gate.Staff, in Proposed) (gate.Proposal, error) {
	p := gate.Proposal{Roles: in.Roles, Email: in.Email, Link: in.Link, By: by.Staff, At: a.moment()}
	if len(in.Roles) == 0 {
		p.Roles = s.Roles
		if s.Proposal != nil && len(s.Roles) == 0 {
			p.Roles = s.Proposal.Roles // of a person who is only proposed
		}
	}
	if len(in.CSR) == 0 {
		return p, nil
	}
	applicant, err := issuer.ParseCSR(in.CSR)
	if err != nil {
		return p, gate.FieldErrorf("csr", "%s", err)
	}
	if err := a.keyIsFresh(applicant.SPKI); err != nil {
		return p, err
	}
	p.Certificate, err = a.staffCertificate(s, applicant)
	return p, err
}

// ConfirmStaff puts a proposal into effect. A link that belongs to it is mailed to the person.
func (a *Authority) ConfirmStaff(by By, id gate.StaffID) (*gate.Staff, error) {
	token, err := a.drawToken()
	if err != nil {
		return nil, err
	}
	return a.changeStaff(by, gate.Event{Verb: gate.StaffConfirmed, Object: string(id)}, func(tx *certstore.Tx, s gate.Staff) (gate.Staff, error) {
		if s.Proposal != nil {
			if err := a.stillAdmin(s.Proposal.By); err != nil {
				return s, err
			}
			if c := s.Proposal.Certificate; c != nil { // its key may have been blocked since
				if err := a.unblocked("csr", publicKeyOf(c.DER)); err != nil {
					return s, err
				}
			}
		}
		confirmed, err := s.Confirm(by.Staff, by.names())
		if err != nil || !s.Proposal.Link {
			return confirmed, err
		}
		return a.mailLink(tx, by, confirmed, token)
	})
}

// stillAdmin refuses to confirm what somebody proposed who is no admin any more: two admins stand behind a change when it is made.
func (a *Authority) stillAdmin(proposer gate.StaffID) error {
	person, err := a.dir.Staff(string(proposer))
	if err != nil || person.Actor(a.now()).May(gate.ManageStaff) != nil {
		return gate.Errorf(gate.Conflict, "whoever proposed this is no admin any more; an admin must propose it again")
	}
	return nil
}

// DisableStaff takes all access away at once.
func (a *Authority) DisableStaff(by By, id gate.StaffID, why string) (*gate.Staff, error) {
	return a.changeStaff(by, gate.Event{Verb: gate.StaffDisabled, Object: string(id), Why: why}, func(_ *certstore.Tx, s gate.Staff) (gate.Staff, error) {
		if a.isLastAdmin(id) {
			return s, gate.Errorf(gate.Conflict, "%s is the last active admin; nobody could act afterwards", s.Name)
		}
		return s.Disable(a.act(by, why))
	})
}

// RevokeStaffCertificate ends one certificate of a person at once; one admin is enough.
func (a *Authority) RevokeStaffCertificate(by By, id gate.StaffID, fp gate.Fingerprint, why string) (*gate.Staff, error) {
	return a.changeStaff(by, gate.Event{Verb: gate.StaffCertificateRevoked, Object: string(id), Why: why}, func(tx *certstore.Tx, s gate.Staff) (gate.Staff, error) {
		revoked, err := s.RevokeCertificate(fp, gate.Revocation{At: a.moment(), By: by.Staff, Why: why})
		if err == nil && s.Live(a.now()) && !revoked.Live(a.now()) && a.isLastAdmin(id) {
			return s, gate.Errorf(gate.Conflict, "%s is the last active admin and this is the last certificate; nobody could act afterwards", s.Name)
		}
		for _, c := range revoked.Certificates {
			if c.Revoked != nil {
				a.block(tx, gate.BlockedKey{PublicKey: publicKeyOf(c.DER), At: c.Revoked.At, By: c.Revoked.By, Cause: gate.BlockedWithBadge})
			}
		}
		return revoked, err
	})
}

// isLastAdmin reports whether the person is an admin, and nobody else could act as one and go on doing so: who has no certificate, or is here
// for a day, does not count.
func (a *Authority) isLastAdmin(id gate.StaffID) bool {
	now := a.now()
	if person, err := a.dir.Staff(string(id)); err != nil || person.Actor(now).May(gate.ManageStaff) != nil {
		return false
	}
	for _, s := range a.dir.People() {
		if s.ID != id && s.Until == nil && s.Live(now) && s.Actor(now).May(gate.ManageStaff) == nil {
			return false
		}
	}
	return true
}

func (a *Authority) changeStaff(by By, event gate.Event, f func(*certstore.Tx, gate.Staff) (gate.Staff, error)) (*gate.Staff, error) {
	if err := by.May(gate.ManageStaff); err != nil {
		return nil, err
	}
	var out gate.Staff
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		s, err := load[gate.Staff](tx, by, event.Object)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = f(tx, *s); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		if l := s.Link; l != nil && (out.Link == nil || out.Link.Notice != l.Notice || !out.Active(a.now())) {
			if err := blankLink(tx, l.Notice); err != nil {
				return gate.Event{}, err
			}
		}
		event.Detail = out.Name
		return event, a.tellStaff(tx, by, event, &out)
	})
	return &out, err
}

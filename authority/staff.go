package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
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
	if person == nil || crt.Revoked != nil || !person.Active() {
		return gate.Actor{}, gate.Errorf(gate.Unauthorized, "nobody who may act is known by this certificate; a new one takes effect when a second admin has confirmed it")
	}
	return person.Actor(), nil
}

// ProposeStaff makes a person, with roles and a certificate for the key in the signing request. A second admin must confirm.
func (a *Authority) ProposeStaff(by By, in gate.Staff, csr []byte) (*gate.Staff, error) {
	if err := errors.Join(by.May(gate.ManageStaff), in.Check()); err != nil {
		return nil, err
	}
	s := gate.Staff{ID: gate.StaffID(a.newID(gate.StaffPrefix)), Name: in.Name, Email: in.Email, CreatedAt: a.moment()}
	crt, err := a.staffCertificate(&s, csr)
	if err != nil {
		return nil, err
	}
	s, err = s.Propose(gate.Proposal{Roles: in.Roles, Certificate: crt, By: by.Staff, At: a.moment()})
	if err != nil {
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
	return a.changeStaff(by, gate.Event{Verb: gate.StaffProposed, Object: string(id)}, func(s gate.Staff) (gate.Staff, error) {
		p := gate.Proposal{Roles: roles, By: by.Staff, At: a.moment()}
		if len(roles) == 0 {
			p.Roles = s.Roles
		}
		if len(csr) > 0 {
			crt, err := a.staffCertificate(&s, csr)
			if err != nil {
				return s, err
			}
			p.Certificate = crt
		}
		return s.Propose(p)
	})
}

// ConfirmStaff puts a proposal into effect.
func (a *Authority) ConfirmStaff(by By, id gate.StaffID) (*gate.Staff, error) {
	return a.changeStaff(by, gate.Event{Verb: gate.StaffConfirmed, Object: string(id)}, func(s gate.Staff) (gate.Staff, error) {
		if s.Proposal != nil {
			if err := a.stillAdmin(s.Proposal.By); err != nil {
				return s, err
			}
		}
		return s.Confirm(by.Staff, by.names())
	})
}

// stillAdmin refuses to confirm what somebody proposed who is no admin any more: two admins stand behind a change when it is made.
func (a *Authority) stillAdmin(proposer gate.StaffID) error {
	person, err := a.dir.Staff(string(proposer))
	if err != nil || person.Actor().May(gate.ManageStaff) != nil {
		return gate.Errorf(gate.Conflict, "whoever proposed this is no admin any more; an admin must propose it again")
	}
	return nil
}

// DisableStaff takes all access away at once.
func (a *Authority) DisableStaff(by By, id gate.StaffID, why string) (*gate.Staff, error) {
	return a.changeStaff(by, gate.Event{Verb: gate.StaffDisabled, Object: string(id), Why: why}, func(s gate.Staff) (gate.Staff, error) {
		if a.isLastAdmin(id) {
			return s, gate.Errorf(gate.Conflict, "%s is the last active admin; nobody could act afterwards", s.Name)
		}
		return s.Disable(a.act(by, why))
	})
}

// RevokeStaffCertificate ends one certificate of a person at once; one admin is enough.
func (a *Authority) RevokeStaffCertificate(by By, id gate.StaffID, fp gate.Fingerprint, why string) (*gate.Staff, error) {
	return a.changeStaff(by, gate.Event{Verb: gate.StaffCertificateRevoked, Object: string(id), Why: why}, func(s gate.Staff) (gate.Staff, error) {
		revoked, err := s.RevokeCertificate(fp, gate.Revocation{At: a.moment(), By: by.Staff, Why: why})
		if err == nil && a.isLastAdmin(id) && !slices.ContainsFunc(revoked.Certificates, func(c gate.StaffCertificate) bool { return c.Revoked == nil }) {
			return s, gate.Errorf(gate.Conflict, "%s is the last active admin and this is the last certificate; nobody could act afterwards", s.Name)
		}
		return revoked, err
	})
}

func (a *Authority) isLastAdmin(id gate.StaffID) bool {
	for _, s := range a.dir.People() {
		if s.ID != id && s.Active() && s.Actor().May(gate.ManageStaff) == nil {
			return false
		}
	}
	return true
}

func (a *Authority) changeStaff(by By, event gate.Event, f func(gate.Staff) (gate.Staff, error)) (*gate.Staff, error) {
	if err := by.May(gate.ManageStaff); err != nil {
		return nil, err
	}
	var out gate.Staff
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		s, err := load[gate.Staff](tx, by, event.Object)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = f(*s); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		event.Detail = out.Name
		return event, a.tellStaff(tx, by, event, &out)
	})
	return &out, err
}

func (a *Authority) staffCertificate(s *gate.Staff, csr []byte) (*gate.StaffCertificate, error) {
	applicant, err := issuer.ParseCSR(csr)
	if err != nil {
		return nil, gate.FieldErrorf("csr", "%s", err)
	}
	signer, ca, err := a.signer(gate.Operators)
	if err != nil {
		return nil, err
	}
	serial, err := issuer.NewSerial(a.random)
	if err != nil {
		return nil, err
	}
	return signStaff(foundedCA{record: ca, ca: signer}, s, applicant, staffLeaf{serial: serial, now: a.moment(), random: a.random})
}

// staffURI names a person in their certificate's subject alternative name.
func staffURI(id gate.StaffID) *url.URL {
	return &url.URL{Scheme: "urn", Opaque: "certgate:staff:" + string(id)}
}

// signStaff signs a certificate of a person under a CA of the staff.
func signStaff(ca foundedCA, s *gate.Staff, applicant issuer.ApplicantKey, leaf staffLeaf) (*gate.StaffCertificate, error) {
	draft, err := ca.ca.Prepare(issuer.StaffProfile, issuer.LeafRequest{
		Key: applicant, CommonName: s.Name, URI: staffURI(s.ID), Serial: leaf.serial,
		NotAfter: earliest(leaf.now.Add(issuer.LeafLifetime), ca.record.NotAfter),
	}, leaf.now)
	if err != nil {
		return nil, err
	}
	der, err := ca.ca.Issue(draft, leaf.random)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the new certificate: %w", err)
	}
	return &gate.StaffCertificate{Fingerprint: gate.FingerprintOf(der), Issuer: ca.record.Fingerprint, DER: der, NotBefore: cert.NotBefore, NotAfter: cert.NotAfter}, nil
}

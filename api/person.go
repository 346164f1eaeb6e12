package api

import (
	"net/url"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// Person is a staff member, with its state: proposed (nothing is in effect yet), invited (the link to the first certificate is out), active,
// ended (made for a day that is over) or disabled.
type Person struct {
	ID           gate.StaffID        `json:"id"`
	Name         string              `json:"name"`
	Email        string              `json:"email"`
	Roles        []gate.Role         `json:"roles"` // in effect
	State        gate.PersonState    `json:"state"`
	CreatedAt    time.Time           `json:"created_at"`
	Bootstrap    bool                `json:"bootstrap,omitempty"`
	Proposal     *Proposal           `json:"proposal,omitempty"`
	Certificates []PersonCertificate `json:"certificates"`
	Disabled     *gate.Act           `json:"disabled,omitempty"`
	Link         *PersonLink         `json:"link,omitempty"`
	Until        *time.Time          `json:"until,omitempty"` // when all access ends by itself
}

// PersonLink is the latest one-time link of a person. Nobody sees the link itself.
type PersonLink struct {
	State       string        `json:"state"`  // open, redeemed, spent, expired or canceled
	Notice      gate.NoticeID `json:"notice"` // what mailed it, and whether it arrived
	SentAt      time.Time     `json:"sent_at"`
	ExpiresAt   time.Time     `json:"expires_at"`
	Redemptions int           `json:"redemptions"`
}

// Proposal is a change that waits for a second admin.
type Proposal struct {
	Roles       []gate.Role        `json:"roles"`
	Certificate *PersonCertificate `json:"certificate,omitempty"`
	Link        bool               `json:"link,omitempty"`  // a one-time link is mailed once it is confirmed
	Email       string             `json:"email,omitempty"` // another address
	By          gate.StaffID       `json:"by"`
	At          time.Time          `json:"at"`
	Replaced    bool               `json:"replaced,omitempty"` // it took the place of an earlier one: confirming it takes If-Match
}

// PersonCertificate is a certificate of the staff CA.
type PersonCertificate struct {
	Fingerprint gate.Fingerprint `json:"fingerprint"`
	Issuer      gate.Fingerprint `json:"issuer"`
	NotBefore   time.Time        `json:"not_before"`
	NotAfter    time.Time        `json:"not_after"`
	Revoked     *gate.Revocation `json:"revoked,omitempty"`
	RenewedFrom gate.Fingerprint `json:"renewed_from,omitzero"`
	Certificate string           `json:"certificate"` // PEM; with the issuing CA where it is not in a list
}

// NewPerson proposes a staff member.
type NewPerson struct {
	Name  string      `json:"name"`
	Email string      `json:"email"`
	Roles []gate.Role `json:"roles"`
	CSR   string      `json:"csr,omitempty"`  // PEM; or
	Link  bool        `json:"link,omitempty"` // a one-time link is mailed to the person
}

// Change proposes other roles, another certificate or another address for a person; what is left out stays.
type Change struct {
	Roles []gate.Role `json:"roles,omitempty"`
	CSR   string      `json:"csr,omitempty"` // PEM
	Link  bool        `json:"link,omitempty"`
	Email string      `json:"email,omitempty"`
}

// NewKey asks for a certificate for another key, with the certificate that is shown.
type NewKey struct {
	CSR string `json:"csr"` // PEM
}

// Myself is who the API takes the caller for.
type Myself struct {
	Staff gate.StaffID `json:"staff"`
	Name  string       `json:"name"`
	Roles []gate.Role  `json:"roles"`
}

var people = listing[*gate.Staff, *Person]{
	all:  func(x *exchange, _ url.Values) ([]*gate.Staff, error) { return x.dir.People(), nil },
	id:   func(r *gate.Staff) string { return string(r.ID) },
	view: (*exchange).personView,
}

func (x *exchange) personView(r *gate.Staff) *Person {
	p := &Person{ID: r.ID, Name: r.Name, Email: r.Email, Roles: r.Roles, State: r.State(x.now), CreatedAt: r.CreatedAt, Bootstrap: r.Bootstrap,
		Disabled: r.Disabled, Certificates: []PersonCertificate{}, Until: r.Until}
	if l := r.Link; l != nil {
		p.Link = &PersonLink{State: r.LinkState(x.now).String(), Notice: l.Notice, SentAt: l.SentAt, ExpiresAt: l.ExpiresAt, Redemptions: l.Redemptions}
	}
	for i := range r.Certificates {
		p.Certificates = append(p.Certificates, x.personCertificate(&r.Certificates[i]))
	}
	if r.Proposal != nil {
		p.Proposal = &Proposal{Roles: r.Proposal.Roles, Link: r.Proposal.Link, Email: r.Proposal.Email,
			By: r.Proposal.By, At: r.Proposal.At, Replaced: r.Proposal.Replaced}
		if c := r.Proposal.Certificate; c != nil {
			shown := x.personCertificate(c)
			p.Proposal.Certificate = &shown
		}
	}
	return p
}

// personCertificate shows a certificate with its issuer, so that the file can be used as it is.
func (x *exchange) personCertificate(c *gate.StaffCertificate) PersonCertificate {
	chain := issuer.CertificatePEM(c.DER)
	if ca := x.dir.CA(c.Issuer); ca != nil {
		chain = append(chain, issuer.CertificatePEM(ca.DER)...)
	}
	return PersonCertificate{Fingerprint: c.Fingerprint, Issuer: c.Issuer, NotBefore: c.NotBefore, NotAfter: c.NotAfter, Revoked: c.Revoked, RenewedFrom: c.RenewedFrom,
		Certificate: string(chain)}
}

func (x *exchange) showPerson(ref string) (*shown, error) {
	r, err := x.dir.Staff(ref)
	if err != nil {
		return nil, err
	}
	return &shown{view: x.personView(r), etag: certstore.ETag(r), path: "/v1/staff/" + string(r.ID)}, nil
}

func whoAmI(x *exchange) (*shown, error) {
	return &shown{view: &Myself{Staff: x.actor.Staff, Name: x.actor.Name, Roles: x.actor.Roles}}, nil
}

// person is the staff member that the address names.
func (x *exchange) person() (gate.StaffID, error) {
	r, err := x.dir.Staff(x.r.PathValue("person"))
	if err != nil {
		return "", err
	}
	return r.ID, nil
}

func proposePerson(x *exchange, by authority.By, in *NewPerson) (string, error) {
	made, err := x.a.ProposePerson(by, in.Name, authority.Proposed{Roles: in.Roles, Email: in.Email, CSR: []byte(in.CSR), Link: in.Link})
	return idOf(made, err)
}

func proposeChange(x *exchange, by authority.By, in *Change) (string, error) {
	id, err := x.person()
	if err != nil {
		return "", err
	}
	if len(in.Roles) == 0 && in.CSR == "" && !in.Link && in.Email == "" {
		return "", gate.FieldErrorf("roles", "is missing, and so are csr, link and email: at least one of them must change")
	}
	made, err := x.a.ProposeForPerson(by, id, authority.Proposed{Roles: in.Roles, Email: in.Email, CSR: []byte(in.CSR), Link: in.Link})
	return idOf(made, err)
}

func confirmPerson(x *exchange, by authority.By, _ *struct{}) (string, error) {
	id, err := x.person()
	if err != nil {
		return "", err
	}
	made, err := x.a.ConfirmStaff(by, id)
	return idOf(made, err)
}

func disablePerson(x *exchange, by authority.By, in *Why) (string, error) {
	id, err := x.person()
	if err != nil {
		return "", err
	}
	made, err := x.a.DisableStaff(by, id, in.Why)
	return idOf(made, err)
}

func revokePersonCertificate(x *exchange, by authority.By, in *Why) (string, error) {
	id, err := x.person()
	if err != nil {
		return "", err
	}
	var fp gate.Fingerprint
	if err := fp.UnmarshalText([]byte(x.r.PathValue("fingerprint"))); err != nil {
		return "", gate.InField("fingerprint", err)
	}
	made, err := x.a.RevokeStaffCertificate(by, id, fp, in.Why)
	return idOf(made, err)
}

// renewMyself gives the caller a certificate for another key. What the caller shows is what is renewed, so nobody can do it for somebody else.
func renewMyself(x *exchange, by authority.By, in *NewKey) (string, error) {
	if x.r.TLS == nil || len(x.r.TLS.PeerCertificates) == 0 {
		return "", gate.Errorf(gate.Unauthorized, "a certificate is renewed with that certificate itself, and none was shown")
	}
	made, err := x.a.RenewStaff(by, gate.FingerprintOf(x.r.TLS.PeerCertificates[0].Raw), []byte(in.CSR))
	return idOf(made, err)
}

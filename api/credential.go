package api

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// The kinds of Credential.
const (
	KeyCredential         = "key"
	CertificateCredential = "certificate"
)

// Credential is a key or a certificate of a device, with its state now: active, retiring, expired, revoked, not-yet-valid,
// or waiting for an import to be confirmed.
type Credential struct {
	ID          string           `json:"id"`
	Kind        string           `json:"kind"` // key or certificate
	Account     gate.AccountID   `json:"account"`
	Device      gate.DeviceID    `json:"device"`
	Environment gate.Environment `json:"environment"`
	State       string           `json:"state"`
	IssuedAt    time.Time        `json:"issued_at"`
	FirstUsedAt *time.Time       `json:"first_used_at,omitempty"`
	// HandedOver is when the link Enrollment gave it, for the last time, and Acknowledged when the customer said that it has stored it. One that came
	// by renewal was handed over when it was issued.
	Enrollment   gate.EnrollmentID `json:"enrollment,omitempty"`
	HandedOver   *time.Time        `json:"handed_over,omitempty"`
	Acknowledged *time.Time        `json:"acknowledged,omitempty"`
	// LastUsedAt is known to the second; after a restart to about an hour.
	LastUsedAt   *time.Time       `json:"last_used_at,omitempty"`
	LastUsedFrom string           `json:"last_used_from,omitempty"` // address of the TCP peer
	EndsAt       *time.Time       `json:"ends_at,omitempty"`        // by itself: not_after or retire_at
	ReplacedBy   string           `json:"replaced_by,omitempty"`    // the newest live one of the device, where this one is retiring
	Revoked      *gate.Revocation `json:"revoked,omitempty"`
	Brought      bool             `json:"brought,omitempty"`  // a certificate of the customer's own CA, brought to the enrollment
	Imported     *gate.TakenOver  `json:"imported,omitempty"` // from before certgate: by whom and when, and who confirmed it

	// Of a key.
	Handle   string     `json:"handle,omitempty"` // its first characters; of an imported token a made-up name
	RetireAt *time.Time `json:"retire_at,omitempty"`
	Key      string     `json:"key,omitempty"` // the key itself: once, in the answer to its making, and in sandbox alone

	// Of a certificate.
	Fingerprint *gate.Fingerprint `json:"fingerprint,omitempty"`
	Issuer      *gate.Fingerprint `json:"issuer,omitempty"`
	PublicKey   *gate.Fingerprint `json:"public_key,omitempty"`
	Serial      string            `json:"serial,omitempty"`
	NotBefore   *time.Time        `json:"not_before,omitempty"`
	NotAfter    *time.Time        `json:"not_after,omitempty"`
	Certificate string            `json:"certificate,omitempty"` // PEM; not in lists
}

// Revocation ends a key or certificate.
type Revocation struct {
	Reason gate.RevocationReason `json:"reason"`
	Why    string                `json:"why"`
	Last   bool                  `json:"last,omitempty"` // it may be the last one with which the device can call
}

var credentials = listing[gate.Record, *Credential]{
	filters: []string{"account", "device", "pepper"},
	all:     (*exchange).credentials,
	id:      gate.Record.RecordID,
	view:    (*exchange).credentialView,
}

// credentials are the keys and certificates together, in the order of identifiers.
func (x *exchange) credentials(q url.Values) ([]gate.Record, error) {
	account, err := x.accountFilter(q)
	if err != nil {
		return nil, err
	}
	device, err := x.deviceFilter(q)
	if err != nil {
		return nil, err
	}
	old, err := pepperFilter(q.Get("pepper"))
	if err != nil {
		return nil, err
	}
	var all []gate.Record
	for _, k := range x.dir.Keys(device) {
		if (account == "" || k.Account == account) && (!old || k.Outlived(x.a.NewestPepper(), x.now)) {
			all = append(all, k)
		}
	}
	if old { // only keys have a pepper
		return all, nil
	}
	for _, c := range x.dir.Certificates(device) {
		if account == "" || c.Account == account {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b gate.Record) int { return cmp.Compare(a.RecordID(), b.RecordID()) })
	return all, nil
}

func (x *exchange) credentialView(r gate.Record) *Credential {
	v := x.credentialOf(r)
	if u := x.dir.LastUse(v.ID); u != nil {
		v.LastUsedAt, v.LastUsedFrom = &u.At, u.From.String()
	}
	v.FirstUsedAt = x.dir.FirstUse(v.ID, v.FirstUsedAt)
	x.handedOver(v)
	return v
}

func (x *exchange) credentialOf(r gate.Record) *Credential {
	switch r := r.(type) {
	case *gate.Key:
		v := &Credential{ID: string(r.ID), Kind: KeyCredential, Account: r.Account, Device: r.Device, Environment: r.Environment,
			State: r.State(x.now).String(), IssuedAt: r.IssuedAt, FirstUsedAt: r.FirstUsedAt, Revoked: r.Revoked, Imported: r.Imported,
			Handle: r.Handle, RetireAt: r.RetireAt, EndsAt: r.RetireAt}
		if by := r.ReplacedBy(x.dir.Keys(r.Device), x.now); by != nil {
			v.ReplacedBy = string(by.ID)
		}
		return v
	case *gate.Certificate:
		all := x.dir.Certificates(r.Device)
		v := &Credential{ID: string(r.ID), Kind: CertificateCredential, Account: r.Account, Device: r.Device, Environment: r.Environment,
			State: r.StateAmong(all, x.now).String(), IssuedAt: r.IssuedAt, FirstUsedAt: r.FirstUsedAt, Revoked: r.Revoked, Imported: r.Imported, Brought: r.Brought,
			Fingerprint: &r.Fingerprint, Issuer: &r.Issuer, PublicKey: &r.PublicKey, Serial: r.Serial, NotBefore: &r.NotBefore, NotAfter: &r.NotAfter, EndsAt: &r.NotAfter}
		if by := r.ReplacedBy(all, x.now); by != nil && r.State(x.now).Live() {
			v.ReplacedBy = string(by.ID)
		}
		return v
	}
	return &Credential{}
}

func (x *exchange) showKey(id string) (*shown, error) {
	r := x.dir.Key(gate.KeyID(id))
	if r == nil {
		return nil, absent("credential", id)
	}
	return &shown{view: x.credentialView(r), etag: certstore.ETag(r), path: "/v1/credentials/" + id}, nil
}

// showCertificate reads the record from the store, because the directory does not hold what the certificate looks like.
func (x *exchange) showCertificate(id string) (*shown, error) {
	var r *gate.Certificate
	err := x.a.Store().View(func(tx *certstore.Tx) (err error) {
		r, err = certstore.Get[gate.Certificate](tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	v := x.credentialView(r)
	v.Certificate = string(issuer.CertificatePEM(r.DER))
	return &shown{view: v, etag: certstore.ETag(r), path: "/v1/credentials/" + id}, nil
}

func (x *exchange) showCredential(id string) (*shown, error) {
	switch {
	case strings.HasPrefix(id, gate.KeyPrefix):
		return x.showKey(id)
	case strings.HasPrefix(id, gate.CertificatePrefix):
		return x.showCertificate(id)
	}
	return nil, absent("credential", id)
}

func createSandboxKey(x *exchange, by authority.By, _ *struct{}) (string, error) {
	device, err := x.dir.Device(x.r.PathValue("device"))
	if err != nil {
		return "", err
	}
	key, record, err := x.a.SandboxKey(by, device.ID)
	if err != nil {
		return "", err
	}
	x.secret = key
	return string(record.ID), nil
}

func revokeCredential(x *exchange, by authority.By, in *Revocation) (string, error) {
	id := x.r.PathValue("credential")
	return id, x.a.RevokeCredential(by, id, authority.Revoking{Reason: in.Reason, Why: in.Why, Last: in.Last})
}

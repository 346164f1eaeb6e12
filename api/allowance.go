package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewCAAllowance proposes for whom a customer's own CA vouches at enrollment, and from where its revocation list is read. It takes the place of
// the allowance that there is, once a second admin has confirmed it.
type NewCAAllowance struct {
	Certificate string   `json:"certificate,omitempty"` // PEM: the CA that issues the clients' certificates; or
	CA          string   `json:"ca,omitempty"`          // one that is known: its fingerprint, or its first 16 digits
	Accounts    []string `json:"accounts,omitempty"`    // whose devices may bring certificates of it; slugs or identifiers
	CRL         string   `json:"crl,omitempty"`         // http or https URL of its full revocation list; empty: none is read
	// GraceHours is for how long certificates go on after the list has run out: 0 to 168. Without it 24, where crl is given.
	GraceHours *int `json:"grace_hours,omitempty"`
	// DistributionPoint demands that certificates which are brought name crl as their distribution point.
	DistributionPoint bool   `json:"distribution_point,omitempty"`
	Why               string `json:"why"`
}

// CAList is how it stands with the revocation list of a customer's own CA.
type CAList struct {
	URL         string     `json:"url"`
	State       string     `json:"state"` // waiting: none was read yet; current; grace: it has run out; refused: so are certificates of the CA
	ThisUpdate  *time.Time `json:"this_update,omitempty"`
	NextUpdate  *time.Time `json:"next_update,omitempty"`
	RefusedFrom time.Time  `json:"refused_from"` // when certificates are refused unless a newer list is read before
	Number      string     `json:"number,omitempty"`
	Entries     int        `json:"entries"`
	FetchedAt   *time.Time `json:"fetched_at,omitempty"`
	TriedAt     *time.Time `json:"tried_at,omitempty"`
	Failures    int        `json:"failures"` // since it was last read
	Problem     string     `json:"problem,omitempty"`
}

// caList is nil for a CA of which no list is read.
func (x *exchange) caList(r *gate.CA) *CAList {
	if r.Allowance == nil || r.Allowance.CRL == "" || r.Retired != nil {
		return nil
	}
	known := x.dir.RevocationList(r.Fingerprint)
	if known != nil && known.URL != r.Allowance.CRL {
		known = nil
	}
	v := &CAList{URL: r.Allowance.CRL, State: "waiting", RefusedFrom: r.Allowance.RefusedFrom(known)}
	if known != nil {
		v.Number, v.Entries, v.Failures, v.Problem, v.TriedAt = known.Number, known.Entries, known.Failures, known.Problem, &known.TriedAt
	}
	if known.Of(r.Allowance) {
		v.State, v.ThisUpdate, v.NextUpdate, v.FetchedAt = "current", &known.ThisUpdate, &known.NextUpdate, &known.FetchedAt
		if !x.now.Before(known.NextUpdate) {
			v.State = "grace"
		}
	}
	if !r.Checked(known, x.now) {
		v.State = "refused"
	}
	return v
}

func allowCA(x *exchange, by authority.By, in *NewCAAllowance) (string, error) {
	wanted := authority.Allowing{Certificate: []byte(in.Certificate), Why: in.Why,
		Allowance: gate.Allowance{CRL: in.CRL, DistributionPoint: in.DistributionPoint}}
	switch {
	case in.GraceHours != nil:
		wanted.Allowance.GraceHours = *in.GraceHours
	case in.CRL != "":
		wanted.Allowance.GraceHours = gate.DefaultGraceHours
	}
	for i, ref := range in.Accounts {
		account, err := x.dir.Account(ref)
		if err != nil {
			return "", gate.FieldErrorf(fmt.Sprintf("accounts[%d]", i), "there is no account %q", gate.Clip(ref, 60))
		}
		wanted.Allowance.Accounts = append(wanted.Allowance.Accounts, account.ID)
	}
	if in.CA != "" {
		known, err := x.findCA(in.CA)
		if err != nil {
			return "", err
		}
		wanted.CA = known.Fingerprint
	}
	made, err := x.a.AllowCA(by, wanted)
	return idOf(made, err)
}

func disallowCA(x *exchange, by authority.By, in *Why) (string, error) {
	r, err := x.findCA(x.r.PathValue("ca"))
	if err != nil {
		return "", err
	}
	made, err := x.a.DisallowCA(by, r.Fingerprint, in.Why)
	return idOf(made, err)
}

func allowanceRoutes() []route {
	shows := writing{compares: true, show: (*exchange).showCA}
	return []route{
		{http.MethodPost, "/v1/ca/allowance", write(shows, allowCA)},
		{http.MethodPost, "/v1/ca/{ca}/disallowance", write(shows, disallowCA)},
	}
}

// AllowCA proposes what a customer's own CA is good for; a second admin must confirm (ConfirmCA).
func (c *Client) AllowCA(ctx context.Context, in NewCAAllowance, o ...Option) (*CA, error) {
	return clientPost[CA](ctx, c, outgoing{address: segments("v1", "ca", "allowance"), options: o}, in)
}

// DisallowCA lets nobody bring certificates of a customer's own CA any more.
func (c *Client) DisallowCA(ctx context.Context, ca string, in Why, o ...Option) (*CA, error) {
	return clientPost[CA](ctx, c, outgoing{address: segments("v1", "ca", ca, "disallowance"), options: o}, in)
}

// Bring takes a key for a certificate of the customer's own, from the public site, as Redeem does for one of ours. Certificate is PEM, with
// those above it; csr proves that its private key is there. The error is gate.Faults where several things are wrong.
func (c *Client) Bring(ctx context.Context, token, csr, certificate string) (*Redeemed, error) {
	return clientPost[Redeemed](ctx, c, outgoing{address: "/enroll"}, redemption{Token: token, CSR: csr, Certificate: certificate})
}

package api

import (
	"crypto/x509"
	"net/url"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// Allowance lets a configuration change a granted behavior to this form, or with an empty method drop it.
type Allowance struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	WebSocket bool   `json:"websocket,omitempty"`
	Why       string `json:"why"`
}

// NewLowering asks that a host may for a time be served in a lower environment than before.
type NewLowering struct {
	To    gate.Environment `json:"to"`
	Until *time.Time       `json:"until,omitempty"` // at most 366 days away; without: 30 days from now
	Why   string           `json:"why"`
}

// CA is an issuing certificate authority, with its role now: issuing, standby (trusted, not yet in use), former (trusted, no longer in
// use), imported, waiting (imported and not confirmed), retired or expired.
type CA struct {
	Fingerprint gate.Fingerprint `json:"fingerprint"`
	Name        string           `json:"name"` // the common name of its subject; of an imported one the whole subject
	Audience    gate.Audience    `json:"audience"`
	Role        string           `json:"role"`
	NotBefore   time.Time        `json:"not_before"`
	NotAfter    time.Time        `json:"not_after"`
	IssuesFrom  *time.Time       `json:"issues_from,omitempty"`
	Retired     *gate.Ending     `json:"retired,omitempty"`
	Imported    *gate.TakenOver  `json:"imported,omitempty"` // a customer's own CA: good for the certificates that came with it or were brought, and for nothing else
	Certificate string           `json:"certificate"`        // PEM
	Root        string           `json:"root,omitempty"`     // PEM; of a CA of ours
	// Where certgate_pki serves it, and the list of what was revoked under it. What staff CAs issued is on no list.
	CertificatePath string `json:"certificate_path,omitempty"`
	CRLPath         string `json:"crl_path,omitempty"`
	// Live is how many certificates under it have not ended, LastEnds when the last of them does.
	Live     int        `json:"live"`
	LastEnds *time.Time `json:"last_ends,omitempty"`
	// Pooled: every trust pool of the running configuration has it. If not, Caddy must be reloaded before clients are asked for what it issues.
	Pooled      bool             `json:"pooled"`
	Proposal    *gate.CAProposal `json:"proposal,omitempty"`    // waits for a second admin
	Compromised bool             `json:"compromised,omitempty"` // retired because its key may be in other hands
	Request     string           `json:"request,omitempty"`     // PEM; the signing request for the next standby, while it waits to be signed
	// Of a customer's own: whose devices bring certificates of it, and how its revocation list stands.
	Allowance *gate.Allowance `json:"allowance,omitempty"`
	List      *CAList         `json:"list,omitempty"`
}

// Behaviors are the behaviors of record.
type Behaviors struct {
	Behaviors  []gate.Behavior `json:"behaviors"`
	Allowances []gate.Behavior `json:"allowances"` // what the next configuration may change
}

var hosts = listing[*gate.Host, *gate.Host]{
	all:  func(x *exchange, _ url.Values) ([]*gate.Host, error) { return x.dir.Hosts(), nil },
	id:   func(r *gate.Host) string { return r.Name },
	view: func(_ *exchange, r *gate.Host) *gate.Host { return r },
}

var cas = listing[*gate.CA, *CA]{
	all:  func(x *exchange, _ url.Values) ([]*gate.CA, error) { return x.dir.CAs(), nil },
	id:   func(r *gate.CA) string { return r.RecordID() },
	view: (*exchange).caView,
}

func (x *exchange) caView(r *gate.CA) *CA {
	v := &CA{Fingerprint: r.Fingerprint, Audience: r.Audience, Role: x.caRole(r),
		NotBefore: r.NotBefore, NotAfter: r.NotAfter, IssuesFrom: r.IssuesFrom, Retired: r.Retired,
		Imported: r.Imported, Certificate: string(issuer.CertificatePEM(r.DER)), Pooled: x.a.Pooled(r), Proposal: r.Proposal, Compromised: r.Compromised}
	if !r.Proposal.Waits() {
		v.Proposal = nil
	}
	if x.leaves == nil {
		x.leaves = x.a.LeavesByCA()
	}
	if l := x.leaves[r.Fingerprint]; l.Live > 0 {
		ends := l.Last.UTC()
		v.Live, v.LastEnds = l.Live, &ends
	}
	if r.Request != nil {
		v.Request = string(issuer.RequestPEM(r.Request.CSR))
	}
	if r.Imported != nil {
		v.Name, v.Allowance, v.List = gate.Clip(subjectOf(r.DER), 200), r.Allowance, x.caList(r)
		if r.Imported.Import.ID == "" {
			v.Imported = nil // it came in to be allowed, and its proposal or allowance says by whom
		}
		return v
	}
	v.Root, v.CertificatePath = string(issuer.CertificatePEM(r.RootDER)), authority.CAPath(r.Fingerprint)
	if r.Audience == gate.Customers {
		v.CRLPath = authority.CRLPath(r.Fingerprint, 0)
	}
	v.Name = x.caName(r)
	return v
}

// caName is what a CA of ours is called.
func (*exchange) caName(r *gate.CA) string {
	certificate, err := x509.ParseCertificate(r.DER)
	if err != nil {
		return ""
	}
	return certificate.Subject.CommonName
}

// caRole tells the CA in use from those that wait and those that were followed by another.
func (x *exchange) caRole(r *gate.CA) string {
	switch {
	case r.Retired != nil:
		return "retired"
	case r.Imported.Waits():
		return "waiting"
	case !r.Anchors(x.now):
		return "expired"
	case r.Imported != nil:
		return "imported"
	case !r.Issues(x.now):
		return "standby"
	}
	for _, other := range x.dir.CAs() {
		if other.Audience == r.Audience && other.Issues(x.now) && other.IssuesFrom.After(*r.IssuesFrom) {
			return "former"
		}
	}
	return "issuing"
}

func (x *exchange) showBehaviors(string) (*shown, error) {
	v := &Behaviors{Behaviors: []gate.Behavior{}, Allowances: []gate.Behavior{}}
	table := x.dir.Behaviors()
	if table == nil {
		return &shown{view: v}, nil
	}
	v.Behaviors, v.Allowances = append(v.Behaviors, table.Behaviors...), append(v.Allowances, table.Allowances...)
	return &shown{view: v, etag: certstore.ETag(table), path: "/v1/behaviors"}, nil
}

func (x *exchange) showHost(name string) (*shown, error) {
	r := x.dir.Host(name)
	if r == nil {
		return nil, absent("host", name)
	}
	return &shown{view: r, etag: certstore.ETag(r), path: "/v1/hosts/" + url.PathEscape(name)}, nil
}

func allowBehavior(x *exchange, by authority.By, in *Allowance) (string, error) {
	err := x.a.AllowBehavior(by, gate.Behavior{Name: x.r.PathValue("behavior"), Method: in.Method, Path: in.Path, WebSocket: in.WebSocket, Cost: 1}, in.Why)
	return "", err
}

func proposeLowering(x *exchange, by authority.By, in *NewLowering) (string, error) {
	made, err := x.a.ProposeLowering(by, x.r.PathValue("host"), authority.NewLowering{To: in.To, Until: in.Until, Why: in.Why})
	return idOf(made, err)
}

func confirmLowering(x *exchange, by authority.By, _ *struct{}) (string, error) {
	made, err := x.a.ConfirmLowering(by, x.r.PathValue("host"))
	return idOf(made, err)
}

func raiseHost(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.RaiseHost(by, x.r.PathValue("host"), in.Why)
	return idOf(made, err)
}

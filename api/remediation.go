package api

import (
	"errors"
	"net/url"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Remediation is a throttle, suspension or termination, with its state now: planned, in-force, lifted or ended.
type Remediation struct {
	gate.Remediation
	State string `json:"state"`
}

// NewRemediation is a remediation as it is asked for.
type NewRemediation struct {
	Subject gate.Subject `json:"subject"` // its id may be a slug path
	Measure gate.Measure `json:"measure"`
	Limit   *gate.Limit  `json:"limit,omitempty"` // of a throttle
	Until   *time.Time   `json:"until,omitempty"` // without: until lifted
	Why     string       `json:"why"`
	// Incident is the one that it is for, which then names it. The customer is told its identifier, to appeal.
	Incident gate.IncidentID `json:"incident,omitempty"`
	// Policy, Risk and Alternatives say why it is this measure (45 CFR 171.203); each may be left out.
	Policy       string `json:"policy,omitempty"`
	Risk         string `json:"risk,omitempty"`
	Alternatives string `json:"alternatives,omitempty"`
}

// Suspension suspends an account.
type Suspension struct {
	Why   string     `json:"why"`
	Until *time.Time `json:"until,omitempty"` // without: until lifted
}

var remediations = listing[*gate.Remediation, *Remediation]{
	filters: []string{"account"},
	all: func(x *exchange, q url.Values) ([]*gate.Remediation, error) {
		account, err := x.accountFilter(q)
		return x.dir.Remediations(account), err
	},
	id:   func(r *gate.Remediation) string { return string(r.ID) },
	view: (*exchange).remediationView,
}

func (x *exchange) remediationView(r *gate.Remediation) *Remediation {
	v := &Remediation{Remediation: *r, State: "ended"}
	switch {
	case r.Planned(x.now):
		v.State = "planned"
	case r.InForce(x.now):
		v.State = "in-force"
	case r.Lifted != nil:
		v.State = "lifted"
	}
	return v
}

func (x *exchange) showRemediation(id string) (*shown, error) {
	r := x.dir.Remediation(gate.RemediationID(id))
	if r == nil {
		return nil, absent("remediation", id)
	}
	return &shown{view: x.remediationView(r), etag: certstore.ETag(r), path: "/v1/remediations/" + id}, nil
}

func createRemediation(x *exchange, by authority.By, in *NewRemediation) (string, error) {
	subject, err := x.subject(in.Subject)
	if err != nil {
		return "", reference("subject.id", err)
	}
	made, err := x.a.Impose(by, authority.Imposition{Subject: subject, Measure: in.Measure, Limit: in.Limit, Until: in.Until, Why: in.Why,
		Incident: in.Incident, Policy: in.Policy, Risk: in.Risk, Alternatives: in.Alternatives})
	return idOf(made, err)
}

// subject finds what is named by a slug path; identifiers, and kinds that there are not, stay as they are.
func (x *exchange) subject(s gate.Subject) (gate.Subject, error) {
	var r gate.Record
	var err error
	switch s.Kind {
	case gate.AccountSubject:
		r, err = x.dir.Account(s.ID)
	case gate.OrganizationSubject:
		r, err = x.dir.Organization(s.ID)
	case gate.DeviceSubject:
		r, err = x.dir.Device(s.ID)
	case gate.KeySubject, gate.CertificateSubject:
		return s, nil
	}
	if err != nil || r == nil {
		return s, err
	}
	return gate.Subject{Kind: s.Kind, ID: r.RecordID()}, nil
}

func liftRemediation(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.Lift(by, gate.RemediationID(x.r.PathValue("remediation")), in.Why)
	return idOf(made, err)
}

func suspendAccount(x *exchange, by authority.By, in *Suspension) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	made, err := x.a.Impose(by, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(account.ID)},
		Measure: gate.Suspend, Until: in.Until, Why: in.Why})
	return idOf(made, err)
}

// reinstateAccount lifts every throttle and suspension of the account itself. Each lifting is a change of its own; the last carries the mark of the
// request, so a repetition after a crash goes on where it ended.
func reinstateAccount(x *exchange, by authority.By, in *Why) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	var open []*gate.Remediation
	for _, r := range x.dir.Remediations(account.ID) {
		if r.Subject.Kind == gate.AccountSubject && r.InForce(x.now) {
			open = append(open, r)
		}
	}
	if len(open) == 0 {
		return "", gate.Errorf(gate.Conflict, "account %s is neither suspended nor throttled", account.Slug)
	}
	if err := x.liftable(open, by, in.Why); err != nil {
		return "", err
	}
	for i, r := range open {
		one := by
		if i < len(open)-1 {
			one.Once = nil
		}
		if _, err := x.a.Lift(one, r.ID, in.Why); err != nil && !errors.Is(err, authority.ErrDryRun) {
			return "", err
		}
	}
	if by.Try != nil {
		return "", authority.ErrDryRun
	}
	return string(account.ID), nil
}

// liftable makes it all or none: what one of several refuses must not leave the others lifted behind an error. A single one is asked when
// it is lifted.
func (x *exchange) liftable(open []*gate.Remediation, by authority.By, why string) error {
	if len(open) == 1 {
		return nil
	}
	for _, r := range open {
		if err := gate.CheckBars(x.dir.Incidents(r.Account), r.ID, x.now); err != nil {
			return err
		}
		if _, err := r.Lift(gate.Lifting{At: x.now, By: by.Staff, Why: why}); err != nil {
			return err
		}
	}
	return nil
}

// showPathAccount shows the account of the address, whatever record was changed for it.
func showPathAccount(x *exchange, _ string) (*shown, error) {
	return x.showAccount(x.r.PathValue("account"))
}

package api

import (
	"context"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewLeak reports that a customer's key, or the private key of its certificate, is known to others. Exactly one of the first three is given.
type NewLeak struct {
	Key         string            `json:"key,omitempty"`         // whole, or a token from before; it is kept nowhere
	Fingerprint *gate.Fingerprint `json:"fingerprint,omitempty"` // of the certificate
	Certificate string            `json:"certificate,omitempty"` // PEM; never a private key
	Why         string            `json:"why"`                   // where it was found
	Since       *time.Time        `json:"since,omitempty"`       // from when on calls with it are listed; left out: all that is remembered
}

// Leak is what was done about it: the credential, revoked now or before, what else its device has, and which calls with it are remembered.
type Leak struct {
	Credential *Credential   `json:"credential"`
	Path       string        `json:"path"`     // slug path of its device
	Incident   string        `json:"incident"` // that the report has opened, or an earlier one of the same
	Others     []*Credential `json:"others"`
	// Calls are those with the leaked credential that are remembered, whoever made them, the newest first, at most 1000. Of allowed calls one a
	// second is remembered, and of each device the last few.
	Calls []*Decision `json:"calls"`
}

// reportLeak is bare of what other changes have: a key may be in the body, so nothing of the request is remembered, and to send it again is safe.
func reportLeak(x *exchange) error {
	if x.r.Header["Idempotency-Key"] != nil {
		return gate.FieldErrorf("Idempotency-Key", "is not taken here, because nothing of this request is remembered; leave it out and repeat it as you like")
	}
	var view *Leak
	o := writing{show: func(*exchange, string) (*shown, error) { return &shown{view: view}, nil }}
	return write(o, func(x *exchange, by authority.By, in *NewLeak) (string, error) {
		leak := authority.Leak{Key: strings.TrimRight(in.Key, "\r\n"), Certificate: []byte(in.Certificate), Why: in.Why}
		if in.Fingerprint != nil {
			leak.Fingerprint = *in.Fingerprint
		}
		id, err := x.a.Leaked(by, leak)
		if err != nil {
			return id, err
		}
		since := time.Time{}
		if in.Since != nil {
			since = *in.Since
		}
		view, err = x.leakView(id, since)
		return id, err
	})(x)
}

func (x *exchange) leakView(id string, since time.Time) (*Leak, error) {
	found, err := x.showCredential(id)
	if err != nil {
		return nil, err
	}
	v := &Leak{Incident: incidentOf(x.a.LeakIncident(id)), Others: []*Credential{}, Calls: []*Decision{}}
	v.Credential, _ = found.view.(*Credential)
	v.Credential.Certificate = ""
	if d, err := x.dir.Device(string(v.Credential.Device)); err == nil {
		v.Path = devicePath(x.dir, d)
	}
	for _, k := range x.dir.Keys(v.Credential.Device) {
		if string(k.ID) != id && k.State(x.now).Live() {
			v.Others = append(v.Others, x.credentialView(k))
		}
	}
	for _, c := range x.dir.Certificates(v.Credential.Device) {
		if string(c.ID) != id && c.State(x.now).Live() {
			v.Others = append(v.Others, x.credentialView(c))
		}
	}
	for _, d := range x.a.UsesOf(id, since) {
		v.Calls = append(v.Calls, x.decisionView(&d))
	}
	return v, nil
}

func incidentOf(i *gate.Incident) string {
	if i == nil {
		return ""
	}
	return string(i.ID)
}

// ReportLeak revokes a credential that is known to others, and says what was done with it. It may be repeated.
func (c *Client) ReportLeak(ctx context.Context, in NewLeak, o ...Option) (*Leak, error) {
	return clientPost[Leak](ctx, c, outgoing{address: segments("v1", "credentials", "leaked"), options: o}, in)
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// DryRun says what a change would do: the answer to any change with ?dry_run=true, unless it would be refused. It is a parameter and not a
// header because a server that does not know a parameter refuses the request, while it would pass over a header and carry it out.
type DryRun struct {
	DryRun bool `json:"dry_run"` // always true: nothing was changed and nobody was told
	// Verb is what the event would say, and Detail what it would say besides.
	Verb   gate.Verb `json:"verb"`
	Detail string    `json:"detail,omitempty"`
	// Devices are those whose calls the change decides about, as they are now, before it.
	Devices []AffectedDevice `json:"devices"`
	// InFlight are the calls of those devices that are being served now.
	InFlight int `json:"in_flight"`
	// Notices are those that would be sent. What will only then be made has another identifier, and times are those of then.
	Notices []PlannedNotice `json:"notices"`
}

// AffectedDevice is a device that a change is about, with what it may do now.
type AffectedDevice struct {
	ID          gate.DeviceID    `json:"id"`
	Path        string           `json:"path"` // its slug path
	Environment gate.Environment `json:"environment"`
	MayCall     bool             `json:"may_call"`         // with its newest certificate and key
	Reason      string           `json:"reason,omitempty"` // why not
	InFlight    int              `json:"in_flight"`
}

// PlannedNotice is a notice as it would be sent, and to whom; where a secret link belongs it says {link}.
type PlannedNotice struct {
	Kind    gate.NoticeKind `json:"kind"`
	To      []gate.Contact  `json:"to"` // empty: staff must deliver it by hand
	Subject string          `json:"subject"`
	Text    string          `json:"text"`
}

// dryRunParameter asks what a change would do.
const dryRunParameter = "dry_run"

// tried reports whether the change shall only be tried.
func (x *exchange) tried(o writing) (bool, error) {
	if o.mustBeMeant {
		_, err := x.query()
		return false, err
	}
	q, err := x.query(dryRunParameter)
	if err != nil {
		return false, err
	}
	switch v := q.Get(dryRunParameter); {
	case v == "true":
	case v == "false" || !q.Has(dryRunParameter):
		return false, nil
	default:
		return false, &statusError{http.StatusBadRequest, gate.FieldErrorf(dryRunParameter, "%q: must be true or false", gate.Clip(v, 40))}
	}
	if len(x.r.Header["Idempotency-Key"]) > 0 {
		return false, gate.FieldErrorf("Idempotency-Key", "has no meaning in a dry run, which can be repeated as it is; leave it out")
	}
	return true, nil
}

// answerTried answers a change that was only tried; err is what it came back with.
func (x *exchange) answerTried(d *authority.DryRun, err error) error {
	if err == nil {
		return fmt.Errorf("%s was carried out, and should only have been tried", x.r.URL.Path)
	}
	if !errors.Is(err, authority.ErrDryRun) {
		return err
	}
	effect, err := x.a.Effect(d)
	if err != nil {
		return err
	}
	view := &DryRun{DryRun: true, Verb: d.Event.Verb, Detail: d.Event.Detail, Devices: []AffectedDevice{}, Notices: []PlannedNotice{}}
	for _, hit := range effect.Devices {
		shown := AffectedDevice{ID: hit.Device.ID, Path: hit.Path, Environment: hit.Device.Environment, MayCall: hit.Reason == gate.Allowed, InFlight: hit.InFlight}
		if !shown.MayCall {
			shown.Reason = hit.Reason.String()
		}
		view.Devices = append(view.Devices, shown)
		view.InFlight += hit.InFlight
	}
	for _, n := range effect.Notices {
		view.Notices = append(view.Notices, PlannedNotice{Kind: n.Kind, To: append([]gate.Contact{}, n.To...), Subject: n.Subject, Text: n.Body})
	}
	return x.json(http.StatusOK, view)
}

// Try asks what a change would do, by the address and body of the change itself, such as /v1/accounts/acme/suspension and a Suspension. Its
// error is the one that the change would have come back with. A nil body sends none.
func (c *Client) Try(ctx context.Context, address string, in any, o ...Option) (*DryRun, error) {
	raw, err := clientPost[json.RawMessage](ctx, c, outgoing{address: address + "?" + url.Values{dryRunParameter: {"true"}}.Encode(), options: o}, in)
	if err != nil {
		return nil, err
	}
	out := new(DryRun)
	if err := json.Unmarshal(*raw, out); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if !out.DryRun {
		return nil, fmt.Errorf("the server at %s did not answer as to a dry run: look whether the change was made", c.Base)
	}
	return out, nil
}

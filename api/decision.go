package api

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Decision is what was decided about one request, filed under whoever proved to be there. Of refusals the last 100 of each device are
// remembered, of allowed calls one a second and 20 at most, of strangers what came last.
type Decision struct {
	ID     string    `json:"id"` // as in X-Request-Id and in the problem's instance
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`          // allowed, or why not
	Title  string    `json:"title,omitempty"` // the reason for people
	// Scope says what is suspended or terminated, for those reasons.
	Scope       gate.SubjectKind   `json:"scope,omitempty"`
	Environment string             `json:"environment,omitempty"` // empty: refused in the TLS handshake
	Host        string             `json:"host,omitempty"`
	Method      string             `json:"method,omitempty"`
	Behavior    string             `json:"behavior,omitempty"` // what was called, as far as it got
	Purpose     gate.Purpose       `json:"purpose,omitempty"`
	Address     string             `json:"address,omitempty"`     // of the peer
	Fingerprint string             `json:"fingerprint,omitempty"` // of the client certificate
	Certificate gate.CertificateID `json:"certificate,omitempty"` // if it is registered
	Handle      string             `json:"handle,omitempty"`      // of the key as presented; by itself it proves nothing
	Key         gate.KeyID         `json:"key,omitempty"`         // if the whole key was right
	Device      gate.DeviceID      `json:"device,omitempty"`      // empty: a stranger's
	Account     gate.AccountID     `json:"account,omitempty"`
}

// DecisionQuery chooses from what is remembered; every field may be left out.
type DecisionQuery struct {
	ID          string
	Account     string // by id or slug
	Device      string // by id or slug path
	Reason      string
	Fingerprint string // of a client certificate, in hexadecimal
	Address     string // of a peer
	Since       time.Time
	Until       time.Time
	After       string // Page.Next of the page before
	Limit       int    // 1 to 1000; 0: 100
}

var decisionFilters = []string{"id", "account", "device", "reason", "fingerprint", "address", "since", "until"}

func (q DecisionQuery) encode() string {
	v := make(url.Values)
	for name, value := range map[string]string{"id": q.ID, "account": q.Account, "device": q.Device, "reason": q.Reason,
		"fingerprint": q.Fingerprint, "address": q.Address, "since": moment(q.Since), "until": moment(q.Until), "after": q.After} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func listDecisions(x *exchange) error {
	q, err := x.query(append([]string{"limit", "after"}, decisionFilters...)...)
	if err != nil {
		return err
	}
	limit, err := pageLimit(q)
	if err != nil {
		return err
	}
	filter, err := x.decisionFilter(q)
	if err != nil {
		return err
	}
	if filter.Before, err = decisionID(q, "after"); err != nil {
		return err
	}
	found := x.a.Decisions().List(filter, limit+1)
	page := Page[*Decision]{Items: []*Decision{}}
	if len(found) > limit {
		found = found[:limit]
		page.Next = found[limit-1].ID
	}
	for i := range found {
		page.Items = append(page.Items, x.decisionView(&found[i]))
	}
	return x.json(http.StatusOK, page)
}

func (x *exchange) showDecision(id string) (*shown, error) {
	raw, err := gate.ParseID(gate.DecisionPrefix, id)
	if err != nil {
		return nil, absent("decision", id)
	}
	found := x.a.Decisions().List(authority.DecisionFilter{ID: &raw}, 1)
	if len(found) == 0 {
		return nil, gate.Errorf(gate.NotFound, "decision %s is not remembered: it is kept in memory only, among the last of its device", id)
	}
	return &shown{view: x.decisionView(&found[0])}, nil
}

// decisionFilter reads the query. What cannot be read is refused, and never ignored.
func (x *exchange) decisionFilter(q url.Values) (f authority.DecisionFilter, err error) {
	if f.ID, err = decisionID(q, "id"); err != nil {
		return f, err
	}
	if f.Account, err = x.accountFilter(q); err != nil {
		return f, err
	}
	if f.Device, err = x.deviceFilter(q); err != nil {
		return f, err
	}
	if code := q.Get("reason"); code != "" {
		reason, ok := gate.ParseReason(code)
		if !ok {
			return f, gate.FieldErrorf("reason", "%q: must be allowed or a code such as key-required", gate.Clip(code, 60))
		}
		f.Reason = &reason
	}
	if text := q.Get("fingerprint"); text != "" {
		if err := f.Fingerprint.UnmarshalText([]byte(text)); err != nil {
			return f, gate.InField("fingerprint", err)
		}
	}
	if text := q.Get("address"); text != "" {
		if f.Peer, err = parsePeer(text); err != nil {
			return f, err
		}
	}
	if f.Since, err = timeFilter(q, "since"); err != nil {
		return f, err
	}
	f.Until, err = timeFilter(q, "until")
	return f, err
}

func decisionID(q url.Values, field string) (*[16]byte, error) {
	text := q.Get(field)
	if text == "" {
		return nil, nil //nolint:nilnil // no filter, and no mistake
	}
	raw, err := gate.ParseID(gate.DecisionPrefix, text)
	if err != nil {
		return nil, gate.InField(field, err)
	}
	return &raw, nil
}

func timeFilter(q url.Values, field string) (time.Time, error) {
	text := q.Get(field)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, gate.FieldErrorf(field, "%q: must be a time such as 2027-03-31T16:00:00Z (RFC 3339)", gate.Clip(text, 60))
	}
	return t, nil
}

func (x *exchange) decisionView(p *authority.PastDecision) *Decision {
	v := &Decision{ID: p.ID, At: p.At, Reason: p.Reason.String(), Scope: p.Scope, Host: p.Host, Method: p.Method, Behavior: p.Behavior,
		Purpose: p.Purpose, Handle: p.Handle, Device: p.Device, Account: p.Account}
	if p.Reason != gate.Allowed {
		v.Title = pages[v.Reason].Title
	}
	if p.Environment != gate.NoEnvironment {
		v.Environment = p.Environment.String()
	}
	if p.Peer.IsValid() {
		v.Address = p.Peer.String()
	}
	var caller gate.Caller
	x.dir.Caller(&certstore.Probe{Leaf: p.Fingerprint, Handle: p.Handle}, &caller)
	if !p.Fingerprint.IsZero() {
		v.Fingerprint = p.Fingerprint.String()
		if caller.Certificate != nil {
			v.Certificate = caller.Certificate.ID
		}
	}
	if p.KeyProven && caller.Key != nil {
		v.Key = caller.Key.ID
	}
	return v
}

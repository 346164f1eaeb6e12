package api

import (
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// OwnStatus is what a device is told about itself at /.well-known/certgate/status, for machines. Days left are whole days, rounded
// down; a field without a value is left out.
type OwnStatus struct {
	Account       NamedStatus          `json:"account"`
	Organization  NamedStatus          `json:"organization"`
	Device        NamedStatus          `json:"device"`
	Environment   gate.Environment     `json:"environment"`
	Contract      *ContractStatus      `json:"contract,omitempty"`
	Certification *CertificationStatus `json:"certification,omitempty"`
	Certificate   *CertificateStatus   `json:"certificate,omitempty"` // of this connection
	Key           *KeyStatus           `json:"key,omitempty"`         // of this request
	// All that are live, with when each was last used: any of these certificates goes with any of these keys.
	Certificates []CertificateStatus `json:"certificates,omitempty"`
	Keys         []KeyStatus         `json:"keys,omitempty"`
	// Limits are all of the plan, with what is left for this device.
	Limits []LimitStatus `json:"limits,omitempty"`
	// Imposed are the throttles and suspensions in force, and Incidents those that the account was told of.
	Imposed   []ImposedStatus  `json:"imposed,omitempty"`
	Incidents []IncidentStatus `json:"incidents,omitempty"`
}

// LimitStatus is a limit of the plan and what is left of it now.
type LimitStatus struct {
	Name string `json:"name"` // as RateLimit and violated-policies name it
	gate.Limit
	Left   int64 `json:"left"`
	Extra  int64 `json:"extra,omitempty"` // granted beyond it for this day or month
	MoreIn int64 `json:"more_in"`         // seconds until there is more
}

// NamedStatus is one of the device's owners, or the device, and what remediations come to for it.
type NamedStatus struct {
	ID     string     `json:"id"`
	Slug   string     `json:"slug"`
	State  string     `json:"state"`            // normal, throttled, suspended, terminated
	Reason string     `json:"reason,omitempty"` // why, as the notice says it
	Until  *time.Time `json:"until,omitempty"`  // when it ends by itself
}

// ContractStatus is the contract that counts now. Its days are those to the end of the last term that follows without gap; none are left
// of one that is not in force.
type ContractStatus struct {
	ID       gate.ContractID `json:"id"`
	State    string          `json:"state"`
	First    gate.Date       `json:"first"`
	Last     gate.Date       `json:"last"`
	Zone     string          `json:"zone"`
	DaysLeft int             `json:"days_left"`
}

// CertificationStatus is the certification that counts now. Its days end with the last term that it covers or, if a change must be
// certified before, then.
type CertificationStatus struct {
	ID          gate.CertificationID `json:"id"`
	State       string               `json:"state"`
	RecertifyBy *time.Time           `json:"recertify_by,omitempty"`
	DaysLeft    int                  `json:"days_left"`
}

// CertificateStatus is the client certificate of the connection.
type CertificateStatus struct {
	ID       gate.CertificateID `json:"id"`
	State    string             `json:"state"`
	NotAfter time.Time          `json:"not_after"`
	DaysLeft int                `json:"days_left"`
	Use
	ReplacedBy gate.CertificateID `json:"replaced_by,omitempty"` // of a retiring one
}

// Use is when a key or certificate was used; nothing of one that was not.
type Use struct {
	FirstUsedAt  *time.Time `json:"first_used_at,omitempty"`
	LastUsedAt   *time.Time `json:"last_used_at,omitempty"`
	LastUsedFrom string     `json:"last_used_from,omitempty"`
}

// KeyStatus is the key of the request.
type KeyStatus struct {
	ID       gate.KeyID `json:"id"`
	State    string     `json:"state"`
	RetireAt *time.Time `json:"retire_at,omitempty"`
	DaysLeft *int       `json:"days_left,omitempty"` // of a retiring key
	Use
	ReplacedBy gate.KeyID `json:"replaced_by,omitempty"` // of a retiring key
}

// Status is the body of /.well-known/certgate/status for a call whose device has been identified.
func Status(call *authority.Call, now time.Time) any {
	s := *ownStatus(&call.Caller, call.Request.Site.Environment, now)
	h := holding{call: call, now: now}
	h.keys, h.certificates = call.Held(now)
	for _, l := range call.LimitsNow(now) {
		s.Limits = append(s.Limits, LimitStatus{Name: l.Limit.Name(), Limit: l.Limit, Left: l.Left, Extra: l.Extra, MoreIn: ratelimit.Seconds(l.More)})
	}
	s.appealable(call, now)
	if s.Certificate != nil {
		own := h.certificate(call.Caller.Certificate)
		own.State = credentialState(call.Caller.Certificate.StateAmong(h.certificates, now), call.Caller.Remediations[gate.OfCertificate], now)
		s.Certificate = &own
		for _, c := range h.certificates {
			s.Certificates = append(s.Certificates, h.certificate(c))
		}
	}
	if s.Key != nil {
		own := h.key(call.Caller.Key)
		own.State = s.Key.State
		s.Key = &own
		for _, k := range h.keys {
			s.Keys = append(s.Keys, h.key(k))
		}
	}
	return s
}

// ownStatus is what the records say. What else the device holds is for callers that have shown both key and certificate: see Status.

func ownStatus(c *gate.Caller, e gate.Environment, now time.Time) *OwnStatus {
	s := &OwnStatus{Environment: e}
	if c.Account != nil {
		s.Account = namedStatus(string(c.Account.ID), c.Account.Slug, c.Remediations[gate.OfAccount], now)
	}
	if c.Organization != nil {
		s.Organization = namedStatus(string(c.Organization.ID), c.Organization.Slug, c.Remediations[gate.OfOrganization], now)
	}
	if c.Device != nil {
		s.Device = namedStatus(string(c.Device.ID), c.Device.Slug, c.Remediations[gate.OfDevice], now)
	}
	if s.Environment.NeedsCertification() {
		s.Contract, s.Certification = termStatus(c, now)
	}
	h := holding{now: now}
	if s.Environment.NeedsCertificate() && c.Certificate != nil {
		own := h.certificate(c.Certificate)
		own.State = credentialState(c.Certificate.State(now), c.Remediations[gate.OfCertificate], now)
		s.Certificate = &own
	}
	if c.Key != nil {
		own := h.key(c.Key)
		own.State = credentialState(c.Key.State(now), c.Remediations[gate.OfKey], now)
		s.Key = &own
	}
	return s
}

// holding is what a device holds, to be told.
type holding struct {
	call         *authority.Call // nil: uses are not told
	now          time.Time
	keys         []*gate.Key
	certificates []*gate.Certificate
}

func (h *holding) certificate(c *gate.Certificate) CertificateStatus {
	s := CertificateStatus{ID: c.ID, NotAfter: c.NotAfter, DaysLeft: daysLeft(c.NotAfter, h.now), State: c.StateAmong(h.certificates, h.now).String(),
		Use: h.use(string(c.ID), c.FirstUsedAt)}
	if by := c.ReplacedBy(h.certificates, h.now); by != nil && c.State(h.now).Live() {
		s.ReplacedBy = by.ID
	}
	return s
}

func (h *holding) key(k *gate.Key) KeyStatus {
	s := KeyStatus{ID: k.ID, State: k.State(h.now).String(), RetireAt: k.RetireAt, Use: h.use(string(k.ID), k.FirstUsedAt)}
	if by := k.ReplacedBy(h.keys, h.now); by != nil {
		s.ReplacedBy = by.ID
	}
	if k.RetireAt != nil {
		days := daysLeft(*k.RetireAt, h.now)
		s.DaysLeft = &days
	}
	return s
}

func (h *holding) use(id string, first *time.Time) Use {
	if h.call == nil {
		return Use{}
	}
	u := Use{FirstUsedAt: h.call.FirstUse(id, first)}
	if last := h.call.LastUse(id); last != nil {
		u.LastUsedAt, u.LastUsedFrom = &last.At, last.From.String()
	}
	return u
}

// termStatus counts to the ends of the clocks: a renewed contract goes on with its next term.
func termStatus(c *gate.Caller, now time.Time) (*ContractStatus, *CertificationStatus) {
	left := make(map[gate.ClockKind]int)
	for _, clock := range gate.Clocks(c, now) {
		left[clock.Kind] = daysLeft(clock.Ends, now)
	}
	found := c.Contract(now)
	if found != nil && found.State(now) == gate.ContractNotStarted { // its clock does not run yet, but its days are there
		_, ends := found.Term()
		left[gate.ContractClock], left[gate.CertificationClock] = daysLeft(ends, now), daysLeft(ends, now)
	}
	var contract *ContractStatus
	if found != nil {
		contract = &ContractStatus{ID: found.ID, State: found.State(now).String(), First: found.First, Last: found.Last, Zone: found.Zone,
			DaysLeft: left[gate.ContractClock]}
	}
	certified, state := c.Certification(found, now)
	if certified == nil {
		return contract, nil
	}
	return contract, &CertificationStatus{ID: certified.ID, State: state.String(), RecertifyBy: certified.RecertifyBy, DaysLeft: left[gate.CertificationClock]}
}

// namedStatus tells the reason and end of the strictest remediation in force; of several that are equal, the one that ends last.
func namedStatus(id, slug string, list []*gate.Remediation, now time.Time) NamedStatus {
	s := NamedStatus{ID: id, Slug: slug, State: gate.StatusOf(list, now).String()}
	var shown *gate.Remediation
	for _, r := range list {
		if r.InForce(now) && (shown == nil || outlasts(r, shown)) {
			shown = r
		}
	}
	if shown != nil {
		s.Reason, s.Until = shown.Why, shown.Until
	}
	return s
}

func outlasts(a, b *gate.Remediation) bool {
	switch {
	case a.Measure != b.Measure:
		return a.Measure.Status() > b.Measure.Status()
	case b.Until == nil:
		return false
	}
	return a.Until == nil || a.Until.After(*b.Until)
}

// credentialState is the part's own state, or what remediations have made of it.
func credentialState(own gate.CredentialState, list []*gate.Remediation, now time.Time) string {
	if status := gate.StatusOf(list, now); status != gate.Normal && own.Live() {
		return status.String()
	}
	return own.String()
}

// daysLeft counts the whole days until end; none once it has passed.
func daysLeft(end, now time.Time) int {
	return max(0, int(end.Sub(now)/(24*time.Hour)))
}

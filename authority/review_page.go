package authority

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// ReviewPage is what somebody reads before they sign that they have looked at an account. What runs on by itself is told by whole days, so
// that the page stays as it was read until something happens, or the day ends.
type ReviewPage struct {
	Account gate.AccountID   `json:"account"`
	Slug    string           `json:"slug"`
	Name    string           `json:"name"`
	Status  string           `json:"status"`
	State   gate.ReviewState `json:"state"`
	Due     *time.Time       `json:"due,omitempty"`  // nil: nothing is in production
	Last    *gate.Review     `json:"last,omitempty"` // nil: it was never reviewed
	From    time.Time        `json:"from"`           // of what is told here: where the last review ended
	Until   time.Time        `json:"until"`          // not in it: the beginning of today in the customer's zone
	Zone    string           `json:"zone"`

	Certifications []ReviewedCase `json:"certifications"` // in production
	// DeclaredDaily is the declared volume of those together, in calls a day, and Daily what was let through on average.
	DeclaredDaily int64           `json:"declared_daily"`
	Daily         int64           `json:"daily"`
	Calls         []ReviewedCalls `json:"calls"`    // in production that were let through
	Refusals      []ReviewedCalls `json:"refusals"` // in production of callers that had shown who they are
	// MostPatients and MostNetworks are those of the day that had the most; NewPatients are of all days.
	MostPatients int64 `json:"most_patients"`
	NewPatients  int64 `json:"new_patients"`
	MostNetworks int64 `json:"most_networks"`

	Remediations []ReviewedMatter     `json:"remediations"` // in force within the time, or now
	Incidents    []ReviewedMatter     `json:"incidents"`    // open within the time, or now
	Changes      []ReviewedMatter     `json:"changes"`      // reported or judged within the time, or not judged
	Undelivered  []ReviewedMatter     `json:"undelivered"`  // notices that have not arrived
	Credentials  []ReviewedCredential `json:"credentials"`  // live within the time, or now

	// Digest is the SHA-256 of all of the above as JSON, where this is zero.
	Digest gate.Fingerprint `json:"digest"`
}

// ETag names the page as it is.
func (p *ReviewPage) ETag() string { return p.Digest.String()[:reviewTag] }

// ReviewedCase is a certification under which devices may call.
type ReviewedCase struct {
	ID          gate.CertificationID `json:"id"`
	State       string               `json:"state"`
	Since       time.Time            `json:"since"`          // when it came into force
	Ends        *time.Time           `json:"ends,omitempty"` // with its contract's term
	RecertifyBy *time.Time           `json:"recertify_by,omitempty"`
	Behaviors   []string             `json:"behaviors"`
	Purposes    []gate.Purpose       `json:"purposes"`
	Networks    []netip.Prefix       `json:"networks"` // declared
	DailyVolume int64                `json:"daily_volume"`
	Devices     []string             `json:"devices"` // slug paths
}

// ReviewedCalls counts calls of one kind.
type ReviewedCalls struct {
	Behavior string        `json:"behavior"`
	Outcome  usage.Outcome `json:"outcome"` // of a refused one the code of its reason
	Calls    int64         `json:"calls"`
}

// ReviewedMatter is something that happened, or was done, and what came of it.
type ReviewedMatter struct {
	ID    string     `json:"id"`
	What  string     `json:"what"`
	Of    string     `json:"of"` // slug path or identifier
	State string     `json:"state"`
	At    time.Time  `json:"at"`
	Ended *time.Time `json:"ended,omitempty"`
	Why   string     `json:"why"`
}

// ReviewedCredential is a key or certificate of production.
type ReviewedCredential struct {
	ID     string     `json:"id"`
	Device string     `json:"device"` // its slug path
	State  string     `json:"state"`
	Issued time.Time  `json:"issued"`
	Ends   *time.Time `json:"ends,omitempty"`
	Used   gate.Date  `json:"used"` // the last day in the customer's zone; empty: never, as far as is known
}

// ReviewPage makes the page of an account as it is now.
func (a *Authority) ReviewPage(id gate.AccountID) (*ReviewPage, error) {
	account, err := a.dir.Account(string(id))
	if err != nil {
		return nil, err
	}
	r := reader{Authority: a, now: a.now(), zone: a.UsageZone(id)}
	clock := a.reviewClock(id, a.dir.Reviews(id), r.now)
	r.page = ReviewPage{Account: id, Slug: account.Slug, Name: account.Name, Status: a.AccountStatus(id, r.now).String(), State: clock.State(r.now),
		Last: clock.Last, From: clock.From().UTC(), Zone: r.zone.String(),
		Certifications: []ReviewedCase{}, Calls: []ReviewedCalls{}, Refusals: []ReviewedCalls{}, Remediations: []ReviewedMatter{},
		Incidents: []ReviewedMatter{}, Changes: []ReviewedMatter{}, Undelivered: []ReviewedMatter{}, Credentials: []ReviewedCredential{}}
	today := gate.Date(r.now.In(r.zone).Format(time.DateOnly)).Start(r.zone).UTC()
	r.page.Until = today
	if r.page.From.IsZero() || r.page.From.After(today) { // nothing is in production, or it is since today
		r.page.Until = r.page.From
	}
	if due := clock.Due(); !due.IsZero() {
		r.page.Due = &due
	}
	r.cases()
	r.remediations()
	r.incidents()
	r.undelivered()
	r.credentials()
	if err := errors.Join(r.usage(), r.seen()); err != nil {
		return nil, err
	}
	text, err := json.Marshal(&r.page)
	if err != nil {
		return nil, err
	}
	r.page.Digest = gate.FingerprintOf(text)
	return &r.page, nil
}

// reader fills a page.
type reader struct {
	*Authority
	page ReviewPage
	now  time.Time
	zone *time.Location
}

// within reports whether something that began and ended then was within the time that is told of, or since; a nil end is none.
func (r *reader) within(from time.Time, ended *time.Time) bool {
	return !from.After(r.now) && (ended == nil || ended.After(r.page.From) || ended.After(r.now))
}

// pathOf names a subject as people type it, or else by its identifier.
func (r *reader) pathOf(s gate.Subject) string {
	switch s.Kind {
	case gate.AccountSubject:
		return r.page.Slug
	case gate.OrganizationSubject:
		if path, err := r.organizationPath(gate.OrganizationID(s.ID)); err == nil {
			return path
		}
	case gate.DeviceSubject:
		return r.devicePathOf(gate.DeviceID(s.ID))
	case gate.KeySubject, gate.CertificateSubject:
	}
	return s.ID
}

func (r *reader) devicePathOf(id gate.DeviceID) string {
	if device, err := r.dir.Device(string(id)); err == nil {
		if path, err := r.devicePath(device); err == nil {
			return path
		}
	}
	return string(id)
}

// cases are the certifications, and what was reported to have changed about them.
func (r *reader) cases() {
	for _, c := range r.dir.Certifications(r.page.Account) {
		term := c.Term(r.dir.Contract, r.now)
		state := c.State(term, r.now)
		for n := range c.Changes {
			r.change(c, n)
		}
		if c.EnrolledAt == nil || state != gate.InForce && state != gate.Lapsed {
			continue
		}
		one := ReviewedCase{ID: c.ID, State: state.String(), Since: c.EnrolledAt.UTC(), RecertifyBy: c.RecertifyBy, Behaviors: append([]string{}, c.Profile.Grant.Behaviors...),
			Purposes: append([]gate.Purpose{}, c.Profile.Grant.Purposes...), Networks: append([]netip.Prefix{}, c.Profile.Networks...), DailyVolume: c.Profile.DailyVolume, Devices: []string{}}
		if zone, err := time.LoadLocation(term.Zone); err == nil {
			ends := term.Last.AddDays(1).Start(zone).UTC()
			one.Ends = &ends
		}
		for _, d := range c.Devices {
			one.Devices = append(one.Devices, r.devicePathOf(d))
		}
		r.page.DeclaredDaily += c.Profile.DailyVolume
		r.page.Certifications = append(r.page.Certifications, one)
	}
}

func (r *reader) change(c *gate.Certification, n int) {
	report := &c.Changes[n]
	m := ReviewedMatter{ID: string(c.ID), What: string(report.Kind), Of: string(c.ID), State: "unjudged", At: report.Reported.At, Why: report.Text}
	if report.Judged != nil {
		m.State, m.Ended = "immaterial", &report.Judged.At
		if report.Material {
			m.State = "material"
		}
	}
	if r.within(m.At, m.Ended) {
		r.page.Changes = append(r.page.Changes, m)
	}
}

func (r *reader) remediations() {
	for _, rem := range r.dir.Remediations(r.page.Account) {
		m := ReviewedMatter{ID: string(rem.ID), What: string(rem.Measure), Of: r.pathOf(rem.Subject), State: "ended", At: rem.From, Ended: rem.Until, Why: rem.Why}
		switch {
		case rem.Lifted != nil:
			m.State, m.Ended = "lifted", &rem.Lifted.At
		case rem.Planned(r.now):
			m.State = "planned"
		case rem.InForce(r.now):
			m.State = "in force"
		}
		if rem.Planned(r.now) || r.within(m.At, m.Ended) {
			r.page.Remediations = append(r.page.Remediations, m)
		}
	}
}

func (r *reader) incidents() {
	for _, i := range r.dir.Incidents(r.page.Account) {
		m := ReviewedMatter{ID: string(i.ID), What: string(i.Origin), Of: r.pathOf(i.Subject), State: i.State().String(), At: i.Opened.At, Why: i.Opened.Why}
		if i.Security != nil {
			m.What += ", security incident"
		}
		if i.Closed != nil {
			m.State, m.Ended = string(i.Closed.Outcome), &i.Closed.Act.At
		}
		if r.within(m.At, m.Ended) {
			r.page.Incidents = append(r.page.Incidents, m)
		}
	}
}

// undelivered are asked of memory, where notices lie until they have arrived.
func (r *reader) undelivered() {
	r.outbox.mu.Lock()
	defer r.outbox.mu.Unlock()
	for _, n := range r.outbox.open {
		if n.Account == r.page.Account && n.State(r.now) == gate.NoticeFailed {
			r.page.Undelivered = append(r.page.Undelivered, ReviewedMatter{ID: string(n.ID), What: string(n.Kind), Of: r.page.Slug,
				State: gate.NoticeFailed.String(), At: n.CreatedAt, Why: gate.Clip(n.Trouble(), maxReportedProblem)})
		}
	}
	slices.SortFunc(r.page.Undelivered, func(x, y ReviewedMatter) int { return cmp.Compare(x.ID, y.ID) })
}

func (r *reader) credentials() {
	for _, d := range r.dir.Devices(r.page.Account) {
		if d.Environment != gate.Production {
			continue
		}
		path := r.devicePathOf(d.ID)
		for _, k := range r.dir.Keys(d.ID) {
			r.credential(ReviewedCredential{ID: string(k.ID), Device: path, State: k.State(r.now).String(), Issued: k.IssuedAt, Ends: k.RetireAt}, k.Revoked)
		}
		for _, c := range r.dir.Certificates(d.ID) {
			r.credential(ReviewedCredential{ID: string(c.ID), Device: path, State: c.State(r.now).String(), Issued: c.IssuedAt, Ends: &c.NotAfter}, c.Revoked)
		}
	}
}

func (r *reader) credential(c ReviewedCredential, revoked *gate.Revocation) {
	if revoked != nil && (c.Ends == nil || revoked.At.Before(*c.Ends)) {
		c.Ends = &revoked.At
	}
	if !r.within(c.Issued, c.Ends) {
		return
	}
	if u := r.dir.LastUse(c.ID); u != nil {
		c.Used = gate.Date(u.At.In(r.zone).Format(time.DateOnly))
	}
	r.page.Credentials = append(r.page.Credentials, c)
}

// usage sums the calls of production devices.
func (r *reader) usage() error {
	p := &r.page
	if !p.From.Before(p.Until) {
		return nil
	}
	counts := make(map[ReviewedCalls]int64)
	through := int64(0)
	err := r.Usage(&UsageQuery{Account: p.Account, From: p.From.Truncate(15 * time.Minute), To: p.Until, Zone: r.zone}, func(row *UsageRow) error {
		if row.Device.Environment != gate.Production {
			return nil
		}
		counts[ReviewedCalls{Behavior: row.Behavior, Outcome: row.Outcome}] += row.Calls
		if row.Outcome.Allowed() {
			through += row.Calls
		}
		return nil
	})
	for kind, n := range counts {
		kind.Calls = n
		if kind.Outcome.Allowed() {
			p.Calls = append(p.Calls, kind)
		} else {
			p.Refusals = append(p.Refusals, kind)
		}
	}
	for _, list := range [][]ReviewedCalls{p.Calls, p.Refusals} {
		slices.SortFunc(list, func(x, y ReviewedCalls) int {
			return cmp.Or(cmp.Compare(x.Behavior, y.Behavior), cmp.Compare(x.Outcome, y.Outcome))
		})
	}
	if hours := int64(p.Until.Sub(p.From) / time.Hour); hours > 0 {
		p.Daily = through * 24 / max(hours, 24)
	}
	return err
}

// seen finds the days with the most patients and networks.
func (r *reader) seen() error {
	p := &r.page
	if !p.From.Before(p.Until) {
		return nil
	}
	day := func(t time.Time) gate.Date { return gate.Date(t.In(r.zone).Format(time.DateOnly)) }
	q := &UsageQuery{Account: p.Account, First: day(p.From), Last: day(p.Until.Add(-time.Second)), Step: DayStep, Zone: r.zone}
	return r.Seen(q, false, func(row *SeenRow) error {
		p.MostPatients, p.MostNetworks = max(p.MostPatients, row.Patients), max(p.MostNetworks, row.Networks)
		p.NewPatients += row.FirstSeen
		return nil
	})
}

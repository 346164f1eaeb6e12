package authority_test

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// model is what the rules come to, written a second time and in the plainest way: who exists, what was done, and nothing of how it is kept.
// It shares only words with the code that it judges: identifiers, roles, kinds, reasons.
type model struct {
	people    []*mPerson
	accounts  []*mAccount
	orgs      []*mOrg
	devices   []*mDevice
	contracts []*mContract
	cases     []*mCase
	keys      []*mKey
	certs     []*mCert
	links     []*mLink
	stops     []*mStop
	incidents []*mIncident
	rulings   []*mRuling
	imports   []*mImport
	notices   map[gate.NoticeID]*mNotice
	hosts     map[string]*mHost
	secret    mSecret
	blocked   map[int]bool // key pairs that never get a certificate again
	cas       []*mCA
	unwritten []sight // what calls have shown and no job has written down
}

type mPerson struct {
	id       gate.StaffID
	name     string
	roles    []gate.Role
	disabled bool
	proposal *mProposal
	badges   []*mBadge
	link     *mStaffLink
	first    []gate.Role // roles at the beginning, which somebody may still claim
}

// mBadge is a certificate of a person.
type mBadge struct {
	mark    gate.Fingerprint
	from    gate.Fingerprint // with which it was asked for; zero: two admins made it
	to      time.Time        // inclusive
	revoked bool
}

// mStaffLink is the one-time link by which a person takes a certificate.
type mStaffLink struct {
	token       string
	expires     time.Time
	redemptions int
	refusals    int
	csr         []byte
	badge       *mBadge
}

type mProposal struct {
	roles    []gate.Role
	badge    *mBadge
	link     bool
	by       gate.StaffID
	replaced bool
}

type mAccount struct {
	id        gate.AccountID
	slug      string
	zone      string
	technical string // where links are mailed to
	other     *mContacts
}

// mContacts is another technical contact that somebody has proposed.
type mContacts struct {
	technical string
	by        gate.StaffID
	replaced  bool
	withdrawn bool
}

type mOrg struct {
	id      gate.OrganizationID
	account gate.AccountID
	slug    string
}

type mDevice struct {
	id      gate.DeviceID
	account gate.AccountID
	org     gate.OrganizationID
	slug    string
	env     gate.Environment
}

type mContract struct {
	id          gate.ContractID
	account     gate.AccountID
	first, last gate.Date
	zone        string
	behaviors   []string
	purposes    []gate.Purpose
	signed      []gate.AgreementKind
	of          gate.ContractID // that it renews
	ended       *time.Time
	agreed      gate.Date // last day before any extension; empty: never extended
	longer      *mExtension
}

type mExtension struct {
	last     gate.Date
	by       gate.StaffID
	replaced bool
}

type mKey struct {
	id      gate.KeyID
	device  *mDevice
	text    string
	used    bool      // written down as used
	inUse   bool      // the customer calls with it
	ends    time.Time // once another has taken its place; zero until then
	waits   bool      // imported, and no second admin has confirmed it
	revoked bool
}

type mCert struct {
	id      gate.CertificateID
	mark    gate.Fingerprint
	issuer  gate.Fingerprint
	public  int // the key pair that it is for
	device  *mDevice
	from    time.Time
	to      time.Time // inclusive
	used    bool
	revoked bool
}

type mLink struct {
	id           gate.EnrollmentID
	notice       gate.NoticeID
	token        string
	device       *mDevice
	of           *mCase // nil outside production
	expires      time.Time
	to           string
	redemptions  int
	refusals     int
	public       int
	key          *mKey
	cert         *mCert
	acknowledged bool
	canceled     bool
}

type mStop struct {
	id        gate.RemediationID
	account   gate.AccountID
	subject   gate.Subject
	terminate bool
	throttle  bool // lets through as much as the machine ever asks for
	from      time.Time
	imposed   time.Time
	planned   bool // ahead, as closing an account is
	until     *time.Time
	by        gate.StaffID
	lifted    bool
}

type mNotice struct {
	kind   gate.NoticeKind
	told   bool
	failed bool
}

type mHost struct {
	strictest gate.Environment
	to        gate.Environment // that somebody wishes
	by        gate.StaffID
	confirmed bool
	replaced  bool
	until     time.Time
	raised    bool
}

// over says that a lowering, or the wish for one, has ended.
func (h *mHost) over(now time.Time) bool { return h.by == "" || h.raised || !now.Before(h.until) }

// sight is what one allowed call showed.
type sight struct {
	key  *mKey
	cert *mCert
	host string
	env  gate.Environment
}

// rights say what each role is for.
var rights = map[gate.Action][]gate.Role{
	gate.ManageAccounts:   {gate.Operator, gate.Admin},
	gate.HoldInterview:    {gate.Interviewer, gate.Operator},
	gate.DecideCase:       {gate.Approver},
	gate.ReleaseIt:        {gate.Issuer},
	gate.Stop:             {gate.Operator, gate.Approver, gate.Issuer, gate.Admin},
	gate.SignReview:       {gate.Operator, gate.Auditor, gate.Admin},
	gate.HandleIncident:   {gate.Operator, gate.Approver, gate.Issuer, gate.Admin},
	gate.ManageRules:      {gate.Operator, gate.Admin},
	gate.Reinstate:        {gate.Operator, gate.Approver, gate.Admin},
	gate.TerminateAccount: {gate.Approver, gate.Admin},
	gate.DeliverNotice:    {gate.Interviewer, gate.Approver, gate.Issuer, gate.Operator, gate.Admin},
	gate.ManageStaff:      {gate.Admin},
	gate.ManageSite:       {gate.Admin},
	gate.ManageCAs:        {gate.Admin},
	gate.ManageSecret:     {gate.Admin},
	gate.TrustForeign:     {gate.Admin},
}

func can(roles []gate.Role, a gate.Action) bool {
	return slices.ContainsFunc(roles, func(r gate.Role) bool { return slices.Contains(rights[a], r) })
}

func (p *mPerson) can(a gate.Action) bool { return !p.disabled && can(p.roles, a) }

func (m *model) person(id gate.StaffID) *mPerson {
	i := slices.IndexFunc(m.people, func(p *mPerson) bool { return p.id == id })
	if i < 0 {
		return nil
	}
	return m.people[i]
}

// locksOut says whether the person is an admin and nobody else could go on as one: whoever has no certificate lets nobody in.
func (m *model) locksOut(p *mPerson, now time.Time) bool {
	return p.can(gate.ManageStaff) && !slices.ContainsFunc(m.people, func(o *mPerson) bool {
		return o != p && o.can(gate.ManageStaff) && o.badged(now)
	})
}

func (p *mPerson) badged(now time.Time) bool {
	return slices.ContainsFunc(p.badges, func(b *mBadge) bool { return b.live(now) })
}

func (b *mBadge) live(now time.Time) bool { return !b.revoked && !now.After(b.to) }

// gone is a certificate that is revoked, with those that were asked for with it.
func (p *mPerson) gone(mark gate.Fingerprint) {
	for _, b := range p.badges {
		if b.mark == mark {
			b.revoked = true
		}
		if b.from == mark && !b.revoked {
			p.gone(b.mark)
		}
	}
}

// dayIn is the first instant of a day.
func dayIn(day gate.Date, zone string, add int) time.Time {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	t, err := time.Parse(time.DateOnly, string(day))
	if err != nil {
		panic(err)
	}
	return time.Date(t.Year(), t.Month(), t.Day()+add, 0, 0, 0, 0, loc)
}

func (c *mContract) begins() time.Time { return dayIn(c.first, c.zone, 0) }

// ends is the first instant after the term, however it ends.
func (c *mContract) ends() time.Time {
	if end := dayIn(c.last, c.zone, 1); c.ended == nil || end.Before(*c.ended) {
		return end
	}
	return *c.ended
}

func (c *mContract) over(now time.Time) bool  { return !now.Before(c.ends()) }
func (c *mContract) runs(now time.Time) bool  { return !now.Before(c.begins()) && !c.over(now) }
func (c *mContract) waits(now time.Time) bool { return now.Before(c.begins()) && !c.over(now) }

// counts is the one of several terms that counts now: the one that runs, else the next to begin, else the last to have ended.
func counts(terms []*mContract, now time.Time) *mContract {
	var next, last *mContract
	for _, c := range terms {
		switch {
		case c.runs(now):
			return c
		case c.waits(now) && (next == nil || c.begins().Before(next.begins())):
			next = c
		case c.over(now) && (last == nil || c.ends().After(last.ends())):
			last = c
		}
	}
	if next != nil {
		return next
	}
	return last
}

func (m *model) of(account gate.AccountID) (terms []*mContract) {
	for _, c := range m.contracts {
		if c.account == account {
			terms = append(terms, c)
		}
	}
	return terms
}

// overlaps says whether another term of the account that was not ended early has a moment in common with this one.
func (m *model) overlaps(c *mContract) bool {
	return slices.ContainsFunc(m.of(c.account), func(o *mContract) bool {
		return o.id != c.id && o.ended == nil && o.begins().Before(c.ends()) && c.begins().Before(o.ends())
	})
}

// extensible says whether a later last day may be proposed or confirmed: at most a week more than was agreed, and not in the past.
func (c *mContract) extensible(last gate.Date, now time.Time) bool {
	agreed := c.agreed
	if agreed == "" {
		agreed = c.last
	}
	return last > c.last && last <= agreed.AddDays(7) && now.Before(dayIn(last, c.zone, 1))
}

func (s *mStop) runs(now time.Time) bool {
	return !s.lifted && !now.Before(s.from) && (s.until == nil || now.Before(*s.until))
}

func (s *mStop) ahead(now time.Time) bool { return s.planned && !s.lifted && now.Before(s.from) }

func (k *mKey) live(now time.Time) bool { return !k.revoked && (k.ends.IsZero() || now.Before(k.ends)) }
func (c *mCert) live(now time.Time) bool {
	return !c.revoked && !now.Before(c.from) && !now.After(c.to)
}
func (l *mLink) dead() bool { return l.acknowledged || l.key != nil && l.key.used }
func (l *mLink) usable(now time.Time) bool {
	return !l.canceled && !l.dead() && now.Before(l.expires) && l.redemptions < 5
}

// full says whether a device has two live keys or two live certificates.
func (m *model) full(d *mDevice, now time.Time) bool {
	keys, certs := 0, 0
	for _, k := range m.keys {
		if k.device == d && k.live(now) {
			keys++
		}
	}
	for _, c := range m.certs {
		if c.device == d && c.live(now) {
			certs++
		}
	}
	return keys >= 2 || certs >= 2
}

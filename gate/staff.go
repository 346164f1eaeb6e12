package gate

import (
	"slices"
	"strings"
	"time"
)

// Staff is a person who operates certgate. A new person, a change of roles and a new certificate each take effect when a second
// admin has confirmed them.
type Staff struct {
	ID        StaffID   `json:"id"`
	Name      string    `json:"name"` // unique; short, as on a badge
	Email     string    `json:"email"`
	Roles     []Role    `json:"roles"` // in effect
	CreatedAt time.Time `json:"created_at"`
	// Bootstrap marks the first admins, made with the data directory: nobody was there to confirm them.
	Bootstrap    bool               `json:"bootstrap,omitempty"`
	Proposal     *Proposal          `json:"proposal,omitempty"`
	Certificates []StaffCertificate `json:"certificates"`
	Disabled     *Act               `json:"disabled,omitempty"`
	// Link is the latest one-time link to take a certificate, nil if there was none.
	Link *StaffLink `json:"link,omitempty"`
	// Until is when all access ends by itself: of an admin whom the machine's operator made because every other was locked out. Nil: never.
	Until *time.Time `json:"until,omitempty"`
}

// Proposal is a change to a staff member that waits for a second admin.
type Proposal struct {
	Roles       []Role            `json:"roles"`
	Certificate *StaffCertificate `json:"certificate,omitempty"`
	Link        bool              `json:"link,omitempty"`  // a one-time link to take a certificate is mailed once it is confirmed
	Email       string            `json:"email,omitempty"` // another address; empty: it stays
	By          StaffID           `json:"by"`
	At          time.Time         `json:"at"`
	// Replaced says that another proposal stood here before, which somebody may have read: see [Staff.Confirm].
	Replaced bool `json:"replaced,omitempty"`
}

// StaffCertificate is a certificate of the staff CA by which a person is known.
type StaffCertificate struct {
	Fingerprint Fingerprint `json:"fingerprint"` // SHA-256 of DER
	Issuer      Fingerprint `json:"issuer"`
	DER         []byte      `json:"der"`
	NotBefore   time.Time   `json:"not_before"`
	NotAfter    time.Time   `json:"not_after"`
	Revoked     *Revocation `json:"revoked,omitempty"`
	// RenewedFrom is the certificate of the same person with which this one was asked for; zero if two admins stood behind it.
	RenewedFrom Fingerprint `json:"renewed_from,omitzero"`
}

// Role is what a person may do.
type Role string

// The roles, a closed list. Everybody known may read; the auditor may do no more than that and sign that it was done.
const (
	Interviewer Role = "interviewer" // schedules and records interviews, settles findings
	Approver    Role = "approver"    // decides certifications
	Issuer      Role = "issuer"      // releases enrollments and sandbox keys
	Operator    Role = "operator"    // accounts, devices, contracts; suspends, revokes
	Auditor     Role = "auditor"     // reads everything, signs reviews, changes nothing
	Admin       Role = "admin"       // staff, hosts, behaviors, credentials from before
)

// Roles lists them all.
func Roles() []Role { return []Role{Interviewer, Approver, Issuer, Operator, Auditor, Admin} }

// Action is something that staff may do; see May.
type Action string

// The actions, a closed list.
const (
	Read             Action = "read"
	ManageAccounts   Action = "manage-accounts" // accounts, organizations, devices, contracts
	HoldInterview    Action = "interview"       // request, schedule, hold, settle findings
	DecideCase       Action = "decide"          // approve, reject, judge a change
	ReleaseIt        Action = "release"         // release an enrollment, make a sandbox key
	Stop             Action = "stop"            // suspend, revoke a credential or certification: never needs a second person
	Reinstate        Action = "reinstate"       // lift a suspension, answer an appeal, bar from being lifted
	TerminateAccount Action = "terminate"       // terminate, end a contract
	DeliverNotice    Action = "deliver"         // send a notice again, tell by phone
	ManageStaff      Action = "manage-staff"    // propose, confirm, disable
	ManageSite       Action = "manage-site"     // behaviors, hosts
	ManageCAs        Action = "manage-cas"      // rotate, request, import and retire certificate authorities
	ManageSecret     Action = "manage-secret"   // rotate the secret and the pepper
	DeleteRecords    Action = "delete-records"  // confirm that the records of a former customer go
	TakeDossier      Action = "take-dossier"    // everything about an account in one file
	HandleIncident   Action = "handle-incident" // open, note, mark, hold, write an appeal down, agree on a plan, close
	ManageRules      Action = "manage-rules"    // set thresholds and modes of the rules against abuse, confirm and refuse them
	SignReview       Action = "sign-review"     // that what an account did was looked at; it changes nothing
	TrustForeign     Action = "trust-foreign"   // import tokens, certificates and CAs from before, and confirm that
)

// allowed says which roles may take which action.
var allowed = map[Action][]Role{
	Read:             Roles(),
	ManageAccounts:   {Operator, Admin},
	HoldInterview:    {Interviewer, Operator},
	DecideCase:       {Approver},
	ReleaseIt:        {Issuer},
	Stop:             {Operator, Approver, Issuer, Admin},
	Reinstate:        {Operator, Approver, Admin},
	TerminateAccount: {Approver, Admin},
	DeliverNotice:    {Interviewer, Approver, Issuer, Operator, Admin},
	ManageStaff:      {Admin},
	ManageSite:       {Admin},
	ManageCAs:        {Admin},
	ManageSecret:     {Admin},
	DeleteRecords:    {Admin},
	TakeDossier:      {Auditor, Operator, Admin},
	HandleIncident:   {Operator, Approver, Issuer, Admin},
	ManageRules:      {Operator, Admin},
	SignReview:       {Operator, Auditor, Admin},
	TrustForeign:     {Admin},
}

// Actions lists them all, by name.
func Actions() []Action {
	all := make([]Action, 0, len(allowed))
	for a := range allowed {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}

// Actor is who does something: a staff member, or with an empty Staff the customer or certgate itself, as Name says.
type Actor struct {
	Staff StaffID `json:"staff,omitempty"`
	Name  string  `json:"name"` // "ben", "customer", "certgate"
	Roles []Role  `json:"-"`
}

// May reports whether the actor may take the action; the error names the roles that may.
func (a Actor) May(action Action) error {
	for _, r := range allowed[action] {
		if slices.Contains(a.Roles, r) {
			return nil
		}
	}
	return Errorf(Forbidden, "%s may not %s: that takes the role %s", a.Name, action, join(allowed[action], " or "))
}

func join[S ~string](list []S, sep string) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, sep)
}

// PersonState is derived from a person and now.
type PersonState string

// The states of a person, a closed list.
const (
	PersonProposed PersonState = "proposed" // nothing is in effect yet
	PersonInvited  PersonState = "invited"  // in effect, but the link to the first certificate has not been opened
	PersonActive   PersonState = "active"
	PersonEnded    PersonState = "ended" // the time for which the person was made is over
	PersonDisabled PersonState = "disabled"
)

// State is the person's state at now.
func (s *Staff) State(now time.Time) PersonState {
	switch {
	case s.Disabled != nil:
		return PersonDisabled
	case len(s.Roles) == 0:
		return PersonProposed
	case s.Until != nil && !now.Before(*s.Until):
		return PersonEnded
	case len(s.Certificates) == 0:
		return PersonInvited
	}
	return PersonActive
}

// Active reports whether the person may act at all at now.
func (s *Staff) Active(now time.Time) bool {
	state := s.State(now)
	return state == PersonActive || state == PersonInvited
}

// Actor is the person as the one who acts at now; who is disabled, or whose time is over, has no role.
func (s *Staff) Actor(now time.Time) Actor {
	if !s.Active(now) {
		return Actor{Staff: s.ID, Name: s.Name}
	}
	return Actor{Staff: s.ID, Name: s.Name, Roles: s.Roles}
}

// Check reports the first thing wrong with a person as given.
func (s *Staff) Check() error {
	if err := CheckSlug(s.Name); err != nil {
		return InField("name", err)
	}
	if err := CheckEmail(s.Email); err != nil {
		return err
	}
	return CheckRoles(s.Roles)
}

// CheckRoles refuses unknown and repeated roles and an empty list.
func CheckRoles(roles []Role) error {
	if len(roles) == 0 {
		return FieldErrorf("roles", "must name at least one of %s", join(Roles(), ", "))
	}
	for i, r := range roles {
		if !slices.Contains(Roles(), r) {
			return FieldErrorf("roles", "%q: must be one of %s", Clip(string(r), 40), join(Roles(), ", "))
		}
		if slices.Contains(roles[:i], r) {
			return FieldErrorf("roles", "%s is listed twice", r)
		}
	}
	return nil
}

// Confirm puts the standing proposal into effect. Whoever proposed it cannot confirm it, nor can the person confirm their own. One that
// took another's place is confirmed only by who names what they read: it may have been swapped since they looked.
func (s Staff) Confirm(by StaffID, named bool) (Staff, error) {
	switch {
	case s.Proposal == nil:
		return s, Errorf(Conflict, "there is nothing to confirm for %s", s.Name)
	case s.Disabled != nil:
		return s, Errorf(Conflict, "%s is disabled", s.Name)
	case s.Proposal.By == by:
		return s, Errorf(Forbidden, "you proposed this; a second admin must confirm it")
	case s.ID == by:
		return s, Errorf(Forbidden, "nobody confirms a change to themselves")
	case s.Proposal.Replaced && !named:
		return s, errSwapped
	}
	s.Roles = s.Proposal.Roles
	if s.Proposal.Email != "" {
		s.Email, s.Link = s.Proposal.Email, nil // a link that went to the former address ends
	}
	if c := s.Proposal.Certificate; c != nil {
		s.Certificates = append(slices.Clone(s.Certificates), *c)
	}
	s.Proposal = nil
	return s, nil
}

// errSwapped asks for proof that what is confirmed is what was read.
var errSwapped = Errorf(Stale, "this proposal took the place of an earlier one; read it again, and confirm it with If-Match and its ETag")

// Propose makes a change that a second admin must confirm; it replaces one that still waits.
func (s Staff) Propose(p Proposal) (Staff, error) {
	switch {
	case s.Disabled != nil:
		return s, Errorf(Conflict, "%s is disabled", s.Name)
	case s.Until != nil:
		return s, Errorf(Conflict, "%s is here until %s, and no longer; propose a member of staff of another name", s.Name, s.Until.UTC().Format(time.RFC3339))
	case p.Link && p.Certificate != nil:
		return s, FieldErrorf("link", "a certificate comes from a signing request or from a link, not from both")
	}
	if err := CheckRoles(p.Roles); err != nil {
		return s, err
	}
	if p.Email != "" {
		if err := CheckEmail(p.Email); err != nil {
			return s, err
		}
	}
	p.Replaced = s.Proposal != nil
	s.Proposal = &p
	return s, nil
}

// Disable takes all access away at once; it never needs a second person.
func (s Staff) Disable(act Act) (Staff, error) {
	if s.Disabled != nil {
		return s, Errorf(Conflict, "%s is disabled already", s.Name)
	}
	if err := CheckReason(act.Why); err != nil {
		return s, err
	}
	s.Disabled, s.Proposal = &act, nil
	return s, nil
}

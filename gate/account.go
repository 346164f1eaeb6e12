package gate

import (
	"fmt"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Account is a customer (OneRecord's tenant). Contracts, certifications and remediations hang off it.
type Account struct {
	ID        AccountID `json:"id"`
	Slug      string    `json:"slug"` // unique among accounts; the first part of every slug path
	Name      string    `json:"name"`
	Zone      string    `json:"zone"` // IANA time zone of the customer, for the days that people read
	Contacts  []Contact `json:"contacts"`
	Owner     StaffID   `json:"owner,omitempty"` // the staff member who looks after it
	Notes     string    `json:"notes,omitempty"` // for staff; no PHI
	CreatedAt time.Time `json:"created_at"`
	Imported  *Import   `json:"imported,omitempty"` // taken over from before certgate

	ProposedContacts *ContactProposal    `json:"proposed_contacts,omitempty"` // waits for a second person
	ContactChanges   []ContactCorrection `json:"contact_changes,omitempty"`   // oldest first; Contacts is what they have come to
	Deletion         *DeletionProposal   `json:"deletion,omitempty"`          // waits for a second person
}

// Contact is a person or group mailbox at the customer.
type Contact struct {
	Role  ContactRole `json:"role"`
	Name  string      `json:"name"`
	Email string      `json:"email"`
	Phone string      `json:"phone,omitempty"`
}

// ContactRole says what a contact is told about.
type ContactRole string

// The roles of contacts. The technical contact receives enrollment links, the security contact hears of compromise.
const (
	TechnicalContact ContactRole = "technical"
	SecurityContact  ContactRole = "security"
	BusinessContact  ContactRole = "business"
)

// StaffContact is the role of a staff member among the recipients of a notice; accounts have none.
const StaffContact ContactRole = "staff"

// Organization is a subdivision of an account. Each account has at least one, equal to itself.
type Organization struct {
	ID        OrganizationID `json:"id"`
	Account   AccountID      `json:"account"`
	Slug      string         `json:"slug"` // unique within the account
	Name      string         `json:"name"`
	CreatedAt time.Time      `json:"created_at"`
}

// Device is one calling system of an organization in one environment; credentials belong to it.
type Device struct {
	ID           DeviceID       `json:"id"`
	Account      AccountID      `json:"account"`
	Organization OrganizationID `json:"organization"`
	Slug         string         `json:"slug"` // unique within the organization
	Name         string         `json:"name"`
	Environment  Environment    `json:"environment"`
	// Grant stands outside production where contract and certified profile stand in production. Nil allows everything there.
	Grant *Grant `json:"grant,omitempty"`
	// DefaultPurpose is assumed when a request names none; empty means that it must, unless only one is granted.
	DefaultPurpose Purpose   `json:"default_purpose,omitempty"`
	Addresses      Addresses `json:"addresses"`
	CreatedAt      time.Time `json:"created_at"`
}

// Grant is a set of behaviors and purposes.
type Grant struct {
	Behaviors []string  `json:"behaviors"`
	Purposes  []Purpose `json:"purposes"`
}

// Addresses says from where a device may call, judged by the TCP peer and never by a forwarded header. The zero value allows
// nobody: an empty list is not a wildcard.
type Addresses struct {
	Any   bool           `json:"any,omitempty"`
	These []netip.Prefix `json:"these,omitempty"`
}

// Contains reports whether the peer may call.
func (a *Addresses) Contains(peer netip.Addr) bool {
	if a.Any {
		return true
	}
	peer = peer.Unmap().WithZone("")
	for i := range a.These {
		if a.These[i].Contains(peer) {
			return true
		}
	}
	return false
}

// Check reports what is wrong with the addresses as an operator gave them.
func (a *Addresses) Check() error {
	if a.Any && len(a.These) > 0 {
		return FieldErrorf("addresses", "give either \"any\": true or a list in \"these\", not both")
	}
	for _, p := range a.These {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			return FieldErrorf("addresses.these", "%q must be a network such as 203.0.113.0/24 with no bits set after its length", p)
		}
	}
	return nil
}

// Check reports the first thing wrong with an account as it was given.
func (a *Account) Check(zones Zones) error {
	if err := CheckSlug(a.Slug); err != nil {
		return InField("slug", err)
	}
	if err := checkText("name", a.Name, 120); err != nil {
		return err
	}
	if _, err := zones.load(a.Zone); err != nil {
		return err
	}
	if len(a.Notes) > 4000 {
		return FieldErrorf("notes", "has %d bytes; 4000 are allowed", len(a.Notes))
	}
	return checkContacts(a.Contacts)
}

func checkContacts(list []Contact) error {
	technical := false
	for i, c := range list {
		if err := c.check(); err != nil {
			return InField(fmt.Sprintf("contacts[%d]", i), err)
		}
		technical = technical || c.Role == TechnicalContact
	}
	if !technical {
		return FieldErrorf("contacts", "a contact with role \"technical\" is required: enrollment links go there")
	}
	return nil
}

func (c *Contact) check() error {
	switch c.Role {
	case TechnicalContact, SecurityContact, BusinessContact:
	default:
		return FieldErrorf("role", "%q: must be technical, security or business", Clip(string(c.Role), 40))
	}
	if err := checkText("name", c.Name, 120); err != nil {
		return err
	}
	if c.Phone != "" {
		if err := checkText("phone", c.Phone, 40); err != nil {
			return err
		}
	}
	return CheckEmail(c.Email)
}

// CheckEmail accepts one bare mailbox address (RFC 5322 addr-spec).
func CheckEmail(s string) error {
	addr, err := mail.ParseAddress(s)
	if err != nil || addr.Address != s || len(s) > 254 {
		return FieldErrorf("email", "%q: must be one address such as ops@example.com", Clip(s, 80))
	}
	return nil
}

// Check reports the first thing wrong with an organization as it was given.
func (o *Organization) Check() error {
	if err := CheckSlug(o.Slug); err != nil {
		return InField("slug", err)
	}
	return checkText("name", o.Name, 120)
}

// Check reports the first thing wrong with a device as it was given; known says which behaviors exist.
func (d *Device) Check(known func(behavior string) bool) error {
	if err := CheckSlug(d.Slug); err != nil {
		return InField("slug", err)
	}
	if err := checkText("name", d.Name, 120); err != nil {
		return err
	}
	if d.Environment < Sandbox || d.Environment > Production {
		return FieldErrorf("environment", "must be sandbox, preprod or production")
	}
	if d.Grant != nil {
		if d.Environment == Production {
			return FieldErrorf("grant", "a production device is granted by its contract and certification, not by itself")
		}
		if err := d.Grant.Check(known); err != nil {
			return InField("grant", err)
		}
	}
	if d.DefaultPurpose != "" {
		p, ok := ParsePurpose(string(d.DefaultPurpose))
		if !ok {
			return FieldErrorf("default_purpose", "%q: must be TREAT, HPAYMT, HOPERAT or PATRQT", Clip(string(d.DefaultPurpose), 40))
		}
		d.DefaultPurpose = p
	}
	return d.Addresses.Check()
}

// Check reports unknown or repeated names.
func (g *Grant) Check(known func(behavior string) bool) error {
	for i, name := range g.Behaviors {
		if !known(name) {
			return FieldErrorf("behaviors", "%q is not a behavior of the running configuration", Clip(name, 60))
		}
		if slices.Contains(g.Behaviors[:i], name) {
			return FieldErrorf("behaviors", "%s is listed twice", name)
		}
	}
	return InField("purposes", CheckPurposes(g.Purposes))
}

func (g *Grant) behavior(name string) bool { return slices.Contains(g.Behaviors, name) }

func (g *Grant) purpose(p Purpose) bool { return slices.Contains(g.Purposes, p) }

// checkText demands one line of visible text.
func checkText(field, s string, limit int) error {
	switch {
	case strings.TrimSpace(s) == "":
		return FieldErrorf(field, "must not be empty")
	case len(s) > limit:
		return FieldErrorf(field, "has %d bytes; %d are allowed", len(s), limit)
	case strings.ContainsFunc(s, invisible):
		return FieldErrorf(field, "must be one line of text without control characters")
	}
	return nil
}

// invisible finds what would change how the rest of a line is shown: control characters, line ends, marks that turn the direction of
// writing, and bytes that are not UTF-8.
func invisible(r rune) bool {
	return unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// CheckReason demands a reason that a later reader can use.
func CheckReason(why string) error { return checkText("why", why, 1000) }

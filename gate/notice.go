package gate

import (
	"slices"
	"time"
)

// Notice is a message owed to a customer or to staff, as it was rendered. It commits together with what it tells of; its delivery
// comes after and is never waited for.
type Notice struct {
	ID        NoticeID   `json:"id"`
	Kind      NoticeKind `json:"kind"`
	Account   AccountID  `json:"account"` // empty: to staff
	To        []Contact  `json:"to"`      // empty: no contact is known, so staff must deliver it by hand
	Subject   string     `json:"subject"`
	Body      string     `json:"body"`               // where a secret link belongs it says {link}
	HTML      string     `json:"html,omitempty"`     // the same for readers who prefer it
	ReplyTo   string     `json:"reply_to,omitempty"` // address of the contact of that time
	Event     string     `json:"event,omitempty"`    // the body for webhooks, sent as it stands; it never holds the link
	CreatedAt time.Time  `json:"created_at"`
	// Meeting goes into the mail for calendars; nil for most.
	Meeting *Meeting `json:"meeting,omitempty"`
	// SealedLink holds the secret link until the notice has been accepted or the link has ended; then it is blanked.
	SealedLink []byte     `json:"sealed_link,omitempty"`
	TakenAt    *time.Time `json:"taken_at,omitempty"` // the link was handed over
	// Deliveries has one entry for each channel, from the first attempt on.
	Deliveries []Delivery `json:"deliveries,omitempty"`
	Told       *Telling   `json:"told,omitempty"` // delivered by hand
	// Reported is when staff were told that it failed, which happens once; sending it again forgets it.
	Reported *time.Time `json:"reported,omitempty"`
}

// Meeting is an invitation or its cancellation as calendars read it.
type Meeting struct {
	Method   string `json:"method"`   // REQUEST or CANCEL (RFC 5546 section 3.2)
	Calendar string `json:"calendar"` // text/calendar (RFC 5545)
}

// NoticeKind says what a notice is about.
type NoticeKind string

// The kinds of notice, a closed list.
const (
	EnrollmentNotice  NoticeKind = "enrollment"  // a link to take a credential
	CredentialNotice  NoticeKind = "credential"  // a key or certificate was revoked
	SuspensionNotice  NoticeKind = "suspension"  // suspended or terminated
	ReinstatedNotice  NoticeKind = "reinstated"  // a suspension was lifted
	CertifiedNotice   NoticeKind = "certified"   // approved
	RejectedNotice    NoticeKind = "rejected"    // rejected or withdrawn
	RecertifyNotice   NoticeKind = "recertify"   // a material change must be certified by a day
	DecertifiedNotice NoticeKind = "decertified" // a certification was revoked
	ContractNotice    NoticeKind = "contract"    // a contract ended before its last day
	RenewalNotice     NoticeKind = "renewal"     // a further term was agreed
	AmendmentNotice   NoticeKind = "amendment"   // what a contract grants was changed
	ExtensionNotice   NoticeKind = "extension"   // the last day of a contract was moved by a few days
	RecertifiedNotice NoticeKind = "recertified" // a material change was certified
	JoinedNotice      NoticeKind = "joined"      // a device joined a certification
	TakenNotice       NoticeKind = "taken"       // a credential was taken with an enrollment link
	ClosingNotice     NoticeKind = "closing"     // an account will be closed
	InterviewNotice   NoticeKind = "interview"   // an interview was planned, moved, canceled or missed
	ContactsNotice    NoticeKind = "contacts"    // the contacts of an account were changed; it goes to the former ones too
	FindingsNotice    NoticeKind = "findings"    // what was found wanting, and until when answers are due
	RenewedNotice     NoticeKind = "renewed"     // a key or certificate was renewed by whoever holds the credential

	LeakedNotice NoticeKind = "leaked"  // a key or certificate became known to others and was revoked
	QuotaNotice  NoticeKind = "quota"   // most of a day's or month's quota is used
	ExtraNotice  NoticeKind = "extra"   // more of a quota was granted for its day or month
	CutOffNotice NoticeKind = "cut-off" // devices that called are refused, or will be within the hour

	ImportedNotice NoticeKind = "imported"  // tokens and certificates from before count from now on
	ListEndsNotice NoticeKind = "list-ends" // the revocation list of a customer's CA cannot be read, and its certificates will be refused

	IncidentOpenedNotice NoticeKind = "incident-opened" // usage far from the usual was found, and what may follow
	IncidentOverNotice   NoticeKind = "incident-over"   // it is over by itself
	StrangersNotice      NoticeKind = "strangers"       // somebody tries one half of a credential; the customer has done nothing
	AppealReceivedNotice NoticeKind = "appeal-received" // an appeal waits for its answer
	AppealAnsweredNotice NoticeKind = "appeal-answered" // granted, with all that was lifted, or not
	PlanAgreedNotice     NoticeKind = "plan-agreed"     // a corrective-action plan
	BarredNotice         NoticeKind = "account-barred"  // what was imposed is not lifted before a time, but by an appeal

	ContractEndsNotice       NoticeKind = "contract-ends"       // a reminder, as are the following; see Countdown
	RecertificationDueNotice NoticeKind = "recertification-due" // of a certification that ends before the contract
	CertificateEndsNotice    NoticeKind = "certificate-ends"
	KeyEndsNotice            NoticeKind = "key-ends"   // a key that was replaced
	OldInUseNotice           NoticeKind = "old-in-use" // a key or certificate that was replaced is still presented
	LinkEndsNotice           NoticeKind = "link-ends"  // an enrollment link that nobody has opened

	StaffChangeNotice          NoticeKind = "staff-change"           // to staff, as are the following: somebody's access here was changed
	StaffLinkNotice            NoticeKind = "staff-link"             // a link by which a person takes a certificate
	StaffCertificateEndsNotice NoticeKind = "staff-certificate-ends" // a reminder
	CAEndsNotice               NoticeKind = "ca-ends"                // a reminder to those who manage CAs
	UndeliveredNotice          NoticeKind = "undelivered"            // notices to customers have failed
	DigestNotice               NoticeKind = "digest"                 // what waits for staff today
	LinkTriedNotice            NoticeKind = "link-tried"             // an enrollment link was redeemed, and tried with another public key
	StaffAppealNotice          NoticeKind = "staff-appeal"           // an appeal waits for somebody's answer
	StaffCutOffNotice          NoticeKind = "staff-cut-off"          // devices of a customer are refused, or will be within the hour
	StaffIncidentNotice        NoticeKind = "staff-incident"         // certgate has told a customer of an incident, or imposed something for it
	RuleHeldNotice             NoticeKind = "rule-held"              // a rule met so many accounts at once that nothing follows from it
	ListFailsNotice            NoticeKind = "list-fails"             // the revocation list of a customer's CA cannot be read
)

// NoticeKinds lists them all.
func NoticeKinds() []NoticeKind {
	return slices.Concat([]NoticeKind{EnrollmentNotice, CredentialNotice, SuspensionNotice, ReinstatedNotice, CertifiedNotice,
		RejectedNotice, RecertifyNotice, DecertifiedNotice, ContractNotice, RenewalNotice, AmendmentNotice, ExtensionNotice,
		RecertifiedNotice, JoinedNotice, TakenNotice, ClosingNotice, InterviewNotice, ContactsNotice, FindingsNotice, RenewedNotice, LeakedNotice, QuotaNotice, ExtraNotice, CutOffNotice,
		ImportedNotice, ListEndsNotice, IncidentOpenedNotice, IncidentOverNotice, StrangersNotice,
		AppealReceivedNotice, AppealAnsweredNotice, PlanAgreedNotice, BarredNotice}, customerReminders(), StaffNoticeKinds())
}

// StaffNoticeKinds are the kinds that go to staff alone, and never to a customer: a closed list.
func StaffNoticeKinds() []NoticeKind {
	return []NoticeKind{StaffChangeNotice, StaffLinkNotice, StaffCertificateEndsNotice, CAEndsNotice, UndeliveredNotice, DigestNotice, StaffCutOffNotice, ListFailsNotice, LinkTriedNotice,
		StaffIncidentNotice, RuleHeldNotice, StaffAppealNotice}
}

// ForStaff reports whether notices of this kind go to staff. They concern no account.
func (k NoticeKind) ForStaff() bool { return slices.Contains(StaffNoticeKinds(), k) }

// HasLink reports whether notices of this kind carry a secret link, which nobody but their recipients may see.
func (k NoticeKind) HasLink() bool { return k == EnrollmentNotice || k == StaffLinkNotice }

// StaffRecipients are those of the people who may take the action at now, as those to whom a notice is sent.
func StaffRecipients(people []*Staff, may Action, now time.Time) []Contact {
	var to []Contact
	for _, s := range people {
		if s.Actor(now).May(may) == nil {
			to = append(to, s.Contact())
		}
	}
	return to
}

// Contact is the person as one to whom a notice is sent.
func (s *Staff) Contact() Contact { return Contact{Role: StaffContact, Name: s.Name, Email: s.Email} }

// Recipients are the contacts of an account for a kind of notice: the technical ones for what they alone can do, the business ones too
// for what needs an agreement, all for the rest. What is for staff goes to none of them.
func Recipients(a *Account, kind NoticeKind) []Contact {
	if kind.ForStaff() {
		return nil
	}
	var roles []ContactRole
	switch kind {
	case EnrollmentNotice, FindingsNotice, CertificateEndsNotice, KeyEndsNotice, OldInUseNotice, LinkEndsNotice, QuotaNotice, CutOffNotice:
		roles = []ContactRole{TechnicalContact}
	case RenewedNotice, LeakedNotice, ImportedNotice, ListEndsNotice, IncidentOpenedNotice, IncidentOverNotice, StrangersNotice, AppealReceivedNotice, BarredNotice:
		roles = []ContactRole{TechnicalContact, SecurityContact}
	case ContractEndsNotice, RecertificationDueNotice:
		roles = []ContactRole{TechnicalContact, BusinessContact}
	default:
		return a.Contacts
	}
	var to []Contact
	for _, c := range a.Contacts {
		if slices.Contains(roles, c.Role) {
			to = append(to, c)
		}
	}
	return to
}

package notify

import (
	"strconv"
	"strings"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Data is what a template may speak of, and what the event of a notice holds. What a kind does not use is zero; templates ask with
// {{if .Why}} or {{if not .Until.IsZero}}. There is no room for a secret: see Link.
type Data struct {
	// Account is the customer's name, AccountID its identifier.
	// Both are empty in what goes to staff.
	Account   string         `json:"account_name,omitempty"`
	AccountID gate.AccountID `json:"account,omitempty"`
	// Noun says what the notice is about: account, organization, device, key, certificate, certification or contract.
	Noun string `json:"noun,omitempty"`
	// Name is its slug path, or its identifier where it has none.
	Name string `json:"name,omitempty"`
	// Environment is where it counts: sandbox, preprod or production.
	Environment string `json:"environment,omitempty"`
	// Case is the certification case; default subjects name it, so that answers find their way.
	Case gate.CertificationID `json:"case,omitempty"`
	// Incident is the one that it is for or about, by which the customer can appeal; empty: none.
	Incident gate.IncidentID `json:"incident,omitempty"`
	// Verb is what happened to it, in the past: suspended, terminated, rejected, withdrawn, called off.
	Verb string `json:"verb,omitempty"`
	// By is the member of staff who did it, in what goes to staff.
	By string `json:"by,omitempty"`
	// Roles are those that a member of staff has or is to have, as one line.
	Roles string `json:"roles,omitempty"`
	// Why is the reason that the acting person gave.
	Why string `json:"why,omitempty"`
	// Address is from where it was done, or is being done; of a revocation list its URL.
	Address string `json:"address,omitempty"`
	// Made is the identifier of what is new, Former that of what it follows, and Ended that of one that was revoked for it.
	Made   string `json:"made,omitempty"`
	Former string `json:"former,omitempty"`
	Ended  string `json:"ended,omitempty"`
	// From is when it takes or took effect.
	From time.Time `json:"from,omitzero"`
	// Until is when it ends by itself; zero if it does not.
	Until time.Time `json:"until,omitzero"`
	// Due is the time by which the customer must have acted.
	Due time.Time `json:"due,omitzero"`
	// Days are left until Due, of 24 hours, a part of one counting whole.
	Days int `json:"days,omitempty"`
	// LastDay is the last day of the contract.
	LastDay gate.Date `json:"last_day,omitempty"`
	// Granted is what the contract grants now, as one line.
	Granted string `json:"granted,omitempty"`
	// Contacts are those of the account now, one line each with role, name and address. Webhooks do not get them.
	Contacts string `json:"-"`
	// LinksEnded is how many enrollment links have ended with it.
	LinksEnded int `json:"links_ended,omitempty"`
	// Lines are what a list to staff consists of, one line each. Webhooks do not get them; they have Name.
	Lines string `json:"-"`
	// Count is how many there are.
	Count int `json:"count,omitempty"`
	// Limit is how much a throttle lets through, as one line.
	Limit string `json:"limit,omitempty"`
	// Interviewer is who holds the interview.
	Interviewer string `json:"interviewer,omitempty"`
	// Meeting is the link of the meeting.
	Meeting string `json:"meeting,omitempty"`
	// Invitation is what the mail carries for calendars; templates say {{.Times}}. Nil for most.
	Invitation *Invitation `json:"-"`
	// Findings are what was found wanting, in a notice about that.
	Findings []Finding `json:"findings,omitempty"`
	// Percent of a quota are used: Used of Quota units.
	Percent int   `json:"percent,omitempty"`
	Used    int64 `json:"used,omitempty"`
	Quota   int64 `json:"quota,omitempty"`
	// Code is why calls are refused, Page the address at which customers read what it means.
	Code string `json:"code,omitempty"`
	Page string `json:"page,omitempty"`
	// Fixer is who can help, Command what shows staff where to look.
	Fixer   string `json:"fixer,omitempty"`
	Command string `json:"command,omitempty"`
	// Contact is whom to ask, with address and telephone, as one line.
	Contact string `json:"-"`
	// Zone is the customer's time zone, in which When shows times beside UTC; nil for UTC alone.
	Zone *time.Location `json:"-"`
}

// Finding is one thing that was found wanting. Its text stays out of events: those hold no more than names and times.
type Finding struct {
	Number   int       `json:"number"` // from 0, as staff count them
	Severity string    `json:"severity,omitempty"`
	Text     string    `json:"-"`
	Due      time.Time `json:"due,omitzero"` // last instant for the answer
	Overdue  bool      `json:"overdue,omitempty"`
}

// FindingsText lists the findings with what is due when, in a template {{.FindingsText}}. Empty if there are none.
func (d Data) FindingsText() string {
	var items []string
	for _, f := range d.Findings {
		item := "- Finding " + strconv.Itoa(f.Number)
		if f.Severity != "" {
			item += " (" + f.Severity + ")"
		}
		item += ": " + f.Text
		switch {
		case f.Overdue:
			item += "\n  Your answer was due on " + d.When(f.Due) + "."
		case !f.Due.IsZero():
			item += "\n  Your answer is due by " + d.When(f.Due) + "."
		}
		items = append(items, item)
	}
	return strings.Join(items, "\n")
}

// Link marks the place of the secret link, in a template {{.Link}}. The link itself comes with Message.WithLink.
func (Data) Link() string { return LinkPlaceholder }

// Times says when the meeting is, in the zones of both sides, one line each; in a template {{.Times}}. Empty if there is none.
func (d Data) Times() string {
	if d.Invitation == nil {
		return ""
	}
	return d.Invitation.Times()
}

// When shows a time to a customer, in a template {{.When .Until}}: in UTC, and in the customer's zone by its name.
func (d Data) When(t time.Time) string {
	s := t.UTC().Format("2 January 2006, 15:04 UTC")
	if d.Zone == nil || d.Zone == time.UTC || d.Zone.String() == "UTC" {
		return s
	}
	s += t.In(d.Zone).Format(" (2 January 2006, 15:04 MST")
	if short, _ := t.In(d.Zone).Zone(); short == d.Zone.String() {
		return s + ")"
	}
	return s + " in " + d.Zone.String() + ")"
}

// Day shows the day of a time as the customer's calendar has it, in a template {{.Day .Due}}.
func (d Data) Day(t time.Time) string {
	if d.Zone != nil {
		t = t.In(d.Zone)
	}
	return t.Format("2 January 2006")
}

// Left says in words how many days are left, empty if it is not known.
func (d Data) Left() string {
	switch d.Days {
	case 0:
		return ""
	case 1:
		return "1 day"
	}
	return strconv.Itoa(d.Days) + " days"
}

// sample is made up, for previews and for trying templates. Every field is set.
func sample(kind gate.NoticeKind) Data {
	data := Data{
		Account: "Acme Health", AccountID: "acc_01jq8z5v3n7t2m4k6h9r0s1w2x", Noun: "device", Name: "acme/main/prod-1",
		Environment: "production", Case: "cas_01jq8z5v3n7t2m4k6h9r0s1w2y", Incident: "inc_01jq8z5v3n7t2m4k6h9r0s1w37", Verb: "suspended", By: "cho", Roles: "operator and auditor", Why: "The key was found in a public repository.",
		Address: "203.0.113.7", Made: "key_01jq8z5v3n7t2m4k6h9r0s1w33", Former: "key_01jq8z5v3n7t2m4k6h9r0s1w34", Ended: "key_01jq8z5v3n7t2m4k6h9r0s1w35",
		From:  time.Date(2027, time.March, 9, 14, 30, 0, 0, time.UTC),
		Until: time.Date(2027, time.March, 16, 14, 30, 0, 0, time.UTC),
		Due:   time.Date(2027, time.April, 30, 21, 0, 0, 0, time.UTC), LastDay: "2027-03-31", Days: 30,
		Granted: "fhir-query and ihe-document-query for TREAT", LinksEnded: 1, Count: 2,
		Lines:    "not_01jq8z5v3n7t2m4k6h9r0s1w31  suspension to acme: 550 no such user\nnot_01jq8z5v3n7t2m4k6h9r0s1w32  credential to acme: 550 no such user",
		Contacts: "technical: Ann Lee <ann@acme.example>\nsecurity: Desk <security@acme.example>",
		Contact:  "Certification, certification@example.com, +1 555 0100", Interviewer: "Ben Ode",
		Percent: 80, Used: 160_000, Quota: 200_000, Code: "contract-ended", Page: "https://connect.example.com/problems/contract-ended",
		Fixer: "OneRecord and the customer's business contact", Command: "certgate contract list --account acme",
		Meeting:    "https://meet.example.com/abc-defg-hij",
		Invitation: &Invitation{Start: time.Date(2027, time.March, 9, 14, 30, 0, 0, time.UTC), Zones: []*time.Location{time.FixedZone("EST", -5*60*60), time.UTC}},
		Findings:   []Finding{{Number: 0, Severity: "high", Text: "Say who rotates keys.", Due: time.Date(2027, time.April, 30, 21, 0, 0, 0, time.UTC)}},
		// A zone of our own making: a preview does not depend on the machine's database.
		Zone: time.FixedZone("EST", -5*60*60),
	}
	if why := sampleWhys[kind]; why != "" {
		data.Why = why
	}
	switch kind {
	case gate.CredentialNotice, gate.LeakedNotice, gate.ImportedNotice, gate.ListEndsNotice, gate.LinkTriedNotice, gate.RenewedNotice:
		sampleCredential(kind, &data)
	case gate.RejectedNotice:
		data.Verb, data.Why = "rejected", "The demo was not shown."
	case gate.TakenNotice:
		data.Verb = "taken"
	case gate.ClosingNotice:
		data.Verb = "closing"
		data.Why = "The clinic has merged with another."
	case gate.InterviewNotice:
		data.Noun, data.Name, data.Verb, data.Why = "certification", string(data.Case), "scheduled", ""
	case gate.QuotaNotice, gate.ExtraNotice, gate.CutOffNotice:
		sampleTraffic(kind, &data)
	case gate.IncidentOpenedNotice, gate.IncidentOverNotice, gate.StrangersNotice, gate.StaffIncidentNotice, gate.RuleHeldNotice:
		sampleIncident(kind, &data)
	case gate.AppealReceivedNotice, gate.AppealAnsweredNotice, gate.PlanAgreedNotice, gate.BarredNotice:
		sampleAppeal(kind, &data)
	case gate.ContactsNotice:
		data.Noun, data.Name, data.Verb = "account", "acme", "changed"
		data.Why = "Ann Lee has taken over from Tom Ray."
	default:
		sampleReminder(kind, &data)
	}
	return data
}

// sampleCredential fits made-up data to what is told of keys and certificates.
func sampleCredential(kind gate.NoticeKind, data *Data) {
	switch kind {
	case gate.LeakedNotice:
		data.Noun, data.Name, data.Verb = "key", "key_01jq8z5v3n7t2m4k6h9r0s1w2z", "leaked"
	case gate.ImportedNotice:
		data.Noun, data.Name, data.Verb, data.Why, data.Made = "account", "acme", "imported", "", ""
		data.Lines = "acme/main/prod-1: 1 token and 1 certificate"
	case gate.ListEndsNotice:
		data.Noun, data.Name, data.Verb = "CA", "Acme Private CA", "refused"
		data.Why = "it answered with status 503"
		data.Lines = "acme/main/prod-1: crt_01jq8z5v3n7t2m4k6h9r0s1w36"
	case gate.LinkTriedNotice:
		data.Noun, data.Verb, data.Made, data.Former = "enrollment link", "tried", "crt_01jq8z5v3n7t2m4k6h9r0s1w36", data.Made
	case gate.RenewedNotice:
		data.Noun, data.Verb, data.Why = "key", "renewed", ""
	default:
		data.Noun, data.Name = "key", "key_01jq8z5v3n7t2m4k6h9r0s1w2z"
	}
}

// sampleWhys are reasons of kinds of notice.
var sampleWhys = map[gate.NoticeKind]string{
	gate.CertifiedNotice:   "The demo was convincing.",
	gate.ReinstatedNotice:  "A new key is in use.",
	gate.RecertifyNotice:   "The integration has moved to another host.",
	gate.RenewalNotice:     "The integration has moved to another host.",
	gate.AmendmentNotice:   "Documents are queried now.",
	gate.ExtensionNotice:   "The signature under the next term is late.",
	gate.RecertifiedNotice: "The new host was shown.",
	gate.JoinedNotice:      "The same engine at the second site.",
}

// sampleForStaff fits made-up data to what goes to staff and concerns no account.
func sampleForStaff(kind gate.NoticeKind, data *Data) {
	data.Account, data.AccountID = "", ""
	switch kind {
	case gate.StaffChangeNotice:
		data.Noun, data.Name, data.Verb, data.Why = "", "ben", "disabled", "Has left."
	case gate.UndeliveredNotice:
		data.Name = "not_01jq8z5v3n7t2m4k6h9r0s1w31, not_01jq8z5v3n7t2m4k6h9r0s1w32"
	case gate.DigestNotice:
		data.Name, data.Count = "1 credential to release, 1 interview", 2
		data.Lines = "1 credential to release\n\n- cas_01jq8z5v3n7t2m4k6h9r0s1w2y of acme: due Tue 9 Mar 2027, 24:00 EST\n" +
			"  certgate certification release cas_01jq8z5v3n7t2m4k6h9r0s1w2y --device acme/main/prod-1\n\n" +
			"1 interview\n\n- cas_01jq8z5v3n7t2m4k6h9r0s1w33 of beta: Tue 9 Mar 2027, 11:00 EST, held by ben\n" +
			"  certgate certification show cas_01jq8z5v3n7t2m4k6h9r0s1w33"
	case gate.StaffAppealNotice:
		data.Name, data.By, data.Verb = "acme", "acme/main/prod-1", "received"
		data.Lines, data.Command = sampleAppealText, "certgate incident show "+string(data.Incident)
	case gate.StaffCutOffNotice:
		sampleTraffic(kind, data)
	case gate.CAEndsNotice:
		data.Noun, data.Name, data.Verb, data.Why = "customers", "certgate customers 1", "can issue certificates of full length", ""
	case gate.ListFailsNotice:
		data.Noun, data.Name, data.Verb, data.Why = "CA", "Acme Private CA", "failing", "it answered with status 503"
		data.Address, data.Count = "http://pki.acme.example/issuing.crl", 3
	case gate.StaffLinkNotice, gate.StaffCertificateEndsNotice:
		data.Noun, data.Name, data.Verb, data.Why = "certificate", "ben", "", ""
	default:
	}
}

// sampleReminder fits made-up data to a reminder, to what is reminded of, and to what goes to staff.
func sampleReminder(kind gate.NoticeKind, data *Data) {
	switch kind {
	case gate.FindingsNotice:
		data.Noun, data.Name, data.Verb, data.Why = "certification", string(data.Case), "raised", ""
	case gate.ContractEndsNotice:
		data.Noun, data.Name = "contract", "con_01jq8z5v3n7t2m4k6h9r0s1w30"
		data.Due = time.Date(2027, time.April, 1, 5, 0, 0, 0, time.UTC)
	case gate.RecertificationDueNotice:
		data.Noun, data.Name = "certification", string(data.Case)
	case gate.CertificateEndsNotice:
		data.Noun = "certificate"
	case gate.KeyEndsNotice:
		data.Noun, data.Days = "key", 7
	case gate.OldInUseNotice:
		data.Noun, data.Days = "key", 10
	case gate.LinkEndsNotice:
		data.Noun, data.Days = "enrollment link", 1
	default:
		if kind.ForStaff() {
			sampleForStaff(kind, data)
		}
	}
}

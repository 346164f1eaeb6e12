package authority

import (
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// staffChanges says in words what became of a person, by what happened.
var staffChanges = map[gate.Verb]struct{ noun, verb string }{
	gate.StaffProposed:           {"change", "proposed"},
	gate.StaffConfirmed:          {"change", "confirmed"},
	gate.StaffDisabled:           {"", "disabled"},
	gate.StaffCertificateRevoked: {"certificate", "revoked"},
	gate.StaffRenewed:            {"certificate", "renewed"},
	gate.StaffLinkRedeemed:       {"certificate", "taken"},
	gate.StaffRecovered:          {"", "made an admin"},
}

// tellStaff tells every admin, and the person, that somebody's access was changed, in the commit of the change. One admin can stop any
// other, because stopping must be fast; so all the others learn of it at once, whoever was stopped included. A person who is only proposed
// is not told: nobody has confirmed the address yet.
func (a *Authority) tellStaff(tx *certstore.Tx, by By, event gate.Event, person *gate.Staff) error {
	words := staffChanges[event.Verb]
	data := notify.Data{Noun: words.noun, Name: person.Name, Verb: words.verb, By: by.Name, Why: event.Why, From: a.moment(), Roles: inWords(person.Roles)}
	var proposal *gate.Proposal
	if event.Verb == gate.StaffProposed {
		proposal = person.Proposal
	}
	to := gate.StaffRecipients(a.dir.People(), gate.ManageStaff, a.now()) // as it was before the change
	if event.Verb == gate.StaffRecovered {                                // everybody on the staff, for no admin may be left
		to = gate.StaffRecipients(a.dir.People(), gate.Read, a.now())
		data.By, data.Until = "whoever has the files of the server", *person.Until
	}
	if before, err := a.dir.Staff(string(person.ID)); err == nil {
		if before.Active(a.now()) || event.Verb != gate.StaffProposed {
			to = append(to, person.Contact())
		}
		if event.Verb == gate.StaffConfirmed {
			proposal = before.Proposal
		}
	}
	if proposal != nil {
		data.Roles = inWords(proposal.Roles)
		switch {
		case proposal.Certificate != nil:
			data.Noun = "certificate"
		case proposal.Link:
			data.Noun = "one-time link"
		case proposal.Email != "":
			data.Noun = "address"
		}
	}
	_, err := a.notifyStaff(tx, gate.StaffChangeNotice, to, data)
	return err
}

// staffReminder says what of a person's ends.
func staffReminder(s *gate.Staff, c *gate.Countdown, now time.Time) notify.Data {
	return notify.Data{Noun: "certificate", Name: s.Name, Roles: inWords(s.Roles), Due: c.Ends, Days: c.Left(now)}
}

// inWords lists roles for people.
func inWords(roles []gate.Role) string {
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	if n := len(words); n > 2 {
		words = slices.Concat([]string{strings.Join(words[:n-1], ", ")}, words[n-1:])
	}
	return strings.Join(words, " and ")
}

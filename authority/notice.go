package authority

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// notify puts a notice to an account's contacts into the same commit as what it tells of, in the words that it will be sent with.
// Delivery comes after.
func (a *Authority) notify(tx *certstore.Tx, id gate.AccountID, kind gate.NoticeKind, data notify.Data) (*gate.Notice, error) {
	return a.notifyThese(tx, addressees{account: id}, kind, data)
}

// addressees are whom a notice is for.
type addressees struct {
	account gate.AccountID // whom it concerns
	to      []gate.Contact // nil: its contacts for the kind, and who else is invited
}

// notifyThese is notify for addressees that are named.
func (a *Authority) notifyThese(tx *certstore.Tx, whom addressees, kind gate.NoticeKind, data notify.Data) (*gate.Notice, error) {
	account, err := certstore.Get[gate.Account](tx, string(whom.account))
	if err != nil {
		return nil, err
	}
	n := &gate.Notice{ID: gate.NoticeID(a.newID(gate.NoticePrefix)), Kind: kind, Account: account.ID, To: whom.to, CreatedAt: a.moment()}
	if n.To == nil {
		n.To = gate.Recipients(account, kind)
		if i := data.Invitation; i != nil {
			n.To = withStaff(n.To, i.Attendees)
		}
	}
	data.Account, data.AccountID = account.Name, account.ID
	if data.Zone == nil {
		if data.Zone, err = time.LoadLocation(account.Zone); err != nil {
			data.Zone = nil // times are told in UTC alone
		}
	}
	return n, a.post(tx, n, data)
}

// notifyStaff puts a notice to members of staff into the same commit as what it tells of. It belongs to no account. To whom it goes is
// settled before the change: whoever loses access by it must hear of it too.
func (a *Authority) notifyStaff(tx *certstore.Tx, kind gate.NoticeKind, to []gate.Contact, data notify.Data) (*gate.Notice, error) {
	if !kind.ForStaff() {
		return nil, fmt.Errorf("notices of kind %s do not go to staff", kind) // cannot happen
	}
	n := &gate.Notice{ID: gate.NoticeID(a.newID(gate.NoticePrefix)), Kind: kind, To: distinct(to), CreatedAt: a.moment()}
	return n, a.post(tx, n, data)
}

// distinct leaves out whoever is named again: a person may be concerned for two reasons.
func distinct(to []gate.Contact) (once []gate.Contact) {
	for _, c := range to {
		if !slices.ContainsFunc(once, func(other gate.Contact) bool { return other.Email == c.Email }) {
			once = append(once, c)
		}
	}
	return once
}

// post words a notice and puts it into the commit.
func (a *Authority) post(tx *certstore.Tx, n *gate.Notice, data notify.Data) error {
	if err := a.word(n, data); err != nil {
		return fmt.Errorf("notice of kind %s: %w", n.Kind, err)
	}
	certstore.Put(tx, n)
	return nil
}

// word puts a notice into words. The operator's templates were tried when they were read; should one fail all the same, the built-in text
// says it, because nothing that must be told may depend on a template.
func (a *Authority) word(n *gate.Notice, data notify.Data) error {
	templates := a.templates
	if c := a.current(); c != nil {
		data.Contact, n.ReplyTo = c.settings.Contact.line(), c.settings.Contact.Email
		if c.settings.Templates != nil {
			templates = c.settings.Templates
		}
		event, err := notify.Event{ID: n.ID, Kind: n.Kind, Time: n.CreatedAt, Source: c.PublicURL(), Data: data}.Body()
		if err != nil {
			a.log.Error("a notice has no event for webhooks", zap.String("notice", string(n.ID)), zap.Error(err))
		}
		n.Event = string(event)
	}
	words, err := templates.Render(n.Kind, data)
	if err != nil && templates != a.templates {
		a.log.Error("a template failed; the built-in text is sent instead", zap.String("kind", string(n.Kind)), zap.Error(err))
		words, err = a.templates.Render(n.Kind, data)
	}
	n.Subject, n.Body, n.HTML = words.Subject, words.Text, words.HTML
	a.enclose(n, data.Invitation)
	return err
}

// enclose puts the invitation into a notice. One that calendars would not take is left out: the text says the same. What was missed is
// over, and calendars are not told.
func (a *Authority) enclose(n *gate.Notice, i *notify.Invitation) {
	if i == nil || !i.Canceled && i.Start.Before(n.CreatedAt) {
		return
	}
	i.Description = n.Body
	calendar, err := i.Calendar()
	if err != nil {
		a.log.Error("a notice has no invitation", zap.String("notice", string(n.ID)), zap.Error(err))
		return
	}
	n.Meeting = &gate.Meeting{Method: calendar.Method, Calendar: string(calendar.Body)}
}

// withStaff adds to the customer's contacts who else is invited.
func withStaff(to []gate.Contact, invited []notify.Mailbox) []gate.Contact {
	to = slices.Clone(to)
	for _, b := range invited {
		if !slices.ContainsFunc(to, func(c gate.Contact) bool { return c.Email == b.Email }) {
			to = append(to, gate.Contact{Role: gate.StaffContact, Name: b.Name, Email: b.Email})
		}
	}
	return to
}

// Preview shows a kind of notice as it would be sent now, with made-up data, and the template behind it.
func (a *Authority) Preview(kind gate.NoticeKind) (notify.Rendered, notify.Source, error) {
	templates := a.templates
	if c := a.current(); c != nil && c.settings.Templates != nil {
		templates = c.settings.Templates
	}
	words, err := templates.Preview(kind)
	if err != nil {
		return words, notify.Source{}, err
	}
	source, err := templates.Source(kind)
	return words, source, err
}

// Notices lists the notices to an account, the newest first; to all accounts for an empty identifier. At most limit.
func (a *Authority) Notices(account gate.AccountID, limit int) ([]*gate.Notice, error) {
	var all []*gate.Notice
	err := a.store.View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if account == "" || n.Account == account {
				all = append([]*gate.Notice{n}, all...)
			}
		}
		return nil
	})
	if len(all) > limit {
		all = all[:limit]
	}
	return all, err
}

// Failed is a notice that has failed, without its words; nil if it has not. It is asked of memory: whoever looks at a case looks often.
func (a *Authority) Failed(id gate.NoticeID) *gate.Notice {
	a.outbox.mu.Lock()
	defer a.outbox.mu.Unlock()
	n := a.outbox.open[id]
	if n == nil || n.State(a.now()) != gate.NoticeFailed {
		return nil
	}
	return n
}

// blankLinks removes secret links that are of no use any more: taken and used, spent, expired or replaced.
func (a *Authority) blankLinks() error {
	now := a.now()
	var blanked []gate.NoticeID
	err := a.store.Bookkeep(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if n.SealedLink == nil {
				continue
			}
			if live, err := a.linkIsLive(tx, n.ID, now); err != nil || live {
				continue // one that cannot be judged now is judged the next time
			}
			n.SealedLink = nil
			certstore.Put(tx, n)
			blanked = append(blanked, n.ID)
		}
		return nil
	})
	for _, id := range blanked {
		a.noteNotice(id)
	}
	return err
}

func (a *Authority) linkIsLive(tx *certstore.Tx, notice gate.NoticeID, now time.Time) (bool, error) {
	for _, e := range a.dir.Enrollments("") {
		if e.Notice != notice {
			continue
		}
		used, err := a.keyUsed(tx, e)
		if err != nil {
			return false, err
		}
		return isLive(e.State(used, now)), nil
	}
	for _, s := range a.dir.People() {
		if s.Link != nil && s.Link.Notice == notice {
			return isLive(s.LinkState(now)), nil
		}
	}
	return false, nil
}

// isLive reports whether a link in the state can be redeemed.
func isLive(s gate.EnrollmentState) bool {
	return s == gate.EnrollmentOpen || s == gate.EnrollmentRedeemed
}

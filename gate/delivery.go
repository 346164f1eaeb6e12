package gate

import (
	"slices"
	"strings"
	"time"
)

// TellWithin is how long a notice may fail before it counts as failed and a person is told, although it goes on being tried.
const TellWithin = 15 * time.Minute

// MailChannel is the channel by which contacts are told. The others are webhooks, for machines of the operator.
const MailChannel = "mail"

// Delivery is how sending a notice over one channel stands. Times are facts; what they come to is [Notice.State].
type Delivery struct {
	Channel  string `json:"channel"`           // MailChannel, or the name of a webhook
	Attempts int    `json:"attempts"`          // all that there were
	Failures int    `json:"failures"`          // failed ones since the beginning or the latest replay; the pause before the next depends on it
	Problem  string `json:"problem,omitempty"` // what went wrong last, for a person; no link, password or key
	// LastAt is the latest attempt, NextAt the earliest moment for another one; nil: at once, or none.
	LastAt *time.Time `json:"last_at,omitempty"`
	NextAt *time.Time `json:"next_at,omitempty"`
	// Accepted and Refused are the addresses that the mail server took, and those that it never will.
	Accepted []Receipt `json:"accepted,omitempty"`
	Refused  []Receipt `json:"refused,omitempty"`
	// DoneAt is when nobody was owed the notice over this channel any more, whether it was accepted or refused.
	DoneAt *time.Time `json:"done_at,omitempty"`
	// FailedAt is when it was known that nothing that was still owed can be delivered.
	FailedAt *time.Time `json:"failed_at,omitempty"`
	// DeadAt is when the schedule of attempts was exhausted.
	DeadAt *time.Time `json:"dead_at,omitempty"`
}

// Receipt is the answer to one recipient.
type Receipt struct {
	Address string    `json:"address"`
	At      time.Time `json:"at"`
	Answer  string    `json:"answer,omitempty"` // of who refused it
}

// Telling is how a member of staff delivered a notice by hand.
type Telling struct {
	By  StaffID   `json:"by"`
	At  time.Time `json:"at"`
	Who string    `json:"who"` // who was told
	How string    `json:"how"` // by telephone, at which number; in person
}

// Attempt is what one attempt to send came to.
type Attempt struct {
	Channel   string
	Channels  []string // all that were configured: the first attempt settles over which the notice is owed
	At        time.Time
	Accepted  []string  // addresses that have the mail now
	Refused   []Receipt // addresses that will never take it
	Done      bool      // nothing more is owed
	Permanent bool      // what is owed cannot be delivered
	Problem   string
	// Wait is the pause before the next attempt; Last says that there is none.
	Wait time.Duration
	Last bool
}

// NoticeState is derived from a notice's deliveries and now.
type NoticeState int

// The states of a notice, a closed list.
const (
	NoticeOwed   NoticeState = iota // not delivered yet
	NoticeSent                      // accepted by every recipient
	NoticeFailed                    // a person must look: refused, given up, nobody to send it to, or failing for TellWithin
	NoticeTold                      // delivered by hand
	NoticeVoid                      // its link ended before it was delivered; a new link has a notice of its own
)

// NoticeStates lists them all.
func NoticeStates() []NoticeState {
	return []NoticeState{NoticeOwed, NoticeSent, NoticeFailed, NoticeTold, NoticeVoid}
}

// String returns the state's name.
func (s NoticeState) String() string {
	return [...]string{"owed", "sent", "failed", "told-by-phone", "void"}[s]
}

// Settled reports whether nothing is left to do about the notice.
func (s NoticeState) Settled() bool { return s == NoticeSent || s == NoticeTold || s == NoticeVoid }

// State is the notice's state at now.
func (n *Notice) State(now time.Time) NoticeState {
	switch {
	case n.Told != nil:
		return NoticeTold
	case n.TakenAt != nil:
		return NoticeSent
	case n.Kind.HasLink() && n.SealedLink == nil && n.reached():
		return NoticeSent // one person has the link, which is one-time; that another bounced is shown
	case n.Kind.HasLink() && n.SealedLink == nil:
		return NoticeVoid
	case n.failing(now):
		return NoticeFailed
	case n.delivered():
		return NoticeSent
	}
	return NoticeOwed
}

// reached reports whether the mail has been accepted for anybody.
func (n *Notice) reached() bool {
	d := n.Delivery(MailChannel)
	return d != nil && len(d.Accepted) > 0
}

func (n *Notice) failing(now time.Time) bool {
	if len(n.To) == 0 {
		return true
	}
	for _, d := range n.Deliveries {
		late := d.DoneAt == nil && d.Failures > 0 && !now.Before(n.CreatedAt.Add(TellWithin))
		if d.FailedAt != nil || d.DeadAt != nil || len(d.Refused) > 0 || late {
			return true
		}
	}
	return false
}

func (n *Notice) delivered() bool {
	if n.Kind.HasLink() && !n.reached() {
		return false // only a mail carries the link
	}
	return len(n.Deliveries) > 0 && !slices.ContainsFunc(n.Deliveries, func(d Delivery) bool { return d.DoneAt == nil })
}

// Delivery is how things stand on a channel, nil if it was never tried.
func (n *Notice) Delivery(channel string) *Delivery {
	for i := range n.Deliveries {
		if n.Deliveries[i].Channel == channel {
			return &n.Deliveries[i]
		}
	}
	return nil
}

// Due reports whether the notice should be sent over the channel at now. A channel that was configured after the notice had been sent
// over all others is not owed it, except the mail with a link that nobody has.
func (n *Notice) Due(channel string, now time.Time) bool {
	if n.Told != nil || n.TakenAt != nil {
		return false
	}
	if channel == MailChannel && (len(n.To) == 0 || n.Kind.HasLink() && n.SealedLink == nil) {
		return false // nobody to send to, or no link left to send
	}
	d := n.Delivery(channel)
	if d == nil {
		return !n.State(now).Settled()
	}
	return d.Pending() && (d.NextAt == nil || !now.Before(*d.NextAt))
}

// Pending reports whether sending goes on by itself.
func (d *Delivery) Pending() bool { return d.DoneAt == nil && d.FailedAt == nil && d.DeadAt == nil }

// Open reports whether anything may still happen to the notice.
func (n *Notice) Open(now time.Time) bool {
	if !n.State(now).Settled() {
		return true
	}
	return n.Told == nil && n.TakenAt == nil && slices.ContainsFunc(n.Deliveries, func(d Delivery) bool { return d.Pending() && d.Channel != MailChannel })
}

// Forget ends what is pending on webhooks that are not among the channels any more. Mail is never given up that way.
func (n Notice) Forget(channels []string, now time.Time) Notice {
	n.Deliveries = slices.Clone(n.Deliveries)
	for i := range n.Deliveries {
		d := &n.Deliveries[i]
		if d.Pending() && d.Channel != MailChannel && !slices.Contains(channels, d.Channel) {
			d.DoneAt, d.NextAt, d.Problem = &now, nil, "the configuration has this webhook no longer"
		}
	}
	return n
}

// Attempted notes an attempt. A mail that was accepted takes the secret link with it.
func (n Notice) Attempted(a Attempt) Notice {
	n.Deliveries = slices.Clone(n.Deliveries)
	if len(n.Deliveries) == 0 {
		for _, channel := range a.Channels {
			n.Deliveries = append(n.Deliveries, Delivery{Channel: channel})
		}
	}
	if n.Delivery(a.Channel) == nil {
		n.Deliveries = append(n.Deliveries, Delivery{Channel: a.Channel})
	}
	d := n.Delivery(a.Channel)
	d.Attempts++
	d.LastAt, d.NextAt, d.Problem = &a.At, nil, a.Problem
	d.Accepted, d.Refused = slices.Clone(d.Accepted), append(slices.Clone(d.Refused), a.Refused...)
	for _, address := range a.Accepted {
		d.Accepted = append(d.Accepted, Receipt{Address: address, At: a.At})
	}
	switch {
	case a.Done:
		d.DoneAt = &a.At
	case a.Permanent:
		d.Failures++
		d.FailedAt = &a.At
	case a.Last:
		d.Failures++
		d.DeadAt = &a.At
	default:
		d.Failures++
		next := a.At.Add(a.Wait)
		d.NextAt = &next
	}
	if d.Channel == MailChannel && len(d.Accepted) > 0 && d.NextAt == nil {
		n.SealedLink = nil
	}
	return n
}

// Replay makes a notice that failed be sent again, from the beginning of the schedule, to everybody who has not accepted it.
func (n Notice) Replay(now time.Time) (Notice, error) {
	if s := n.State(now); s != NoticeFailed {
		return n, Errorf(Conflict, "notice %s is %s; only one that failed is sent again", n.ID, s)
	}
	if n.Kind.HasLink() && n.SealedLink == nil {
		return n, Errorf(Conflict, "the link of notice %s was delivered to somebody or has ended; %s", n.ID, n.again())
	}
	if len(n.To) == 0 {
		return n, Errorf(Conflict, "notice %s has no recipient; deliver it by hand and say so (certgate notice told)", n.ID)
	}
	n.Deliveries, n.Reported = slices.Clone(n.Deliveries), nil
	for i := range n.Deliveries {
		d := &n.Deliveries[i]
		if d.DoneAt != nil && len(d.Refused) == 0 {
			continue
		}
		d.Failures, d.Refused = 0, nil
		d.NextAt, d.DoneAt, d.FailedAt, d.DeadAt = nil, nil, nil, nil
	}
	return n, nil
}

// ToReport reports whether staff are to be told at now that the notice has failed. That a notice to staff failed is told by no other one: a
// mail server that is down would never see the end of it.
func (n *Notice) ToReport(now time.Time) bool {
	return n.Reported == nil && !n.Kind.ForStaff() && n.State(now) == NoticeFailed
}

// Trouble says in one line why the notice has not arrived, as far as it is known.
func (n *Notice) Trouble() string {
	if len(n.To) == 0 {
		return "there is nobody to send it to"
	}
	trouble := "it has not been accepted yet"
	for _, d := range n.Deliveries {
		if d.Problem != "" && d.DoneAt == nil || len(d.Refused) > 0 {
			trouble = strings.Join(strings.Fields(d.Channel+": "+d.Problem), " ")
		}
	}
	return trouble
}

// Tell notes that a notice was delivered by hand. One that carries a link cannot be: staff never see it.
func (n Notice) Tell(t Telling) (Notice, error) {
	if err := checkText("who", t.Who, 200); err != nil {
		return n, err
	}
	if err := checkText("how", t.How, 200); err != nil {
		return n, err
	}
	switch {
	case n.Kind.HasLink():
		return n, Errorf(Conflict, "notice %s carries a link, which staff never see and cannot tell; correct the address and %s", n.ID, n.again())
	case n.State(t.At).Settled():
		return n, Errorf(Conflict, "notice %s is %s already", n.ID, n.State(t.At))
	}
	n.Told = &t
	return n, nil
}

// again says how a link is replaced.
func (n *Notice) again() string {
	if n.Kind.ForStaff() {
		return "propose a new link (certgate staff propose NAME --link)"
	}
	return "release the device again"
}

package authority

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// channels are the names of what the configuration sends notices with, mail first.
func (c *Config) channels() []string {
	var names []string
	if c.settings.Mail != nil {
		names = append(names, gate.MailChannel)
	}
	for _, w := range c.settings.Webhooks {
		names = append(names, w.Name())
	}
	return names
}

// Channels are what the running configuration sends notices with; empty: they stay owed.
func (a *Authority) Channels() []string {
	if c := a.current(); c != nil {
		return c.channels()
	}
	return nil
}

// run carries out one errand. A panic ends this errand alone.
func (a *Authority) run(ctx context.Context, c *Config, e errand) {
	defer a.outbox.release(e)
	defer func() {
		if p := recover(); p != nil {
			a.outbox.hold(e, a.now().Add(holdOff))
			a.log.Error("sending a notice panicked", zap.String("notice", string(e.notice)), zap.String("panic", fmt.Sprint(p)))
		}
	}()
	if err := a.deliver(ctx, c, e); err != nil {
		a.outbox.hold(e, a.now().Add(holdOff))
		a.log.Error("a notice could not be sent, or its delivery not be noted", zap.String("notice", string(e.notice)), zap.String("channel", e.channel), zap.Error(err))
	}
}

// deliver makes one attempt and writes down what came of it. Whoever is killed in between sends again, under the same identifier.
func (a *Authority) deliver(ctx context.Context, c *Config, e errand) error {
	n, link, err := a.parcel(e)
	if err != nil || n == nil {
		return err
	}
	m := letter(n, e.channel)
	err = c.send(ctx, e.channel, m.WithLink(link))
	if err != nil && ctx.Err() != nil {
		return nil //nolint:nilerr // the process ends, and this attempt says nothing about the receiver
	}
	attempt := outcome(n.Delivery(e.channel), &m, err)
	attempt.Channel, attempt.Channels, attempt.At = e.channel, owedOver(n, c.channels()), a.moment()
	if link != "" {
		attempt.Problem = strings.ReplaceAll(attempt.Problem, link, notify.LinkPlaceholder)
	}
	for i := range attempt.Refused {
		attempt.Refused[i].At = attempt.At
	}
	if err := a.keep(e.notice, func(n gate.Notice) gate.Notice { return n.Attempted(attempt) }); err != nil {
		return err
	}
	if !attempt.Done {
		// The problem may name a person's address, which belongs into the record and not into a log.
		a.log.Warn("a notice was not delivered; certgate notice show says why", zap.String("notice", string(n.ID)), zap.String("channel", e.channel),
			zap.Bool("given_up", attempt.Permanent || attempt.Last))
	}
	return nil
}

// parcel reads a notice with the link that belongs into it, nil if it is not due any more.
func (a *Authority) parcel(e errand) (n *gate.Notice, link string, err error) {
	dead := false
	err = a.store.View(func(tx *certstore.Tx) error {
		if n, err = certstore.Get[gate.Notice](tx, string(e.notice)); err != nil {
			return err
		}
		if !n.Due(e.channel, a.now()) {
			n = nil
			return nil
		}
		if !n.Kind.HasLink() || e.channel != gate.MailChannel || n.SealedLink == nil {
			return nil
		}
		live, err := a.linkIsLive(tx, n.ID, a.now())
		if err != nil || !live {
			dead = err == nil
			return err
		}
		plain, err := a.store.Unseal(linkLabel(n.ID), n.SealedLink)
		link = string(plain)
		return err
	})
	switch {
	case err != nil:
		return nil, "", err
	case dead:
		return nil, "", a.keep(e.notice, func(n gate.Notice) gate.Notice { n.SealedLink = nil; return n })
	case n == nil:
		a.noteNotice(e.notice) // what is remembered was older than what is stored
	}
	return n, link, nil
}

// owedOver leaves out the webhooks for a notice that has nothing for them.
func owedOver(n *gate.Notice, channels []string) []string {
	if n.Event != "" {
		return channels
	}
	var mail []string
	for _, channel := range channels {
		if channel == gate.MailChannel {
			mail = append(mail, channel)
		}
	}
	return mail
}

// letter is the notice as the channel takes it. Each attempt sends the same, but for those who have been settled.
func letter(n *gate.Notice, channel string) notify.Message {
	m := notify.Message{ID: n.ID, Time: n.CreatedAt, Subject: n.Subject, Text: n.Body, HTML: n.HTML, Event: []byte(n.Event)}
	if n.Meeting != nil {
		m.Calendar = &notify.Calendar{Method: n.Meeting.Method, Body: []byte(n.Meeting.Calendar)}
	}
	if n.ReplyTo != "" {
		m.ReplyTo = notify.Mailbox{Email: n.ReplyTo}
	}
	for _, c := range n.To {
		m.To = append(m.To, notify.Mailbox{Name: c.Name, Email: c.Email})
	}
	if d := n.Delivery(channel); d != nil {
		for _, r := range append(append([]gate.Receipt(nil), d.Accepted...), d.Refused...) {
			m.Skip = append(m.Skip, r.Address)
		}
	}
	return m
}

func (c *Config) send(ctx context.Context, channel string, m notify.Message) error {
	if channel == gate.MailChannel {
		return c.settings.Mail.Send(ctx, m)
	}
	for _, w := range c.settings.Webhooks {
		if w.Name() == channel {
			return w.Send(ctx, m, c.authority.now())
		}
	}
	return fmt.Errorf("there is no channel %s", channel) // cannot happen: channels come from this configuration
}

// outcome reads what an attempt came to, after those before it.
func outcome(d *gate.Delivery, m *notify.Message, err error) gate.Attempt {
	if err == nil {
		return gate.Attempt{Done: true, Accepted: m.Recipients()}
	}
	failed := 1
	if d != nil {
		failed += d.Failures
	}
	wait, again := notify.Schedule(failed)
	attempt := gate.Attempt{Problem: gate.Clip(err.Error(), 500), Wait: wait, Last: !again}
	if e, ok := errors.AsType[*notify.DeliveryError](err); ok {
		attempt.Accepted, attempt.Permanent = e.Accepted, e.Permanent
		attempt.Wait = max(wait, e.RetryAfter)
		for _, r := range e.Refused {
			if r.Permanent {
				attempt.Refused = append(attempt.Refused, gate.Receipt{Address: r.Address, Answer: r.Text})
			}
		}
	}
	return attempt
}

// ReplayNotice sends a notice again that failed, to everybody who has not accepted it.
func (a *Authority) ReplayNotice(by By, id gate.NoticeID) (*gate.Notice, error) {
	return a.handle(by, id, gate.Event{Verb: gate.NoticeReplayed}, func(n gate.Notice, now time.Time) (gate.Notice, error) { return n.Replay(now) })
}

// TellNotice notes that a notice was delivered by hand: who was told, and how.
func (a *Authority) TellNotice(by By, id gate.NoticeID, t gate.Telling) (*gate.Notice, error) {
	t.By = by.Staff
	event := gate.Event{Verb: gate.NoticeDelivered, Detail: t.Who + ", " + t.How}
	return a.handle(by, id, event, func(n gate.Notice, now time.Time) (gate.Notice, error) {
		t.At = now
		return n.Tell(t)
	})
}

func (a *Authority) handle(by By, id gate.NoticeID, event gate.Event, do func(gate.Notice, time.Time) (gate.Notice, error)) (*gate.Notice, error) {
	if err := by.May(gate.DeliverNotice); err != nil {
		return nil, err
	}
	var out gate.Notice
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		n, err := load[gate.Notice](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = do(*n, a.moment()); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		event.Account, event.Object = n.Account, string(n.ID)
		return event, nil
	})
	return &out, err
}

package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
	"github.com/onerecord/certgate/notify"
)

// CAEnd is when something about a CA ends, unless staff act.
type CAEnd struct {
	CA   *gate.CA // the one it is about; of a root one that stands under it
	Name string
	What string // what ends, in words
	gate.Countdown
}

// CAEnds are the ends of every CA in force, in the order of identifiers: of the one that issues also the time from which what it issues is shorter
// than a year, because no certificate may outlive its CA; of an imported one and a former one if certificates under it have not ended; of
// each root.
func (a *Authority) CAEnds() (list []CAEnd) {
	now, leaves, roots := a.now(), a.LeavesByCA(), make(map[gate.Fingerprint]bool)
	add := func(ca *gate.CA, what string, end CAEnd) {
		end.CA, end.What, end.Kind = ca, what, gate.CAEndsNotice
		if end.Ends.After(now) {
			list = append(list, end)
		}
	}
	for _, ca := range a.dir.CAs() {
		if !ca.Anchors(now) {
			continue
		}
		name, ends := nameOf(ca), ca.NotAfter.UTC().Add(time.Second)
		subject := gate.Countdown{Subject: ca.RecordID(), Since: ca.NotBefore, Ends: ends}
		issues := a.issues(ca.Audience)
		switch {
		case issues != nil && issues.Fingerprint == ca.Fingerprint:
			full := subject
			full.Ends = ends.Add(-issuer.LeafLifetime)
			add(ca, "can issue certificates of full length", CAEnd{Name: name, Countdown: full})
			add(ca, "is trusted", CAEnd{Name: name, Countdown: subject})
		case ca.Standby(now) || leaves[ca.Fingerprint].Live > 0:
			add(ca, "is trusted", CAEnd{Name: name, Countdown: subject})
		}
		root, err := x509.ParseCertificate(ca.RootDER)
		if err != nil || roots[gate.FingerprintOf(ca.RootDER)] {
			continue // an imported one has none
		}
		roots[gate.FingerprintOf(ca.RootDER)] = true
		add(ca, "can sign standbys", CAEnd{Name: root.Subject.CommonName,
			Countdown: gate.Countdown{Subject: gate.FingerprintOf(ca.RootDER).String(), Since: root.NotBefore, Ends: root.NotAfter.UTC().Add(time.Second)}})
	}
	return list
}

// remindOfCAs tells those of staff who manage CAs what of them ends soon.
func (a *Authority) remindOfCAs(now time.Time) error {
	var errs []error
	for _, end := range a.CAEnds() {
		if due, err := a.isDue(&end.Countdown, now); err != nil || !due {
			errs = append(errs, err)
			continue
		}
		if err := a.remindOfCA(end); err != nil && !errors.Is(err, errKnown) {
			errs = append(errs, fmt.Errorf("remind of CA %s: %w", end.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (a *Authority) remindOfCA(end CAEnd) error {
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		now := a.moment()
		days, due, err := dueNow(tx, &end.Countdown, now)
		if err != nil {
			return gate.Event{}, err
		}
		if !due {
			return gate.Event{}, errKnown
		}
		data := notify.Data{Noun: string(end.CA.Audience), Name: end.Name, Verb: end.What, Due: end.Ends, Days: end.Left(now)}
		n, err := a.notifyStaff(tx, end.Kind, gate.StaffRecipients(a.dir.People(), gate.ManageCAs, a.now()), data)
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &gate.Reminder{ID: end.ReminderID(days), Kind: end.Kind, Subject: end.Subject, Ends: end.Ends, Days: days, At: now, Notice: n.ID})
		return gate.Event{Verb: gate.StaffReminded, Object: end.Subject, Detail: fmt.Sprintf("%s %s until %s", end.Name, end.What, end.Ends.Format(time.RFC3339))}, nil
	})
	return err
}

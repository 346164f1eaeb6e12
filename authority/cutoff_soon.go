package authority

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// tellOfEndsAtHand is a job: it tells staff and customers of what ends within gate.CutOffSoon while calls come, whatever it is: a certificate, a
// key, a contract, a certification, the day by which a change must be certified, a suspension that begins. What devices of an account share is
// told once.
func (a *Authority) tellOfEndsAtHand(now time.Time) error {
	if a.quarantine.Load() != nil || a.current() == nil {
		return nil
	}
	together := make(map[string][]cut)
	err := a.rehearsals(func(s *rehearsal) {
		if p := a.pulseOf(s.device.ID); now.Sub(p.Passed) > gate.CutOffSoon || !p.Since.IsZero() {
			return // nobody calls, or nothing passes already
		}
		c, found := a.endAtHand(s, now)
		if !found {
			return
		}
		id := gate.CutOffSoonID(s.device.Account, c.reason, c.at)
		together[id] = append(together[id], c)
	})
	errs := []error{err}
	for _, id := range slices.Sorted(maps.Keys(together)) {
		if err := a.tellOfEnd(id, together[id]); err != nil && !errors.Is(err, errKnown) {
			errs = append(errs, fmt.Errorf("tell of what ends within the hour: %w", err))
		}
	}
	return errors.Join(errs...)
}

// endAtHand is the first end that calls of the device will meet.
func (a *Authority) endAtHand(s *rehearsal, now time.Time) (cut, bool) {
	end := cut{device: s.device}
	meet := func(at time.Time, r gate.Reason) {
		if at.After(now) && at.Sub(now) <= gate.CutOffSoon && (end.at.IsZero() || at.Before(end.at)) {
			end.at, end.reason = at.UTC(), r
		}
	}
	for _, call := range s.calls(now) { // whatever of it can be called
		call.set(&s.request)
		if d := gate.Decide(&s.request, s.caller, now); d.Allowed() {
			if out, found := gate.Forecast(&s.request, s.caller, now, now.Add(gate.CutOffSoon+time.Second)); found {
				meet(out.At, out.Reason)
			}
			break
		}
	}
	// The rehearsal is with the newest credential; older ones may be what is used.
	used := func(id string) bool {
		u := a.dir.LastUse(id)
		return u != nil && now.Sub(u.At) <= gate.CutOffSoon
	}
	for _, k := range a.dir.Keys(s.device.ID) {
		if k.RetireAt != nil && k.State(now).Live() && used(string(k.ID)) {
			meet(*k.RetireAt, gate.InvalidToken)
		}
	}
	for _, c := range a.dir.Certificates(s.device.ID) {
		if c.State(now).Live() && used(string(c.ID)) {
			meet(c.NotAfter.Add(time.Second), gate.CertificateExpired)
		}
	}
	var err error
	if end.path, err = a.devicePath(s.device); err != nil {
		return end, false
	}
	return end, !end.at.IsZero()
}

// tellOfEnd tells of one end, unless it was told.
func (a *Authority) tellOfEnd(id string, list []cut) error {
	var last *gate.Reminder
	err := a.store.View(func(tx *certstore.Tx) (err error) {
		last, err = lastReminder(tx, id)
		return err
	})
	if err != nil || last != nil {
		return err
	}
	_, err = a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		if last, err := lastReminder(tx, id); err != nil || last != nil {
			return gate.Event{}, errors.Join(err, errKnown)
		}
		n, err := a.notifyOfCuts(tx, list)
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &gate.Reminder{ID: id, Account: list[0].device.Account, Kind: gate.CutOffNotice, Subject: string(list[0].device.ID),
			Ends: list[0].at, At: a.moment(), Notice: n.ID})
		return cutOffEvent(list, "will be cut off at "+list[0].at.Format(time.RFC3339)), nil
	})
	return err
}

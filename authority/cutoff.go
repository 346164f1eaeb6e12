package authority

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// cutOffs are the devices that were refused since they last passed: the few that the job looks at. Every other one is as well as it was.
type cutOffs struct {
	mu      sync.Mutex
	devices map[gate.DeviceID]bool // guarded by mu; true: it was found to be cut off
}

func (c *cutOffs) add(id gate.DeviceID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.devices == nil {
		c.devices = make(map[gate.DeviceID]bool)
	}
	if _, there := c.devices[id]; !there {
		c.devices[id] = false
	}
}

func (c *cutOffs) list() []gate.DeviceID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.devices))
}

// found notes that the device is cut off, or with gone that it need not be looked at any more; was is what was noted before.
func (c *cutOffs) found(id gate.DeviceID, cut, gone bool) (was bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was = c.devices[id]
	if gone {
		delete(c.devices, id)
	} else {
		c.devices[id] = cut
	}
	return was
}

// feel notes how it goes for a device in production. A refused call counts only if it has proven both halves of one device's credential, whatever
// became of them since: whoever has the certificate alone, or the key alone, must not make it look as if its owner were cut off. A customer
// that presents the wrong one of them cannot be told from a thief, and is not noticed here.
func (a *Authority) feel(c *Call, now time.Time) {
	pulse := c.uses.Device
	if pulse == nil || !c.Request.Site.Environment.NeedsCertification() {
		return
	}
	if c.Allowed() {
		if c.Behavior != nil {
			pulse.Passed(now)
		}
		return
	}
	key, certificate := c.Caller.Key, c.Caller.Certificate
	if !c.Request.TLS || c.Request.Leaf == nil || key == nil || certificate == nil || !c.Caller.KeyProven || key.Device != certificate.Device || !c.Reason.CutsOff() {
		return
	}
	if pulse.Refused(now, c.Reason) {
		a.cutOff.add(key.Device)
	}
}

// pulseOf is how it goes for a device. Before its first call since the start the last use of its keys says when it passed.
func (a *Authority) pulseOf(id gate.DeviceID) gate.Pulse {
	p := a.dir.Pulse(id)
	if !p.Passed.IsZero() {
		return p
	}
	for _, k := range a.dir.Keys(id) {
		if u := a.dir.LastUse(string(k.ID)); u != nil && u.At.After(p.Passed) && (p.Since.IsZero() || !u.At.After(p.Since)) {
			p.Passed = u.At
		}
	}
	return p
}

// devicesCutOff is how many devices in production are cut off at now; see gate.Pulse.
func (a *Authority) devicesCutOff(now time.Time) (n int) {
	for _, id := range a.cutOff.list() {
		if p := a.pulseOf(id); p.CutOff(now) {
			n++
		}
	}
	return n
}

// cut is a device that is cut off, or will be.
type cut struct {
	device *gate.Device
	path   string
	reason gate.Reason
	since  time.Time // of one that is
	at     time.Time // of one that will be
}

// tellOfCutOffs is a job: it tells staff and customers of devices that are cut off, once for each code and day. It is over when a call passes,
// which nobody has to be told.
func (a *Authority) tellOfCutOffs(now time.Time) error {
	if a.quarantine.Load() != nil {
		return nil
	}
	together := make(map[string][]cut)
	for _, id := range a.cutOff.list() {
		p := a.pulseOf(id)
		over := p.Since.IsZero() || now.Sub(p.Last) > gate.CutOffMemory
		is := p.CutOff(now)
		device, err := a.dir.Device(string(id))
		if was := a.cutOff.found(id, is, over || err != nil); was && over {
			a.log.Info("a device that was cut off is not any more", zap.String("device", string(id)))
		}
		if !is || err != nil {
			continue
		}
		c := cut{device: device, reason: p.Reason, since: p.Since}
		if c.path, err = a.devicePath(device); err != nil {
			return err
		}
		key := string(device.Account) + "/" + p.Reason.String()
		together[key] = append(together[key], c)
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(together)) {
		if err := a.tellOfCutOff(together[key], now); err != nil && !errors.Is(err, errKnown) {
			errs = append(errs, fmt.Errorf("tell of devices that are cut off: %w", err))
		}
	}
	return errors.Join(errs...)
}

// tellOfCutOff tells of devices of one account with one code, those of them that were not told of within gate.CutOffMemory.
func (a *Authority) tellOfCutOff(list []cut, now time.Time) error {
	fresh := func(tx *certstore.Tx) (fresh []cut, err error) {
		for _, c := range list {
			last, err := lastReminder(tx, gate.CutOffID(c.device.ID, c.reason))
			if err != nil {
				return nil, err
			}
			if last == nil || now.Sub(last.At).Abs() >= gate.CutOffMemory {
				fresh = append(fresh, c)
			}
		}
		return fresh, nil
	}
	var untold []cut
	err := a.store.View(func(tx *certstore.Tx) (err error) {
		untold, err = fresh(tx)
		return err
	})
	if err != nil || len(untold) == 0 {
		return err
	}
	_, err = a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		told, err := fresh(tx)
		if err != nil {
			return gate.Event{}, err
		}
		if len(told) == 0 {
			return gate.Event{}, errKnown
		}
		n, err := a.notifyOfCuts(tx, told)
		if err != nil {
			return gate.Event{}, err
		}
		for _, c := range told {
			certstore.Put(tx, &gate.Reminder{ID: gate.CutOffID(c.device.ID, c.reason), Account: c.device.Account, Kind: gate.CutOffNotice,
				Subject: string(c.device.ID), Ends: c.since, At: a.moment(), Notice: n.ID})
		}
		return cutOffEvent(told, "cut off"), nil
	})
	return err
}

func cutOffEvent(list []cut, what string) gate.Event {
	paths := make([]string, len(list))
	for i := range list {
		paths[i] = list[i].path
	}
	return gate.Event{Verb: gate.CustomerReminded, Account: list[0].device.Account, Object: string(list[0].device.ID),
		Detail: what + ", " + list[0].reason.String() + ": " + shortList(paths)}
}

// maxCuts bounds how many devices one notice lists.
const maxCuts = 50

// shortList names the first three.
func shortList(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

// notifyOfCuts puts two notices into the commit, one to the customer and one to staff; they are about devices of one account and one code.
func (a *Authority) notifyOfCuts(tx *certstore.Tx, list []cut) (*gate.Notice, error) {
	first := list[0]
	remedy := first.reason.Remedy()
	var paths, lines []string
	for i, c := range list {
		paths = append(paths, c.path)
		switch {
		case i == maxCuts:
			lines = append(lines, fmt.Sprintf("and %d more", len(list)-maxCuts))
		case i < maxCuts && c.since.IsZero():
			lines = append(lines, c.path)
		case i < maxCuts:
			lines = append(lines, c.path+"  since "+c.since.UTC().Format("2 January 2006, 15:04 UTC"))
		}
	}
	data := notify.Data{Noun: "device", Name: shortList(paths), Verb: "are refused", Environment: first.device.Environment.String(), Code: first.reason.String(),
		Count: len(list), Lines: strings.Join(lines, "\n"), From: first.since, Due: first.at, Fixer: remedy.Who}
	if !first.at.IsZero() {
		data.Verb = "will be refused"
	}
	forStaff := data
	forStaff.Command = remedy.CommandFor(paths)
	if c := a.current(); c != nil {
		data.Page = c.PublicURL() + "/problems/" + data.Code
		forStaff.Zone = c.calendar.Zone
	}
	n, err := a.notify(tx, first.device.Account, gate.CutOffNotice, data)
	if err != nil {
		return nil, err
	}
	_, err = a.notifyStaff(tx, gate.StaffCutOffNotice, gate.StaffRecipients(a.dir.People(), gate.DeliverNotice, a.now()), forStaff)
	return n, err
}

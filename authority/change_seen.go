package authority

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// maxSeenNames bounds how many devices, behaviors or networks the text of a report names; the rest are counted.
const maxSeenNames = 8

// seeChanges is a job: it reports what devices do in production that is outside what was certified, as far as certgate can see it. It looks at
// what usage has counted, which is of callers that have shown key and certificate alone, so nobody with half of a credential opens a report.
// What it writes stops nothing; staff judge it.
func (a *Authority) seeChanges(now time.Time) error {
	var errs []error
	for _, account := range a.dir.Accounts() {
		for _, c := range a.dir.Certifications(account.ID) {
			if c.State(c.Term(a.dir.Contract, now), now) != gate.InForce {
				continue
			}
			w := watcher{Authority: a, c: c, now: now, zone: a.UsageZone(account.ID)}
			if err := errors.Join(w.look(), w.origins()); err != nil {
				errs = append(errs, fmt.Errorf("look for changes of %s: %w", c.ID, err))
				continue
			}
			for _, kind := range gate.SeenChangeKinds() {
				if text := w.found[kind]; text != "" && c.MaySee(kind, now) {
					errs = append(errs, a.reportSeen(c.ID, kind, text))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// reportSeen writes one report, unless it has become needless since it was looked for.
func (a *Authority) reportSeen(id gate.CertificationID, kind gate.ChangeKind, text string) error {
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := certstore.Get[gate.Certification](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		act := gate.Act{By: gate.System, At: a.moment()}
		if !c.MaySee(kind, act.At) {
			return gate.Event{}, errKnown
		}
		out, err := c.SeeChange(kind, text, act)
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.ChangeReported, Account: out.Account, Object: string(out.ID), Why: text, Detail: string(kind)}, nil
	})
	if errors.Is(err, errKnown) {
		return nil
	}
	return err
}

// watcher looks at what the devices of a certification did.
type watcher struct {
	*Authority
	c     *gate.Certification
	now   time.Time
	zone  *time.Location
	found map[gate.ChangeKind]string
}

func (w *watcher) find(kind gate.ChangeKind, text string) {
	if w.found == nil {
		w.found = make(map[gate.ChangeKind]string)
	}
	w.found[kind] = gate.Clip(text, 1900)
}

// devices are those of production whose calls are judged by the certification: another case may cover them since.
func (w *watcher) devices() (list []*gate.Device) {
	for _, id := range w.c.Devices {
		d, err := w.dir.Device(string(id))
		if err != nil || d.Environment != gate.Production {
			continue
		}
		caller := gate.Caller{Device: d, Contracts: w.dir.Contracts(d.Account), Certifications: w.dir.Certifications(d.Account)}
		if judged, _ := caller.Certification(caller.Contract(w.now), w.now); judged != nil && judged.ID == w.c.ID {
			list = append(list, d)
		}
	}
	return list
}

// look compares calls with the profile: of the last whole days how many there were, and of those and today what was refused.
func (w *watcher) look() error {
	today := gate.Date(w.now.In(w.zone).Format(time.DateOnly))
	from, until := today.AddDays(-gate.VolumeDays).Start(w.zone), today.Start(w.zone)
	through := int64(0)
	behaviors, purposes := make(map[string]int64), make(map[string]int64)
	for _, d := range w.devices() {
		err := w.usage.Each(d.ID, from, w.now.Add(time.Minute), func(b *usage.Bucket) error {
			for i := range b.Cells {
				cell := &b.Cells[i]
				switch {
				case cell.Outcome.Allowed():
					if b.Start < until.Unix() {
						through += cell.Calls
					}
				case cell.Outcome == usage.Outcome(gate.BehaviorNotGranted.String()):
					if cell.Behavior != "" && !slices.Contains(w.c.Profile.Grant.Behaviors, cell.Behavior) {
						behaviors[cell.Behavior] += cell.Calls
					}
				case cell.Outcome == usage.Outcome(gate.PurposeNotGranted.String()):
					if cell.Purpose != "" && !slices.Contains(w.c.Profile.Grant.Purposes, cell.Purpose) {
						purposes[string(cell.Purpose)] += cell.Calls
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	window := from.UTC().Format(time.RFC3339) + " to "
	if text := refusedOf(behaviors); text != "" {
		w.find(gate.BehaviorAttempted, "calls of behaviors outside the certified profile were refused from "+window+w.now.UTC().Format(time.RFC3339)+": "+text)
	}
	if text := refusedOf(purposes); text != "" {
		w.find(gate.PurposeAttempted, "calls for purposes outside the certified profile were refused from "+window+w.now.UTC().Format(time.RFC3339)+": "+text)
	}
	if declared := w.c.Profile.DailyVolume; declared > 0 && through/(gate.VolumeDays*gate.VolumeFactor) >= declared {
		w.find(gate.VolumeTripled, fmt.Sprintf("%d calls were let through from %s%s, %d a day on average; %d a day are declared",
			through, window, until.UTC().Format(time.RFC3339), through/gate.VolumeDays, declared))
	}
	return nil
}

// refusedOf names what was refused often enough, and how often.
func refusedOf(counts map[string]int64) string {
	maps.DeleteFunc(counts, func(_ string, n int64) bool { return n < gate.AttemptFloor })
	names := slices.Sorted(maps.Keys(counts))
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%d)", name, counts[name])
	}
	return fewOf(names)
}

// fewOf lists a few of the names and counts the rest.
func fewOf(names []string) string {
	if n := len(names); n > maxSeenNames {
		names = append(slices.Clone(names[:maxSeenNames]), fmt.Sprintf("and %d more", n-maxSeenNames))
	}
	return strings.Join(names, ", ")
}

// origins looks for networks that are new. What a device may call from is its own setting and not a change, so those alone count that may call
// from anywhere. Where no networks are declared, those of the first 30 days are the usual ones.
func (w *watcher) origins() error {
	since, list, err := w.usage.Origins(w.c.Account)
	if err != nil {
		return err
	}
	declared, devices := w.c.Profile.Networks, w.devices()
	var names []string
	for _, o := range list {
		i := slices.IndexFunc(devices, func(d *gate.Device) bool { return d.ID == o.Device && d.Addresses.Any })
		switch {
		case i < 0:
		case w.now.Sub(o.First) > usage.OriginRest: // by now it is usual
		case len(declared) == 0 && o.First.Sub(since) < usage.OriginRest:
		case slices.ContainsFunc(declared, func(p netip.Prefix) bool { return p.Overlaps(o.Network) }):
		default:
			path, err := w.devicePath(devices[i])
			if err != nil {
				return err
			}
			names = append(names, fmt.Sprintf("%s (since %s, by %s)", o.Network, o.First.Format(time.RFC3339), path))
		}
	}
	if len(names) > 0 {
		w.find(gate.NetworkNew, "calls came from networks that are not declared and from which none had come for 30 days: "+fewOf(names))
	}
	return nil
}

package authority

import (
	"cmp"
	"slices"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// SeenRow is what a device, or an account in production, was seen to do in an hour or a day.
type SeenRow struct {
	Account gate.AccountID
	Device  *gate.Device // nil: all production devices of the account
	usage.Seen
}

// Seen calls f with what devices were seen to do, by hour or day (of the query's steps those alone), each device or account after the other.
// Of the query account, organization, device, days and zone count. It tells what was written: all but the last minute.
func (a *Authority) Seen(q *UsageQuery, byDevice bool, f func(*SeenRow) error) error {
	devices := a.UsageDevices(q)
	slices.SortStableFunc(devices, func(x, y *gate.Device) int { return cmp.Compare(x.Account, y.Account) })
	for len(devices) > 0 {
		account := devices[0].Account
		n := slices.IndexFunc(devices, func(d *gate.Device) bool { return d.Account != account })
		if n < 0 {
			n = len(devices)
		}
		if err := a.seenOf(q, devices[:n], byDevice, f); err != nil {
			return err
		}
		devices = devices[n:]
	}
	return nil
}

// seenOf tells of the devices of one account.
func (a *Authority) seenOf(q *UsageQuery, devices []*gate.Device, byDevice bool, f func(*SeenRow) error) error {
	account, zone := devices[0].Account, q.Zone
	if zone == nil {
		zone = a.UsageZone(account)
	}
	one := usage.SeenQuery{Account: account, From: q.First.Start(zone), To: q.Last.AddDays(1).Start(zone), Days: q.Step != HourStep}
	if byDevice {
		for _, d := range devices {
			one.Device = d.ID
			if err := a.usage.Seen(&one, func(r *usage.Seen) error { return f(&SeenRow{account, d, *r}) }); err != nil {
				return err
			}
		}
		return nil
	}
	for _, d := range devices {
		if d.Environment == gate.Production {
			one.Devices = append(one.Devices, d.ID)
		}
	}
	return a.usage.Seen(&one, func(r *usage.Seen) error { return f(&SeenRow{account, nil, *r}) })
}

// Hours are what is known of each hour of a device between two times, for those who watch for abuse: counts by reason, and whom it named.
func (a *Authority) Hours(q *UsageQuery, f func(*usage.Hour) error) error {
	return a.usage.Hours(q.Device, q.From, q.To, f)
}

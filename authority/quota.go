package authority

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
	"github.com/onerecord/certgate/ratelimit"
)

// tellOfQuotas is a job: it tells customers of whose quotas most is used, once at each mark in a day or month. What was told is a record, so
// neither a restart nor a reload tells it again.
func (a *Authority) tellOfQuotas(now time.Time) error {
	if a.quarantine.Load() != nil {
		return nil
	}
	var errs []error
	for _, used := range a.limits.Quotas(now) {
		q := a.quotaOf(&used, now)
		if q == nil {
			continue
		}
		if _, due := q.Due(nil, now); !due {
			continue // below every mark: nearly all, and the records need not be asked
		}
		if err := a.tellOfQuota(q); err != nil && !errors.Is(err, errKnown) {
			errs = append(errs, fmt.Errorf("tell of quota %s of %s: %w", q.Limit, q.Subject, err))
		}
	}
	return errors.Join(errs...)
}

// customerQuota is a quota of a contract in force, and what was used of it.
type customerQuota struct {
	gate.QuotaUse

	account *gate.Account
	device  *gate.Device // nil unless it is a device's
	limit   gate.Limit
	zone    *time.Location
}

// quotaOf finds the limit that counts now; nil if there is none. The plan may have changed since the last call.
func (a *Authority) quotaOf(used *ratelimit.Quota, now time.Time) *customerQuota {
	account, err := a.dir.Account(string(used.Account))
	if err != nil {
		return nil
	}
	caller := gate.Caller{Contracts: a.dir.Contracts(used.Account)}
	contract := caller.Contract(now)
	if contract == nil || contract.State(now) != gate.ContractInForce {
		return nil
	}
	plan := contract.UsagePlan()
	i := slices.IndexFunc(plan.Limits, func(l gate.Limit) bool { return l.Name() == used.Limit })
	if i < 0 || strings.Contains(used.Subject, "/") { // outside production nothing is agreed with the customer
		return nil
	}
	q := &customerQuota{account: account, limit: plan.Limits[i], zone: plan.Zone}
	if strings.HasPrefix(used.Subject, gate.DevicePrefix) {
		if q.device, err = a.dir.Device(used.Subject); err != nil || q.device.Environment != gate.Production {
			return nil
		}
	}
	q.QuotaUse = gate.QuotaUse{Subject: used.Subject, Limit: used.Limit, Used: used.Used, Room: q.limit.Amount + plan.Extra(used.Limit, used.Subject, used.Start, used.End), Start: used.Start, End: used.End}
	return q
}

// tellOfQuota tells one, unless it was told.
func (a *Authority) tellOfQuota(q *customerQuota) error {
	now := a.now()
	if due, err := a.quotaDue(q, now); err != nil || !due {
		return err
	}
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		last, err := lastReminder(tx, q.ReminderID())
		if err != nil {
			return gate.Event{}, err
		}
		percent, due := q.Due(last, now)
		if !due {
			return gate.Event{}, errKnown
		}
		data := notify.Data{Noun: "account", Name: q.account.Slug, Limit: q.limit.Words(), Percent: percent, Used: q.Used, Quota: q.Room, Until: q.End, Zone: q.zone}
		if data.Noun, data.Name, err = a.quotaSubject(q); err != nil {
			return gate.Event{}, err
		}
		if at, runsOut := q.RunsOut(now); runsOut {
			data.Due = at
		}
		n, err := a.notifyThese(tx, addressees{account: q.account.ID, to: gate.QuotaRecipients(q.account, q.limit.Kind)}, gate.QuotaNotice, data)
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &gate.Reminder{ID: q.ReminderID(), Account: q.account.ID, Kind: gate.QuotaNotice, Subject: q.Subject, Ends: q.End.UTC(),
			Percent: percent, Used: q.Used, At: a.moment(), Notice: n.ID})
		return gate.Event{Verb: gate.CustomerReminded, Account: q.account.ID, Object: q.Subject,
			Detail: fmt.Sprintf("%d %% of %q: %d of %d used", percent, q.limit.String(), q.Used, q.Room)}, nil
	})
	return err
}

// quotaDue looks without holding up changes; tellOfQuota looks again.
func (a *Authority) quotaDue(q *customerQuota, now time.Time) (due bool, err error) {
	err = a.store.View(func(tx *certstore.Tx) error {
		last, err := lastReminder(tx, q.ReminderID())
		_, due = q.Due(last, now)
		return err
	})
	return due, err
}

// lastReminder is the reminder of that name, nil if there is none.
func lastReminder(tx *certstore.Tx, id string) (*gate.Reminder, error) {
	r, err := certstore.Get[gate.Reminder](tx, id)
	if errors.Is(err, gate.NotFound) {
		return nil, nil //nolint:nilnil // that there is none is no error
	}
	return r, err
}

// quotaSubject is whose quota it is, by its slug path.
func (a *Authority) quotaSubject(q *customerQuota) (noun, name string, err error) {
	if q.device != nil {
		name, err = a.devicePath(q.device)
		return "device", name, err
	}
	if !strings.HasPrefix(q.Subject, gate.OrganizationPrefix) {
		return "account", q.account.Slug, nil
	}
	organization, err := a.dir.Organization(q.Subject)
	if err != nil {
		return "", "", err
	}
	return "organization", q.account.Slug + "/" + organization.Slug, nil
}

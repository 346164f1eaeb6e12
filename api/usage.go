package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// UsageRow is what was used in one period by those that the row names; what the rows are not told by is left out.
type UsageRow struct {
	// ID is the same for the same row, whenever it is asked for: a later export of the row replaces an earlier one.
	ID          string            `json:"id"`
	Start       time.Time         `json:"start"`
	End         time.Time         `json:"end"` // not in it
	Account     gate.AccountID    `json:"account,omitempty"`
	Device      gate.DeviceID     `json:"device,omitempty"`
	Path        string            `json:"path,omitempty"` // of the account or device, as it is named now
	Environment *gate.Environment `json:"environment,omitempty"`
	Behavior    *string           `json:"behavior,omitempty"` // "" where a refused call had none
	Purpose     *gate.Purpose     `json:"purpose,omitempty"`  // as behavior
	Outcome     usage.Outcome     `json:"outcome,omitempty"`

	Calls         int64 `json:"calls"`
	Refused       int64 `json:"refused"`        // of the calls
	Failed        int64 `json:"failed"`         // of the calls: the upstream failed, or the client gave up
	Cost          int64 `json:"cost"`           // units of all calls that were let through
	BillableCalls int64 `json:"billable_calls"` // of production, neither refused nor failed
	BillableCost  int64 `json:"billable_cost"`
	BytesIn       int64 `json:"bytes_in"`
	BytesOut      int64 `json:"bytes_out"`
}

// UsageReport is usage of a time.
type UsageReport struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Zone string    `json:"zone"`
	// Final is until when the figures do not change any more.
	Final time.Time   `json:"final"`
	Items []*UsageRow `json:"items"`
}

// maxUsageRows is how many rows one answer may have.
const maxUsageRows = 10_000

// usageParts are what rows can be told by.
var usageParts = []string{"account", "device", "environment", "behavior", "purpose", "outcome"}

// usageQuestion is what was asked.
type usageQuestion struct {
	authority.UsageQuery

	zone string
	by   []string
	x    *exchange
}

// showUsage tells what was used.
func showUsage(x *exchange) error {
	q, err := x.usageQuestion()
	if err != nil {
		return err
	}
	report := UsageReport{From: q.From.UTC(), To: q.To.UTC(), Zone: q.zone, Final: x.a.UsageFinal(), Items: []*UsageRow{}}
	rows := make(map[string]*UsageRow)
	err = x.a.Usage(&q.UsageQuery, func(r *authority.UsageRow) error {
		row := q.row(r)
		found := rows[row.ID]
		if found == nil {
			if len(rows) == maxUsageRows {
				return gate.FieldErrorf("by", "has more than %d rows; ask for a shorter time, one account, or less at once", maxUsageRows)
			}
			found = row
			rows[row.ID] = row
			report.Items = append(report.Items, row)
		}
		found.add(r)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(report.Items, func(a, b *UsageRow) int { return a.Start.Compare(b.Start) })
	return x.json(http.StatusOK, report)
}

// row is the empty one into which a part of usage goes.
func (q *usageQuestion) row(r *authority.UsageRow) *UsageRow {
	row := &UsageRow{Start: r.Start, End: r.End}
	for _, part := range q.by {
		switch part {
		case "account":
			row.Account, row.Path = r.Device.Account, accountSlug(q.x, r.Device.Account)
		case "device":
			row.Account, row.Device, row.Path = r.Device.Account, r.Device.ID, devicePath(q.x.dir, r.Device)
		case "environment":
			row.Environment = &r.Device.Environment
		case "behavior":
			row.Behavior = &r.Behavior
		case "purpose":
			row.Purpose = &r.Purpose
		case "outcome":
			row.Outcome = r.Outcome
		}
	}
	row.ID = row.id()
	return row
}

// id hashes what the row is of, and nothing of what it counts.
func (u *UsageRow) id() string {
	parts := []string{u.Start.Format(time.RFC3339), u.End.Format(time.RFC3339), string(u.Account), string(u.Device), string(u.Outcome)}
	if u.Environment != nil {
		parts = append(parts, "environment="+u.Environment.String())
	}
	if u.Behavior != nil {
		parts = append(parts, "behavior="+*u.Behavior)
	}
	if u.Purpose != nil {
		parts = append(parts, "purpose="+string(*u.Purpose))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (u *UsageRow) add(r *authority.UsageRow) {
	u.Calls += r.Calls
	u.Cost += r.Cost
	u.BytesIn += r.In
	u.BytesOut += r.Out
	switch {
	case !r.Outcome.Allowed():
		u.Refused += r.Calls
	case !r.Outcome.Answered():
		u.Failed += r.Calls
	case r.Billable():
		u.BillableCalls += r.Calls
		u.BillableCost += r.Cost
	}
}

func accountSlug(x *exchange, id gate.AccountID) string {
	account, err := x.dir.Account(string(id))
	if err != nil {
		return string(id)
	}
	return account.Slug
}

// usageQuestion reads the query.
func (x *exchange) usageQuestion() (*usageQuestion, error) {
	v, err := x.query("account", "device", "behavior", "purpose", "outcome", "from", "to", "zone", "step", "by")
	if err != nil {
		return nil, err
	}
	q := &usageQuestion{x: x, zone: "UTC", by: []string{"behavior"}}
	q.Behavior, q.Outcome, q.Step = v.Get("behavior"), usage.Outcome(v.Get("outcome")), authority.UsageStep(v.Get("step"))
	if ref := v.Get("account"); ref != "" {
		account, err := x.dir.Account(ref)
		if err != nil {
			return nil, gate.InField("account", err)
		}
		q.Account, q.zone = account.ID, zoneOf(x, account.ID, q.zone)
	}
	if ref := v.Get("device"); ref != "" {
		device, err := x.dir.Device(ref)
		if err != nil {
			return nil, gate.InField("device", err)
		}
		q.Device, q.zone = device.ID, zoneOf(x, device.Account, q.zone)
	}
	if v.Has("zone") {
		q.zone = v.Get("zone")
	}
	if q.Zone, err = time.LoadLocation(q.zone); err != nil || q.zone == "" || q.zone == "Local" {
		return nil, gate.FieldErrorf("zone", "%q: must be an IANA time zone, such as America/New_York", gate.Clip(q.zone, 60))
	}
	if v.Has("by") {
		q.by = strings.Split(v.Get("by"), ",")
	}
	if err := q.check(v.Get("purpose")); err != nil {
		return nil, err
	}
	return q, q.readTimes(v.Get("from"), v.Get("to"))
}

// zoneOf is the account's time zone.
func zoneOf(x *exchange, id gate.AccountID, unknown string) string {
	account, err := x.dir.Account(string(id))
	if err != nil || account.Zone == "" {
		return unknown
	}
	return account.Zone
}

func (q *usageQuestion) check(purpose string) error {
	if purpose != "" {
		p, known := gate.ParsePurpose(purpose)
		if !known {
			return gate.FieldErrorf("purpose", "%q: must be a purpose of use, such as TREAT", gate.Clip(purpose, 40))
		}
		q.Purpose = p
	}
	if _, refused := gate.ParseReason(string(q.Outcome)); q.Outcome != "" && !q.Outcome.Allowed() && !refused {
		return gate.FieldErrorf("outcome", "%q: must be one of %v, or the code of a refusal, such as quota-exceeded", gate.Clip(string(q.Outcome), 40), usage.Outcomes())
	}
	switch q.Step {
	case authority.NoStep, authority.HourStep, authority.DayStep, authority.MonthStep:
	default:
		return gate.FieldErrorf("step", "%q: must be hour, day or month; left out, the time is told as one", gate.Clip(string(q.Step), 40))
	}
	for _, part := range q.by {
		if !slices.Contains(usageParts, part) {
			return gate.FieldErrorf("by", "%q: must be some of %s, with commas between", gate.Clip(part, 40), strings.Join(usageParts, ", "))
		}
	}
	return nil
}

// readTimes reads days of the zone, the last of which is in it. Left out, it is the month so far.
func (q *usageQuestion) readTimes(from, to string) error {
	today := q.x.a.Now().In(q.Zone)
	if to == "" {
		to = today.Format(time.DateOnly)
	}
	if from == "" {
		from = today.Format("2006-01") + "-01"
	}
	first, last := gate.Date(from), gate.Date(to)
	if err := first.Check(); err != nil {
		return gate.InField("from", err)
	}
	if err := last.Check(); err != nil {
		return gate.InField("to", err)
	}
	q.From, q.To = first.Start(q.Zone), last.AddDays(1).Start(q.Zone)
	if !q.From.Before(q.To) {
		return gate.FieldErrorf("to", "%s is before the first day, %s", last, first)
	}
	return nil
}

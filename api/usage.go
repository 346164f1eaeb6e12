package api

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// UsageRow is what was used in one period by those that the row names; what the rows are not told by is left out.
type UsageRow struct {
	// ID is the same for the same row, whenever it is asked for, and Version grows when figures change that were final: the highest one counts.
	// It is 0 until the figures are final, when they may still grow.
	ID           string              `json:"id"`
	Version      int64               `json:"version"`
	Start        time.Time           `json:"start"`
	End          time.Time           `json:"end"`           // not in it
	Day          gate.Date           `json:"day,omitempty"` // the first one of a day, week or month, in its zone
	Account      gate.AccountID      `json:"account,omitempty"`
	Organization gate.OrganizationID `json:"organization,omitempty"`
	Device       gate.DeviceID       `json:"device,omitempty"`
	Path         string              `json:"path,omitempty"` // of the account, organization or device, as it is named now
	Environment  *gate.Environment   `json:"environment,omitempty"`
	Behavior     *string             `json:"behavior,omitempty"` // "" where a refused call had none
	Purpose      *gate.Purpose       `json:"purpose,omitempty"`  // as behavior
	Outcome      usage.Outcome       `json:"outcome,omitempty"`
	// Billable says whether the row's calls are billed; left out where some may be and some not.
	Billable *bool `json:"billable,omitempty"`

	Calls         int64 `json:"calls"`
	Refused       int64 `json:"refused"`        // of the calls
	Failed        int64 `json:"failed"`         // of the calls: the upstream failed, or the client gave up
	Cost          int64 `json:"cost"`           // units of all calls that were let through
	BillableCalls int64 `json:"billable_calls"` // of production, neither refused nor failed
	BillableCost  int64 `json:"billable_cost"`
	BytesIn       int64 `json:"bytes_in"`
	BytesOut      int64 `json:"bytes_out"`
	// Latency is of the calls that were let through; nil where there were none.
	Latency *Latency `json:"latency_ms,omitempty"`

	sum usage.Tally
}

// Latency is within how many milliseconds 50, 95 and 99 of 100 calls ended, as near as the histogram's bounds lie.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// UsageReport is usage of a time.
type UsageReport struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`             // not in it
	Zone string    `json:"zone,omitempty"` // of the days; empty: each row's are those of its contract
	// Final is until when the figures do not change any more.
	Final time.Time   `json:"final"`
	Items []*UsageRow `json:"items"`
}

// maxUsageRows is how many rows one answer may have.
const maxUsageRows = 10_000

// ownersParts are the parts after which all of a row is of one account, and usageParts all that rows can be told by.
var (
	ownersParts = []string{"account", "organization", "device"}
	usageParts  = append(slices.Clone(ownersParts), "environment", "behavior", "purpose", "outcome")
)

// showUsage tells what was used.
func showUsage(x *exchange) error {
	q, err := x.usageQuestion("behavior", "step", "by")
	if err != nil {
		return err
	}
	report := UsageReport{From: q.From, To: q.To, Zone: q.zone, Final: x.a.UsageFinal(), Items: []*UsageRow{}}
	rows := make(map[string]*UsageRow)
	err = x.a.Usage(&q.UsageQuery, func(r *authority.UsageRow) error {
		row := q.row(r)
		found := rows[row.ID]
		if found == nil {
			if len(rows) == maxUsageRows {
				return gate.FieldErrorf("by", "has more than %d rows; ask for a shorter time, one account, or less at once, or export it: GET /v1/usage/export", maxUsageRows)
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
	report.Final = earlier(report.Final, x.a.UsageFinal())
	for _, row := range report.Items {
		row.finish(report.Final)
	}
	slices.SortFunc(report.Items, compareRows)
	return x.json(http.StatusOK, report)
}

// earlier is the first of two times. How far figures are final is asked before and after they are read: a late call takes it back before
// it changes one.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// compareRows puts rows in order of time, and then of what they name.
func compareRows(a, b *UsageRow) int {
	return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Organization, b.Organization),
		cmp.Compare(a.Device, b.Device), cmp.Compare(value(a.Environment), value(b.Environment)), cmp.Compare(value(a.Behavior), value(b.Behavior)),
		cmp.Compare(value(a.Purpose), value(b.Purpose)), cmp.Compare(a.Outcome, b.Outcome), a.End.Compare(b.End))
}

// value is what a pointer leads to, or nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// row is the empty one into which a part of usage goes.
func (q *usageQuestion) row(r *authority.UsageRow) *UsageRow {
	row := &UsageRow{Start: r.Start, End: r.End}
	if q.Step != authority.NoStep && q.Step != authority.HourStep {
		row.Day = gate.Date(r.Start.In(r.Zone).Format(time.DateOnly))
	}
	for _, part := range q.by {
		switch part {
		case "account":
			row.Account = r.Device.Account
		case "organization":
			row.Account, row.Organization = r.Device.Account, r.Device.Organization
		case "device":
			row.Account, row.Device = r.Device.Account, r.Device.ID
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
	row.ID, row.Path = row.id(), q.path(row, r.Device)
	if billable := r.Billable(); row.Outcome != "" && (row.Environment != nil || row.Device != "" || !row.Outcome.Answered()) {
		row.Billable = &billable
	}
	return row
}

// path names the narrowest of account, organization and device that the row names.
func (q *usageQuestion) path(u *UsageRow, d *gate.Device) string {
	switch {
	case u.Device != "":
		return devicePath(q.x.dir, d)
	case u.Organization != "":
		return path.Dir(devicePath(q.x.dir, d))
	case u.Account != "":
		if account, err := q.x.dir.Account(string(u.Account)); err == nil {
			return account.Slug
		}
	}
	return string(u.Account)
}

// id hashes what the row is of, and nothing of what it counts.
func (u *UsageRow) id() string {
	parts := []string{u.Start.Format(time.RFC3339), u.End.Format(time.RFC3339), string(u.Account), string(u.Device), string(u.Outcome)}
	if u.Organization != "" {
		parts = append(parts, "organization="+string(u.Organization))
	}
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
	u.sum.Add(&r.Tally)
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

// finish tells what the parts came to. Figures are final until a time.
func (u *UsageRow) finish(final time.Time) {
	u.Calls, u.Cost, u.BytesIn, u.BytesOut = u.sum.Calls, u.sum.Cost, u.sum.In, u.sum.Out
	if !u.End.After(final) {
		u.Version = 1 + u.sum.Corrections
	}
	if u.sum.Latency.Calls() > 0 {
		of := func(share float64) float64 {
			return float64(u.sum.Latency.Quantile(share).Round(100*time.Microsecond)) / float64(time.Millisecond)
		}
		u.Latency = &Latency{P50: of(0.5), P95: of(0.95), P99: of(0.99)}
	}
}

package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// SeenRow is what a device, or an account in production, was seen to do in an hour or a day.
type SeenRow struct {
	Start   time.Time      `json:"start"`
	End     time.Time      `json:"end"` // not in it; that of the last hour with a call
	Day     gate.Date      `json:"day"` // in the zone that counted then
	Account gate.AccountID `json:"account"`
	Device  gate.DeviceID  `json:"device,omitempty"`
	Path    string         `json:"path"` // of the device or account, as it is named now
	// Patients are different ones; exact up to 256, then off by about 2 %. FirstSeen are those of them that the account had not named for 30 days.
	Patients  int64 `json:"patients"`
	FirstSeen int64 `json:"first_seen"`
	Networks  int64 `json:"networks"`  // different ones whence calls came: /24, or /48 of IPv6
	Forbidden int64 `json:"forbidden"` // answers 403 of the upstream
	NotFound  int64 `json:"not_found"` // answers 404 and 410 of the upstream
}

// showSeen tells how many patients were named, and whence.
func showSeen(x *exchange) error {
	q, err := x.usageQuestion("account", "step", "by")
	if err != nil {
		return err
	}
	if len(q.by) != 1 || q.by[0] != "account" && q.by[0] != "device" {
		return gate.FieldErrorf("by", "%q: must be account, of which production counts alone, or device", gate.Clip(x.r.URL.Query().Get("by"), 40))
	}
	if q.Step != authority.NoStep && q.Step != authority.HourStep && q.Step != authority.DayStep {
		return gate.FieldErrorf("step", "%q: must be hour or day; left out, day. Patients of several days cannot be told from each other", gate.Clip(string(q.Step), 40))
	}
	if q.Behavior != "" || q.Purpose != "" || q.Outcome != "" {
		return gate.FieldErrorf("behavior", "patients are counted for all calls that were let through; leave behavior, purpose and outcome out")
	}
	page := Page[*SeenRow]{Items: []*SeenRow{}}
	byDevice := q.by[0] == "device" || q.Device != "" || q.Organization != ""
	err = x.a.Seen(&q.UsageQuery, byDevice, func(r *authority.SeenRow) error {
		if len(page.Items) == maxUsageRows {
			return gate.FieldErrorf("to", "has more than %d rows; ask for a shorter time or one account", maxUsageRows)
		}
		row := &SeenRow{Start: time.Unix(r.Start, 0).UTC(), End: time.Unix(r.End, 0).UTC(), Day: r.Day, Account: r.Account,
			Patients: r.Patients, FirstSeen: r.FirstSeen, Networks: r.Networks, Forbidden: r.Forbidden, NotFound: r.NotFound}
		if r.Device != nil {
			row.Device, row.Path = r.Device.ID, devicePath(x.dir, r.Device)
		} else if account, err := x.dir.Account(string(r.Account)); err == nil {
			row.Path = account.Slug
		}
		page.Items = append(page.Items, row)
		return nil
	})
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, &page)
}

// Seen tells how many patients were named, and whence; q has the parameters of GET /v1/usage/patients.
func (c *Client) Seen(ctx context.Context, q url.Values) (*Page[*SeenRow], error) {
	return clientGet[Page[*SeenRow]](ctx, c, "/v1/usage/patients?"+q.Encode(), nil)
}

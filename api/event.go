package api

import (
	"net/http"
	"strconv"

	"github.com/onerecord/certgate/gate"
)

// eventBatch is how many events are read at a time while a filter is looking for more.
const eventBatch = 1000

// listEvents pages through the log by number: after is the last one seen, and Next is empty only at the end of the log.
func listEvents(x *exchange) error {
	q, err := x.query("limit", "after", "account")
	if err != nil {
		return err
	}
	limit, err := pageLimit(q)
	if err != nil {
		return err
	}
	account, err := x.accountFilter(q)
	if err != nil {
		return err
	}
	from := int64(0)
	if after := q.Get("after"); after != "" {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil || n < 0 {
			return gate.FieldErrorf("after", "%q: must be the number of an event", gate.Clip(after, 40))
		}
		from = n + 1
	}
	page := Page[gate.Event]{Items: []gate.Event{}}
	for len(page.Items) <= limit {
		batch, err := x.a.Store().Events(from, eventBatch)
		if err != nil {
			return err
		}
		for _, e := range batch {
			if account == "" || e.Account == account {
				page.Items = append(page.Items, e)
			}
		}
		if len(batch) < eventBatch {
			break
		}
		from = batch[len(batch)-1].Seq + 1
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.Next = strconv.FormatInt(page.Items[limit-1].Seq, 10)
	}
	return x.json(http.StatusOK, page)
}

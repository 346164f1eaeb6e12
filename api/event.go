package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onerecord/certgate/gate"
)

const (
	// eventBatch is how many events are read at a time while a filter is looking for more.
	eventBatch = 1000
	// maxScanned bounds how many events one request looks at; the answer then says where to go on.
	maxScanned = 20 * eventBatch
	// newestFirst is the value of order that turns the list round.
	newestFirst = "newest"
)

// eventFilter is which events are asked for.
type eventFilter struct {
	account             gate.AccountID
	actor, verb, object string    // empty: any
	since, until        time.Time // zero: no bound; until is not included
	after, before       int64     // numbers between which to look, neither included
	newest              bool      // the newest first
	needles             [][]byte  // what a fitting event has in its text, so that others need not be decoded
}

// listEvents pages through the log by number. Oldest first, after is the last one seen; newest first, before is. Next is empty only at
// the end of the log: a page may be short, or empty, because so many events had to be looked at.
func listEvents(x *exchange) error {
	q, err := x.query("limit", "after", "before", "account", "actor", "verb", "object", "since", "until", "order")
	if err != nil {
		return err
	}
	limit, err := pageLimit(q)
	if err != nil {
		return err
	}
	f, err := x.eventFilter(q)
	if err != nil {
		return err
	}
	page, err := x.findEvents(f, limit)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, page)
}

func (x *exchange) eventFilter(q url.Values) (f eventFilter, err error) {
	f = eventFilter{actor: q.Get("actor"), verb: q.Get("verb"), object: q.Get("object"), after: -1, before: x.a.Store().EventCount()}
	if f.account, err = x.accountFilter(q); err != nil {
		return f, err
	}
	for _, n := range []struct {
		name string
		into *int64
	}{{"after", &f.after}, {"before", &f.before}} {
		if text := q.Get(n.name); text != "" {
			v, err := strconv.ParseInt(text, 10, 64)
			if err != nil || v < 0 {
				return f, gate.FieldErrorf(n.name, "%q: must be the number of an event", gate.Clip(text, 40))
			}
			*n.into = min(v, x.a.Store().EventCount())
		}
	}
	for _, t := range []struct {
		name string
		into *time.Time
	}{{"since", &f.since}, {"until", &f.until}} {
		if text := q.Get(t.name); text != "" {
			if *t.into, err = time.Parse(time.RFC3339, text); err != nil {
				return f, gate.FieldErrorf(t.name, "%q: must be a time such as 2027-03-01T09:00:00Z", gate.Clip(text, 40))
			}
		}
	}
	switch order := q.Get("order"); order {
	case "", "oldest":
	case newestFirst:
		f.newest = true
	default:
		return f, gate.FieldErrorf("order", "%q: must be oldest or newest, which comes first", gate.Clip(order, 40))
	}
	for _, text := range []string{string(f.account), f.object, f.verb} {
		if text != "" && !strings.ContainsFunc(text, escaped) {
			f.needles = append(f.needles, []byte(`"`+text+`"`))
		}
	}
	return f, nil
}

// escaped reports whether JSON may spell a character in another way.
func escaped(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }

func (x *exchange) findEvents(f eventFilter, limit int) (*Page[gate.Event], error) {
	page := &Page[gate.Event]{Items: []gate.Event{}}
	low, high := f.after+1, f.before // not looked at yet
	for scanned := 0; low < high; scanned += eventBatch {
		if scanned >= maxScanned {
			page.Next = f.next(low, high)
			break
		}
		from, n := low, min(eventBatch, high-low)
		if f.newest {
			from = high - n
		}
		leaves, err := x.a.Store().Leaves(from, int(n))
		if err != nil {
			return nil, err
		}
		if f.newest {
			slices.Reverse(leaves)
		}
		for _, leaf := range leaves {
			event, fits, err := f.match(leaf)
			if err != nil {
				return nil, err
			}
			if fits && len(page.Items) == limit {
				page.Next = strconv.FormatInt(page.Items[limit-1].Seq, 10)
				return page, nil
			}
			if fits {
				page.Items = append(page.Items, event)
			}
		}
		if f.newest {
			high = from
		} else {
			low = from + n
		}
	}
	return page, nil
}

// next is where to go on when the numbers from low up to but not including high have not been looked at.
func (f *eventFilter) next(low, high int64) string {
	if f.newest {
		return strconv.FormatInt(high, 10)
	}
	return strconv.FormatInt(low-1, 10)
}

// match decodes an event and reports whether it is asked for.
func (f *eventFilter) match(leaf []byte) (e gate.Event, fits bool, err error) {
	for _, needle := range f.needles {
		if !bytes.Contains(leaf, needle) {
			return e, false, nil
		}
	}
	if err := json.Unmarshal(leaf, &e); err != nil {
		return e, false, fmt.Errorf("decode an event: %w", err)
	}
	fits = (f.account == "" || e.Account == f.account) &&
		(f.verb == "" || string(e.Verb) == f.verb) &&
		(f.actor == "" || e.By.Name == f.actor || string(e.By.Staff) == f.actor) &&
		(f.object == "" || f.names(&e)) &&
		(f.since.IsZero() || !e.At.Before(f.since)) &&
		(f.until.IsZero() || e.At.Before(f.until))
	return e, fits, nil
}

// names reports whether the event is about the object, or wrote it.
func (f *eventFilter) names(e *gate.Event) bool {
	return e.Object == f.object || slices.ContainsFunc(e.Changes, func(c gate.Change) bool { return c.ID == f.object })
}

package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/onerecord/certgate/gate"
)

// Limits of one page of a list.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Page is one page of a list, in the order of identifiers, which is that of creation.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // ask for after=Next to go on; empty: that was all
}

// listing says how one list is made: all records that the query asks for in the order of their identifiers, and how one is shown.
type listing[R, V any] struct {
	filters []string // query parameters beside limit and after
	all     func(x *exchange, q url.Values) ([]R, error)
	id      func(R) string
	view    func(x *exchange, r R) V
}

// list is the one handler of every list.
func (l listing[R, V]) list(x *exchange) error {
	q, err := x.query(append([]string{"limit", "after"}, l.filters...)...)
	if err != nil {
		return err
	}
	limit, err := pageLimit(q)
	if err != nil {
		return err
	}
	records, err := l.all(x, q)
	if err != nil {
		return err
	}
	if after := q.Get("after"); after != "" {
		first, _ := slices.BinarySearchFunc(records, after, func(r R, after string) int {
			if l.id(r) <= after {
				return -1
			}
			return 1
		})
		records = records[first:]
	}
	page := Page[V]{Items: make([]V, 0, min(limit, len(records)))}
	for i, r := range records {
		if i == limit {
			page.Next = l.id(records[i-1])
			break
		}
		page.Items = append(page.Items, l.view(x, r))
	}
	return x.json(http.StatusOK, page)
}

func pageLimit(q url.Values) (int, error) {
	if !q.Has("limit") {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > maxLimit {
		return 0, gate.FieldErrorf("limit", "%q: must be a number from 1 to %d", gate.Clip(q.Get("limit"), 40), maxLimit)
	}
	return n, nil
}

// query reads the query string and refuses parameters that mean nothing here: a filter with a slip of the pen must not list everything.
func (x *exchange) query(allowed ...string) (url.Values, error) {
	q, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, unreadable("the query string cannot be read")
	}
	for name, values := range q {
		if !slices.Contains(allowed, name) {
			return nil, &statusError{http.StatusBadRequest, gate.FieldErrorf(gate.Clip(name, 60), "is not a parameter here; allowed are %s", orNone(allowed))}
		}
		if len(values) > 1 {
			return nil, &statusError{http.StatusBadRequest, gate.FieldErrorf(name, "is given twice")}
		}
	}
	return q, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// accountFilter is the account that the query asks for, empty for all.
func (x *exchange) accountFilter(q url.Values) (gate.AccountID, error) {
	ref := q.Get("account")
	if ref == "" {
		return "", nil
	}
	account, err := x.dir.Account(ref)
	if err != nil {
		return "", reference("account", err)
	}
	return account.ID, nil
}

// deviceFilter is the device that the query asks for, empty for all.
func (x *exchange) deviceFilter(q url.Values) (gate.DeviceID, error) {
	ref := q.Get("device")
	if ref == "" {
		return "", nil
	}
	device, err := x.dir.Device(ref)
	if err != nil {
		return "", reference("device", err)
	}
	return device.ID, nil
}

// reference turns "not found" about something that the request names into a wrong value of that field: the address itself was right.
func reference(field string, err error) error {
	if gate.KindOf(err) == gate.NotFound {
		return gate.FieldErrorf(field, "%s", err)
	}
	return gate.InField(field, err)
}

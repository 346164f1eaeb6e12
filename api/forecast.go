package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Outlook is when a production device that can call now will be refused first, if nothing is done.
type Outlook struct {
	Device gate.DeviceID  `json:"device"`
	Path   string         `json:"path"`
	At     time.Time      `json:"at"`
	Reason string         `json:"reason"` // that will be given
	Title  string         `json:"title"`  // the reason for people
	Clock  gate.ClockKind `json:"clock"`  // whose end it is; empty if it is none's, as with the closing of an account
	Clocks []gate.Clock   `json:"clocks"` // all that run, the one that ends first at the head
}

// CAOutlook is when something of a CA ends.
type CAOutlook struct {
	CA       gate.Fingerprint `json:"ca"`       // of a root, one that stands under it
	Name     string           `json:"name"`     // the common name of what ends
	Audience gate.Audience    `json:"audience"` // whom it certifies
	At       time.Time        `json:"at"`
	What     string           `json:"what"` // what holds until then and no longer, in words
}

// Forecast is what ends within the days.
type Forecast struct {
	Items []*Outlook   `json:"items"` // production devices that can call now
	CAs   []*CAOutlook `json:"cas"`
}

// Obstacle is for what a production device would be refused, and from when on.
type Obstacle struct {
	Device   gate.DeviceID `json:"device"`
	Path     string        `json:"path"`
	At       time.Time     `json:"at"` // the first of the days on which it would be
	Reason   string        `json:"reason"`
	Title    string        `json:"title"`
	Behavior string        `json:"behavior"` // of the first call that would be; empty if none is certified
	Purpose  gate.Purpose  `json:"purpose"`
}

// Bounds on how far ahead staff may look, in days.
const (
	defaultWithin = 90
	maxWithin     = 3660
	maxCheckDays  = 366
)

// forecast lists what ends, the most urgent first.
func forecast(x *exchange) error {
	days, err := x.days("within", defaultWithin, maxWithin)
	if err != nil {
		return err
	}
	list, err := x.a.Forecast(time.Duration(days) * 24 * time.Hour)
	if err != nil {
		return err
	}
	page := Forecast{Items: []*Outlook{}, CAs: x.caOutlooks(days)}
	for i := range list {
		o := &list[i]
		page.Items = append(page.Items, &Outlook{Device: o.Device.ID, Path: devicePath(x.dir, o.Device), At: o.At.UTC(), Reason: o.Reason.String(),
			Title: pages[o.Reason.String()].Title, Clock: o.Clock, Clocks: o.Clocks})
	}
	return x.json(http.StatusOK, page)
}

// caOutlooks are the ends of CAs within so many days, the most urgent first.
func (x *exchange) caOutlooks(days int) []*CAOutlook {
	list := []*CAOutlook{}
	for _, end := range x.a.CAEnds() {
		if end.Ends.After(x.now.AddDate(0, 0, days)) {
			continue
		}
		list = append(list, &CAOutlook{CA: end.CA.Fingerprint, Name: end.Name, Audience: end.CA.Audience, At: end.Ends.UTC(), What: end.What})
	}
	slices.SortStableFunc(list, func(a, b *CAOutlook) int { return a.At.Compare(b.At) })
	return list
}

// checkAll lists the production devices that would be refused now or on one of the next days.
func checkAll(x *exchange) error {
	days, err := x.days("days", 0, maxCheckDays)
	if err != nil {
		return err
	}
	list, err := x.a.CheckAll(days)
	if err != nil {
		return err
	}
	page := Page[*Obstacle]{Items: []*Obstacle{}}
	for i := range list {
		o := &list[i]
		page.Items = append(page.Items, &Obstacle{Device: o.Device.ID, Path: devicePath(x.dir, o.Device), At: o.At.UTC(), Reason: o.Reason.String(),
			Title: pages[o.Reason.String()].Title, Behavior: o.Behavior, Purpose: o.Purpose})
	}
	return x.json(http.StatusOK, page)
}

// days reads a number of days from the query, such as 90d or 90.
func (x *exchange) days(name string, absent, most int) (int, error) {
	q, err := x.query(name)
	if err != nil || !q.Has(name) {
		return absent, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(q.Get(name), "d"))
	if err != nil || n < 0 || n > most {
		return 0, gate.FieldErrorf(name, "%q: must be a number of days from 0 to %d, such as 30d", gate.Clip(q.Get(name), 40), most)
	}
	return n, nil
}

package abuse

import (
	"cmp"
	"slices"

	"github.com/onerecord/certgate/gate"
)

// Row is what one device of an account did in one window, an hour or a quarter of an hour.
type Row struct {
	Account gate.AccountID `json:"account"`
	Device  gate.DeviceID  `json:"device"`
	Counts
}

// Counts are the numbers that rules look at. All are of calls that passed checks 1 to 4: what strangers do with half of a credential is in
// none of them, see [Signal].
type Counts struct {
	Requests  int64 `json:"requests"`  // calls, also refused ones, but not those over a limit
	Failed    int64 `json:"failed"`    // of those: answered 5xx, not answered, or given up by the client
	Forbidden int64 `json:"forbidden"` // of those: refused by check 8, or answered 403
	NotFound  int64 `json:"not_found"` // of those: answered 404
	Limited   int64 `json:"limited"`   // calls over a limit, answered 429; not in Requests
	Cost      int64 `json:"cost"`      // units
	Bytes     int64 `json:"bytes"`     // of answers' bodies

	// Targets are the distinct things that Forbidden and NotFound calls asked for. A client that asks again and again for one that is gone
	// has one.
	Targets int64 `json:"targets"`
	// Scopes has a bit for each kind of resource that was refused with 403: number hash(kind) mod 64. Sets of bits add up over a day where
	// counts would not.
	Scopes uint64 `json:"scopes"`

	Patients  int64 `json:"patients"`  // distinct patients
	Newcomers int64 `json:"newcomers"` // of those: not seen with this account in 30 days

	// Of identifiers that are numbers: how many were looked at, how many of them lay within three of the one before, the longest run that
	// only rose or only fell, and how many were distinct, among the last 50.
	Numbers  int64 `json:"numbers"`
	Near     int64 `json:"near"`
	Run      int64 `json:"run"`
	Distinct int64 `json:"distinct"`

	// Networks are the distinct networks (/24, /48, or what the site groups as one) that made at least twenty calls, Together the most of them
	// within one ten minutes, Prints the distinct TLS fingerprints; 0 where nobody counts them.
	Networks int64 `json:"networks"`
	Together int64 `json:"together"`
	Prints   int64 `json:"prints"`

	Exports  int64 `json:"exports"`  // bulk exports begun ($export, $everything of a group)
	Restarts int64 `json:"restarts"` // of those: of what was exported before within a day
}

// Answered is the calls that did not fail: a client that tries again while the upstream is down does no more than it should.
func (c *Counts) Answered() int64 { return max(0, c.Requests-c.Failed) }

// Denied is the calls that asked for what is not there or not theirs.
func (c *Counts) Denied() int64 { return c.Forbidden + c.NotFound }

// Add adds what another device did in the same window. Distinct things are added as if none were the other's; what is simultaneous or a run is
// the larger of the two.
func (c *Counts) Add(o *Counts) {
	c.Requests += o.Requests
	c.Failed += o.Failed
	c.Forbidden += o.Forbidden
	c.NotFound += o.NotFound
	c.Limited += o.Limited
	c.Cost += o.Cost
	c.Bytes += o.Bytes
	c.Targets += o.Targets
	c.Scopes |= o.Scopes
	c.Patients += o.Patients
	c.Newcomers += o.Newcomers
	c.Numbers += o.Numbers
	c.Near += o.Near
	c.Run = max(c.Run, o.Run)
	c.Distinct += o.Distinct
	c.Networks = max(c.Networks, o.Networks)
	c.Together = max(c.Together, o.Together)
	c.Prints = max(c.Prints, o.Prints)
	c.Exports += o.Exports
	c.Restarts += o.Restarts
}

// possible reports whether the counts could be true: none negative, none more than a year of a very fast customer, parts not more than wholes.
func (c *Counts) possible() bool {
	const most = 1 << 40
	for _, n := range [...]int64{
		c.Requests, c.Failed, c.Forbidden, c.NotFound, c.Limited, c.Cost, c.Targets, c.Patients, c.Newcomers, c.Numbers, c.Near, c.Run,
		c.Distinct, c.Networks, c.Together, c.Prints, c.Exports, c.Restarts,
	} {
		if n < 0 || n > most {
			return false
		}
	}
	return c.Bytes >= 0 && c.Failed <= c.Requests && c.Denied() <= c.Requests && c.Newcomers <= c.Patients
}

// feature is what has a baseline.
type feature int

const (
	volume feature = iota
	patients
	newcomers
	features
)

var featureNames = [features]string{volume: "requests", patients: "patients", newcomers: "first-seen patients"}

func (c *Counts) of(f feature) float64 {
	switch f {
	case volume:
		return float64(c.Answered())
	case patients:
		return float64(c.Patients)
	case newcomers, features:
	}
	return float64(c.Newcomers)
}

// tidy returns the rows that can be used, in order of account and device, and says what was left out. Of two rows of one device the one with more
// calls counts, because rows are whole values: the smaller one was written earlier.
func tidy(rows []Row) (kept []Row, bad *RowsError) {
	order := func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Device, b.Device), cmp.Compare(b.Requests, a.Requests))
	}
	fine := true
	for i := range rows {
		fine = fine && rows[i].possible() && rows[i].Account != "" &&
			(i == 0 || rows[i-1].Account < rows[i].Account || rows[i-1].Account == rows[i].Account && rows[i-1].Device < rows[i].Device)
	}
	if fine {
		return rows, nil
	}
	bad = new(RowsError)
	kept = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool {
		wrong := !r.possible() || r.Account == ""
		if wrong {
			bad.add(&bad.Impossible, &r)
		}
		return wrong
	})
	slices.SortFunc(kept, order)
	kept = slices.CompactFunc(kept, func(a, b Row) bool {
		same := a.Account == b.Account && a.Device == b.Device
		if same {
			bad.add(&bad.Twice, &b)
		}
		return same
	})
	if bad.Impossible+bad.Twice == 0 {
		bad = nil
	}
	return kept, bad
}

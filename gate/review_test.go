package gate_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

func TestAReviewIsDueNinetyDaysAfterTheLastOrAfterComingIntoProduction(t *testing.T) {
	at := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return at.AddDate(0, 0, n) }
	contract := newContract(t, "con_1", "2020-01-01", "2099-12-31", "UTC")
	find := func(gate.ContractID) *gate.Contract { return contract }
	certified := func(since int) *gate.Certification {
		enrolled := day(since)
		return &gate.Certification{Contract: "con_1", Approved: &gate.Act{At: enrolled}, Released: &gate.Act{At: enrolled}, EnrolledAt: &enrolled}
	}
	revoked := certified(-400)
	revoked.Revoked = &gate.Ending{At: day(-1)}
	signed := func(on int) *gate.Review {
		return &gate.Review{Signed: gate.Act{At: day(on)}, Until: day(on)}
	}
	for name, row := range map[string]struct {
		cases   []*gate.Certification
		reviews []*gate.Review
		want    gate.ReviewState
		due     int // days from now on
	}{
		"nothing is in production":         {nil, nil, gate.ReviewNone, 0},
		"what was is revoked":              {[]*gate.Certification{revoked}, []*gate.Review{signed(-300)}, gate.ReviewNone, 0},
		"it came into production just now": {[]*gate.Certification{certified(0)}, nil, gate.ReviewLater, 90},
		"in two weeks":                     {[]*gate.Certification{certified(-76)}, nil, gate.ReviewSoon, 14},
		"today":                            {[]*gate.Certification{certified(-90)}, nil, gate.ReviewOverdue, 0},
		"the oldest case counts":           {[]*gate.Certification{certified(-10), certified(-91)}, nil, gate.ReviewOverdue, -1},
		"the last review counts":           {[]*gate.Certification{certified(-400)}, []*gate.Review{signed(-300), signed(-89)}, gate.ReviewSoon, 1},
		"the customer came back":           {[]*gate.Certification{revoked, certified(-2)}, []*gate.Review{signed(-300)}, gate.ReviewLater, 88},
	} {
		clock := gate.ReviewClockOf(row.cases, find, row.reviews, at)
		if got := clock.State(at); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
		if due := clock.Due(); clock.Runs() != (row.want != gate.ReviewNone) || clock.Runs() && !due.Equal(day(row.due)) {
			t.Errorf("%s: due %s", name, due)
		}
	}
}

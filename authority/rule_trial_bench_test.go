package authority_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// BenchmarkTestRules is a test of all rules over a month of 10,000 accounts, recorded on disk as it is live, with the six weeks before, from which
// it is learned what is usual. It reports the seconds and what lies on disk of it, and fails where two answers differ. It records for minutes first, so it
// is run by name: go test ./authority -run '^$' -bench TestRules -benchtime 1x
func BenchmarkTestRules(b *testing.B) {
	const accounts, before, month = 10_000, 42, 30
	o := officeAt(b, newPlace(b))
	start := o.clock.now().UTC().Truncate(24 * time.Hour)
	from, end := start.AddDate(0, 0, before), start.AddDate(0, 0, before+month)
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]abuse.Row, accounts)
	for i := range rows {
		rows[i] = abuse.Row{Account: gate.AccountID(gate.FormatID(gate.AccountPrefix, [16]byte{byte(i >> 8), byte(i)})), Device: gate.DeviceID(gate.FormatID(gate.DevicePrefix, [16]byte{byte(i >> 8), byte(i)}))}
	}
	fill := func(at time.Time, part int64) []abuse.Row {
		for i := range rows {
			n := 8 + int64(i%50)
			if at.Hour() >= 8 && at.Hour() < 18 {
				n *= 5
			}
			n = n * int64(80+rng.IntN(40)) / 100
			if i%1000 == 7 && at.Sub(from) > 20*24*time.Hour && at.Hour() < 6 {
				n *= 12
			}
			c := abuse.Counts{Requests: n / part, NotFound: n / 20 / part, Patients: n / 3 / part, Newcomers: n / 30 / part, Numbers: n / 4 / part, Distinct: n / 8 / part, Cost: n / part, Bytes: n * 900 / part}
			rows[i].Counts = c
		}
		return rows
	}
	for at := start; at.Before(end); at = at.Add(time.Hour) {
		for q := range 4 {
			if !at.Before(from) {
				must(b, authority.RecordWindow(o.Authority, at.Add(time.Duration(q)*15*time.Minute), true, fill(at, 4)))
			}
		}
		must(b, authority.RecordWindow(o.Authority, at, false, fill(at, 1)))
	}
	o.clock.advance(end.Add(time.Hour).Sub(o.clock.now()))
	first := ""
	for b.Loop() {
		got, err := o.TestRules(b.Context(), &authority.TrialQuestion{From: from, To: end})
		must(b, err)
		text, err := json.Marshal(got)
		must(b, err)
		if first == "" {
			first = string(text)
		}
		if string(text) != first || got.Skipped > 0 || len(got.Accounts) == 0 {
			b.Fatalf("another answer: %d accounts, %d windows skipped", len(got.Accounts), got.Skipped)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/test")
}

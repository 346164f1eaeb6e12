package ratelimit_test

import (
	"testing"

	"github.com/onerecord/certgate/ratelimit"
)

// BenchmarkTake asks four rates and two quotas, as one call does; the second with a place among the calls at once beside them.
func BenchmarkTake(b *testing.B) {
	six := []string{"rate 1000000000", "rate 1000000000 per organization", "rate 1000000000 per device", "rate 1000000000 per device for fhir-query", "day 1000000000000", "month 1000000000000"}
	for name, limits := range map[string][]string{"Six": six, "SixAndPlaces": append([]string{"concurrency 8"}, six...)} {
		b.Run(name, func(b *testing.B) {
			var book ratelimit.Book
			who, c := caller(plan(b, limits...)), &ratelimit.Call{Now: morning, Cost: 1}
			b.ReportAllocs()
			for b.Loop() {
				taken, refusal := book.Take(who, c)
				if refusal.Refused() {
					b.Fatal(refusal)
				}
				taken.Release()
			}
		})
	}
}

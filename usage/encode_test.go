package usage

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestABucketComesBackAsItWasWritten(t *testing.T) {
	cells := []Cell{{Key: Key{"fhir-query", gate.Treatment, Succeeded}, Tally: Tally{Calls: 4, Cost: 8, In: 1, Out: 1 << 40, Corrections: 2}}, {Key: Key{Outcome: "behavior-unknown"}, Tally: Tally{Calls: 1}}}
	for _, d := range []time.Duration{0, 3 * time.Millisecond, time.Second, time.Hour} {
		cells[0].Latency.Took(d)
	}
	end, got, err := decode(encode(1234, cells))
	if err != nil || end != 1234 {
		t.Fatal(end, err)
	}
	if diff := cmp.Diff(cells, got); diff != "" {
		t.Error(diff)
	}
}

func TestABucketOfVersionOneStillCounts(t *testing.T) {
	value := binary.AppendVarint([]byte{1}, 900)
	value = append(value, 1, 1, 'a', 0, 3, '2', 'x', 'x')
	for n := range int64(11) { // calls, units, bytes in and out, and seven counts of a histogram
		value = binary.AppendVarint(value, n+1)
	}
	_, cells, err := decode(value)
	if err != nil || len(cells) != 1 {
		t.Fatal(cells, err)
	}
	if c := cells[0]; c.Calls != 1 || c.Out != 4 || c.Latency.Calls() != 5+6+7+8+9+10+11 || c.Latency[2] != 5 || c.Latency[len(c.Latency)-1] != 11 {
		t.Errorf("%+v", c)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(900, []Cell{{Key: Key{"b", "TREAT", "2xx"}, Tally: Tally{Calls: 1, Latency: Latency{1}}}}))
	f.Fuzz(func(t *testing.T, value []byte) {
		end, cells, err := decode(value)
		if err != nil {
			return
		}
		again, same, err := decode(encode(end, cells))
		if diff := cmp.Diff(cells, same); err != nil || again != end || diff != "" {
			t.Error(err, diff)
		}
	})
}

func TestQuantilesAreThoseOfTheWholeWhereverItWasCounted(t *testing.T) {
	var whole, fast, slow Latency
	for i := range 1000 {
		d := time.Duration(i+1) * time.Millisecond
		part := &fast
		if i%10 == 0 {
			part = &slow
		}
		part.Took(d)
		whole.Took(d)
	}
	fast.Add(&slow)
	if fast != whole {
		t.Errorf("parts add up to %v, the whole is %v", fast, whole)
	}
	for share, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.95: 950 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := whole.Quantile(share); (got - want).Abs() > 2*time.Millisecond {
			t.Errorf("%v of them took %v, not %v", share, got, want)
		}
	}
	var none, long Latency
	long.Took(time.Hour)
	if none.Quantile(0.5) != 0 || long.Quantile(0.5) != 30*time.Second {
		t.Errorf("%v, %v", none.Quantile(0.5), long.Quantile(0.5))
	}
}

func FuzzDecodeTrace(f *testing.F) {
	f.Add((&Trace{Forbidden: 1, Targets: 300, Scopes: 1 << 63, Near: 50, fresh: 12.5}).encode())
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := decodeTrace(900, value)
		if err != nil {
			return
		}
		same, err := decodeTrace(900, r.encode())
		if err != nil || r.fresh == r.fresh && *r != *same {
			t.Errorf("%+v became %+v: %v", r, same, err)
		}
	})
}

package abuse

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// copyOf is a detector that knows the same.
func copyOf(t rapid.TB, d *Detector) *Detector {
	t.Helper()
	state, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Defaults(), Enforced())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	for _, a := range d.accounts {
		if err := c.Set(a.id, a.profile); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestMoreOfTheSameIsNeverLessSuspicious(t *testing.T) {
	h := taught(t, office).until(10)
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Int64Range(0, 2000).Draw(t, "small")
		large := small + rapid.Int64Range(0, 2000).Draw(t, "more")
		what := rapid.SampledFrom([]Counts{{Requests: 1}, {Requests: 1, Patients: 1}, {Requests: 1, Patients: 1, Newcomers: 1}, {Limited: 1}, {Exports: 1}}).Draw(t, "what")
		times := func(n int64) Counts {
			return Counts{Requests: what.Requests * n, Patients: what.Patients * n, Newcomers: what.Newcomers * n, Limited: what.Limited * n, Exports: what.Exports * n}
		}
		find := func(n int64) []Rule {
			d, at := copyOf(t, h.d), h.at
			var all []Finding
			for range 3 {
				found, err := d.Hour(at, row(more(office(at.Hour()), times(n))))
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, found...)
				at = at.Add(time.Hour)
			}
			return rulesOf(all)
		}
		few, many := find(small), find(large)
		for _, r := range few {
			found := false
			for _, m := range many {
				found = found || r == m
			}
			if !found {
				t.Fatalf("%s fires at %d and not at %d", r, small, large)
			}
		}
	})
}

func TestOneSpikeCannotFillTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c cusum
		c.add(rapid.Float64Range(0, 1e9).Draw(t, "likelihood"), rapid.Float64Range(0, 1e9).Draw(t, "x"), 1)
		if limit := Defaults().SlowDrift.Sum; float64(c.sum) >= limit/2 {
			t.Fatalf("one hour brought the sum to %v of %v", c.sum, limit)
		}
	})
}

func TestABaselineUnderSuspicionDoesNotMove(t *testing.T) {
	h := taught(t, office).until(10)
	for range 2 {
		h.hour(more(office(h.at.Hour()), Counts{Requests: 900}))
	}
	a := h.d.accounts[0]
	if a.frozen <= h.d.hour {
		t.Fatal("the account is not under suspicion")
	}
	before := a.series[volume].hours
	for range 30 {
		h.hour(more(office(h.at.Hour()), Counts{Requests: 900}))
	}
	if a.series[volume].hours != before {
		t.Error("the baseline learned from hours under suspicion")
	}
	if err := h.d.Clear(acme); err != nil {
		t.Fatal(err)
	}
	h.hour(office(h.at.Hour()))
	if a.series[volume].hours == before {
		t.Error("the baseline learns nothing after staff have cleared the account")
	}
}

func TestWhatStaffAcceptIsUsualFromThenOn(t *testing.T) {
	h := taught(t, office).until(8)
	six := func() Counts {
		c := office(h.at.Hour())
		c.Requests *= 6
		return c
	}
	found := false
	for range 24 {
		found = has(h.hour(six()), Spike) || found
	}
	if !found {
		t.Fatal("six times the calls were not found")
	}
	if err := h.d.Accept(acme); err != nil {
		t.Fatal(err)
	}
	for range 72 {
		if list := h.hour(six()); has(list, Spike) || has(list, SlowDrift) {
			t.Fatalf("what was accepted is found again: %v", list)
		}
	}
	if err := h.d.Accept("acc_nobody"); !errors.Is(err, gate.NotFound) {
		t.Errorf("accepting an unknown account: %v", err)
	}
}

func TestARampDoesNotTeachTheBaselineUnnoticed(t *testing.T) {
	h := taught(t, office)
	for day := range 21 {
		for range 24 {
			c := office(h.at.Hour())
			c.Requests = int64(float64(c.Requests) * math.Pow(1.1, float64(day)))
			if len(h.hour(c)) > 0 {
				if day > 10 {
					t.Errorf("found on day %d only, at %.1f times the usual", day, math.Pow(1.1, float64(day)))
				}
				return
			}
		}
	}
	t.Error("a rise of a tenth each day, to seven times the usual, was never found")
}

func TestASavedDetectorGoesOnAsIfItHadNeverStopped(t *testing.T) {
	h := taught(t, office).until(9)
	other := copyOf(t, h.d)
	for range 48 {
		c := more(h.noisy(), Counts{Requests: 300, Patients: 40, Newcomers: 40})
		want, err := h.d.Hour(h.at, row(c))
		if err != nil {
			t.Fatal(err)
		}
		got, err := other.Hour(h.at, row(c))
		if err != nil {
			t.Fatal(err)
		}
		h.at = h.at.Add(time.Hour)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-kept +restored):\n%s", diff)
		}
	}
	a, _ := h.d.MarshalBinary()
	b, _ := other.MarshalBinary()
	if !bytes.Equal(a, b) {
		t.Error("the two have come to know different things")
	}
}

func TestADamagedStateIsRefusedAndChangesNothing(t *testing.T) {
	h := taught(t, office)
	state, err := h.d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"empty":   func([]byte) []byte { return nil },
		"cut off": func(b []byte) []byte { return b[:len(b)/2] },
		"a bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"version": func(b []byte) []byte { b[0]++; return b },
	} {
		if err := h.d.UnmarshalBinary(damage(bytes.Clone(state))); !errors.Is(err, gate.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, _ := h.d.MarshalBinary(); !bytes.Equal(now, state) {
		t.Error("a refused state changed the detector")
	}
	if len(state) > 15_000 {
		t.Errorf("an account takes %d bytes", len(state))
	}
}

func TestHolesDuplicatesAndJumpsOfTheClockAreBounded(t *testing.T) {
	h := taught(t, office).until(10)
	last := h.at.Add(-time.Hour)
	state, _ := h.d.MarshalBinary()
	for name, at := range map[string]time.Time{
		"the same hour": last, "an hour before": last.Add(-time.Hour), "half an hour": h.at.Add(30 * time.Minute),
		"two months later": h.at.AddDate(0, 2, 0), "before time": time.Unix(-3600, 0),
	} {
		if found, err := h.d.Hour(at, row(office(10))); err == nil || len(found) > 0 {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	if now, _ := h.d.MarshalBinary(); !bytes.Equal(now, state) {
		t.Error("a refused hour changed the detector")
	}
	// The hours on both sides of a hole are not in a row: two of three are not met by one on each side.
	h.hour(more(office(10), Counts{Requests: 900}))
	h.at = h.at.Add(time.Hour)
	if found := h.hour(more(office(12), Counts{Requests: 900})); len(found) > 0 {
		t.Errorf("across a hole: %v", found)
	}
	if found := h.hour(more(office(13), Counts{Requests: 900})); !has(found, Spike) {
		t.Error("after a hole nothing is found any more")
	}
	later := h.at.AddDate(1, 0, 0)
	h.d.Resume(later)
	h.at = later
	if found := h.hour(more(office(10), Counts{Requests: 100})); len(found) > 0 {
		t.Errorf("after it resumed: %v", found)
	}
}

func TestRowsThatCannotBeAreLeftOutAndNamed(t *testing.T) {
	h := taught(t, office).until(10)
	good := row(office(10))[0]
	smaller := good
	smaller.Requests /= 2
	rows := []Row{
		smaller, good, {Account: acme, Device: "dev_0", Counts: Counts{Requests: -1}}, {Account: acme, Device: "dev_9", Counts: Counts{Failed: 5}}, {Device: "dev_8"},
	}
	_, err := h.d.Hour(h.at, rows)
	var bad *RowsError
	if !errors.As(err, &bad) || bad.Impossible != 3 || bad.Twice != 1 {
		t.Fatalf("error: %v", err)
	}
	if got := h.d.accounts[0].series[volume].hours[indexOf(h.at.Unix()/3600)]; got != levelOf(100) {
		t.Errorf("learned %v calls, want those of the fuller row", got.count())
	}
}

func TestReplayGivesTheSameBytesEachTime(t *testing.T) {
	h := taught(t, office)
	state, _ := h.d.MarshalBinary()
	run := func() []byte {
		d, err := New(Defaults(), Enforced())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.UnmarshalBinary(state); err != nil {
			t.Fatal(err)
		}
		at, left := h.at, 500
		var out bytes.Buffer
		skipped, err := Replay(d, func() (Recorded, bool) {
			if left--; left < 0 {
				return Recorded{}, false
			}
			w := Recorded{At: at, Rows: row(more(office(at.Hour()), Counts{Requests: int64(left%7) * 100}))}
			if left%100 != 0 { // now and then an hour comes twice
				at = at.Add(time.Hour)
			}
			return w, true
		}, func(found []Finding) {
			if err := json.NewEncoder(&out).Encode(found); err != nil {
				t.Fatal(err)
			}
		})
		if skipped != 4 || !errors.Is(err, gate.Conflict) {
			t.Errorf("skipped %d: %v", skipped, err)
		}
		return out.Bytes()
	}
	first := run()
	if len(first) == 0 || !bytes.Equal(first, run()) {
		t.Errorf("two runs differ, or found nothing (%d bytes)", len(first))
	}
}

func FuzzHour(f *testing.F) {
	f.Add(int64(100), int64(30), int64(3), uint64(7), int64(2))
	f.Add(int64(-1), int64(1<<62), int64(0), uint64(0), int64(-5))
	f.Fuzz(func(t *testing.T, requests, people, fresh int64, scopes uint64, step int64) {
		d, err := New(Defaults(), Enforced())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Set(acme, Profile{DailyVolume: people}); err != nil {
			t.Fatal(err)
		}
		at := monday
		for range 40 {
			c := Counts{Requests: requests, Patients: people, Newcomers: fresh, Scopes: scopes, Exports: step, NotFound: fresh, Networks: people}
			found, _ := d.Hour(at, row(c))
			quick, _ := d.Quarter(at, row(c))
			for _, x := range append(found, quick...) {
				for _, g := range x.Evidence {
					if math.IsNaN(g.Seen) || math.IsInf(g.Seen, 0) {
						t.Fatalf("%s: %s is %v", x.Rule, g.Name, g.Seen)
					}
				}
			}
			at = at.Add(time.Duration(step%100) * time.Hour)
		}
	})
}

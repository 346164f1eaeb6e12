package usage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// hashOf is a keyed hash of a number, as identifiers that count up are.
func hashOf(key byte, n int) uint64 {
	h := hmac.New(sha256.New, []byte{key})
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// Counts are within three standard errors, under several keys, and so is what changes stand for.
func TestACountIsAsNearAsItSays(t *testing.T) {
	for key, most := range []int{1_000_000, 30_000, 30_000} { // the largest takes long where races are looked for
		key := byte(key)
		var s sketch
		fresh, sum := 0.0, 0
		for _, n := range []int{100, 256, 257, 1000, 10_000, 30_000, 100_000, 1_000_000} {
			if n > most {
				break
			}
			for ; sum < n; sum++ {
				hash := hashOf(key, sum)
				fresh += s.add(hash)
				if again := s.add(hash); again != 0 {
					t.Fatalf("what was shown before stands for %v new ones", again)
				}
			}
			bound := 3 * SketchError * float64(n)
			if n <= exact {
				bound = 0
			}
			if got := s.count(); math.Abs(float64(got)-float64(n)) > bound {
				t.Errorf("key %d: %d of %d", key, got, n)
			}
			if math.Abs(fresh-float64(n)) > bound+1 {
				t.Errorf("key %d: changes stand for %.0f new ones of %d", key, fresh, n)
			}
		}
		if s.bytes() > SketchBytes {
			t.Errorf("it takes %d bytes", s.bytes())
		}
	}
}

func TestMergedSketchesAreThoseOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var whole, a, b sketch
		for n := range rapid.SampledFrom([]int{0, 1, 200, 300, 5000}).Draw(t, "things") {
			hash := hashOf(7, n)
			whole.add(hash)
			for i, part := range []*sketch{&a, &b} {
				if n%(i+2) == 0 || n%(i+2) == 1 {
					part.add(hash)
				}
			}
			if n%3 == 2 && n%2 != 0 {
				a.add(hash)
			}
		}
		a.merge(&b)
		a.merge(&b)
		d := decoder{rest: a.append(nil)}
		stored := d.sketch()
		if d.err != nil || len(d.rest) != 0 {
			t.Fatal(d.err, len(d.rest))
		}
		if diff := cmp.Diff(whole.count(), stored.count()); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzSketch(f *testing.F) {
	var s sketch
	s.add(1)
	f.Add(s.append(nil))
	s.grow()
	f.Add(s.append(nil))
	f.Fuzz(func(t *testing.T, value []byte) {
		d := decoder{rest: value}
		if s := d.sketch(); d.err == nil && s.count() < 0 {
			t.Error(s.count())
		}
	})
}

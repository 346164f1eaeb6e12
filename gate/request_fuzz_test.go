package gate_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

// What reading the keys of a request may allocate at most: so much, and this for each byte of its header, which the server bounds.
const (
	presentMemory        = 4 << 10
	presentMemoryPerByte = 4
)

// allocated is how many bytes f allocates. In a fuzzing process something else may allocate beside it now and then; it does not again.
func allocated(f func()) uint64 {
	least := ^uint64(0)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// FuzzPresentedKeys reads the keys of requests that contradict themselves: two fields, another field, a key in the query.
func FuzzPresentedKeys(f *testing.F) {
	good := printed(gate.Production)
	f.Add("Bearer "+good, "", "")
	f.Add("Bearer "+good, "Bearer "+good, "")
	f.Add("bearer  "+good+" ", "Basic YTpi", "access_token="+good)
	f.Add("Bearer "+strings.Repeat("a", 1<<16), "Bearer", "a=b&access_token")
	f.Add("Bearer a b\x00c", "Bearer \xff", "%61ccess_token=x;%zz")
	f.Fuzz(func(t *testing.T, first, second, query string) {
		fields := []string{first}
		if second != "" {
			fields = append(fields, second)
		}
		read := func() (gate.PresentedKey, bool) {
			r := gate.Request{Site: &gate.Site{Environment: gate.Production}, Authorization: fields, Query: query, Path: "/"}
			return r.Present()
		}
		key, fault := read()
		if fault && key != (gate.PresentedKey{}) {
			t.Fatalf("%q, %q, %q: at fault, and yet %v was read", first, second, query, key)
		}
		if key.Text != "" && (len(fields) > 1 || !strings.Contains(first, key.Text)) {
			t.Fatalf("%q, %q: %v was read", first, second, key)
		}
		sent := uint64(len(first) + len(second) + len(query))
		if n := allocated(func() { read() }); n > presentMemory+presentMemoryPerByte*sent {
			t.Fatalf("%d bytes were allocated for a header of %d", n, sent)
		}
	})
}

package authority_test

import (
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

var strangers = flag.Int("strangers", 100_000, "how many strangers call, each from a place of its own")

// stranger is a request by the n-th: from its own address, with a key that nobody has, about paths, patients and purposes that nobody else
// names. Every other one presents the certificate of a customer.
func stranger(owner *gate.Request, key string, n int) gate.Request {
	r := *owner
	var ip [4]byte
	binary.BigEndian.PutUint32(ip[:], 0x0B000000+uint32(n))
	r.Peer = netip.AddrFrom4(ip)
	r.Authorization = []string{"Bearer " + key}
	r.Path, r.Purpose = fmt.Sprintf("/fhir/Patient/%d", n), []string{fmt.Sprintf("P%d", n)}
	if n%2 == 0 {
		leaf := *r.Leaf
		leaf.Fingerprint = gate.FingerprintOf(ip[:])
		r.Leaf = &leaf
	}
	return r
}

func heapNow() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A million strangers, or as many as are asked for, take no more memory than half of them did, and nothing from the customer whose
// certificate half of them have.
func TestStrangersWithoutEndAreHeldInBoundedMemory(t *testing.T) {
	o := newOffice(t)
	owner := o.request(o.customer("acme").got)
	key, _, err := gate.NewKey(gate.Production, rand.Reader)
	must(t, err)
	refused := map[gate.Reason]int{}
	half := int64(0)
	for n := range *strangers {
		if n == *strangers/2 {
			half = heapNow()
		}
		r := stranger(owner, key, n)
		call, err := o.config.Check(&r)
		must(t, err)
		refused[call.Reason]++
		call.Done(authority.Outcome{})
		if n%1000 == 0 {
			o.call(owner, authority.Outcome{Status: 200})
		}
	}
	if grown := heapNow() - half; grown > 1<<20 {
		t.Errorf("the second half of them took %d bytes", grown)
	}
	if refused[gate.Allowed] > 0 || len(refused) != 3 {
		t.Errorf("strangers were answered %v", refused)
	}
	if diff := cmp.Diff(map[usage.Outcome]int64{usage.Succeeded: int64((*strangers + 999) / 1000)}, o.used()); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

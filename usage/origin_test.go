package usage

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestANetworkIsNewAgainAfterThirtyDaysElsewhereAndForgottenAfterSixty(t *testing.T) {
	a, b := networkOf(netip.MustParseAddr("203.0.113.9")), networkOf(netip.MustParseAddr("2001:db8:1:2::3"))
	var o origins
	const day = int64(dayLong)
	o.see(a, 1000*day, "dev_1")
	o.see(b, 1000*day, "dev_1")
	o.see(a, 1029*day, "dev_2")
	o.see(b, 1029*day+1, "dev_2")
	o.see(a, 1060*day, "dev_2")
	o.see(b, 1061*day, "dev_1")
	o.forget(1061 * day)
	var read origins
	if err := read.decode(o.encode()); err != nil {
		t.Fatal(err)
	}
	want := []origin{{a, 1000 * day, 1060 * day, "dev_2"}, {b, 1061 * day, 1061 * day, "dev_1"}}
	if diff := cmp.Diff(want, read.list, cmp.AllowUnexported(origin{})); diff != "" || read.since != 1000*day {
		t.Errorf("since %d\n%s", read.since, diff)
	}
	o.forget(1121 * day)
	if len(o.list) != 1 || prefixOf(o.list[0].network).String() != "2001:db8:1::/48" || prefixOf(a).String() != "203.0.113.0/24" {
		t.Errorf("%+v", o.list)
	}
	for i := range 2 * maxOrigins {
		o.see(networkOf(netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i), 1})), 1121*day+int64(i), "dev_1")
	}
	if o.forget(1121 * day); len(o.list) != maxOrigins {
		t.Errorf("%d are kept", len(o.list))
	}
}

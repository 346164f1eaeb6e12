package authority_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Whatever a customer makes up for a purpose or a path, what is counted of it takes no more room than what there is.
func TestMadeUpPurposesAndPathsTakeNoRoom(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	for i := range 3000 {
		r := o.request(acme.got)
		if i%2 == 0 {
			r.Purpose = []string{fmt.Sprintf("P%d", i)}
		} else {
			r.Path = fmt.Sprintf("/made/up/%d", i)
		}
		if _, reason := o.ask(r); reason == gate.Allowed {
			t.Fatalf("%v for %q passed", r.Path, r.Purpose)
		}
	}
	must(t, o.FlushUsage())
	rows, calls := 0, int64(0)
	must(t, o.Usage(&authority.UsageQuery{From: dawn, To: dawn.Add(time.Hour)}, func(r *authority.UsageRow) error {
		rows++
		calls += r.Calls
		return nil
	}))
	if rows > 3 || calls == 0 { // those beyond the source limit count for nobody
		t.Errorf("%d calls in %d rows", calls, rows)
	}
}

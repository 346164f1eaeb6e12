package authority_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Where usage is lost, a quota goes on from what was written down within the hour, and is not given again.
func TestAQuotaIsNotGivenAgainWhenUsageIsLost(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	c := o.customer("acme")
	const quota = 1000
	_, err := o.Amend(o.ben, c.contract.ID, gate.Terms{Plan: gate.Limits{{Kind: gate.MonthLimit, Amount: quota}}}, "a quota")
	must(t, err)
	left := func() int64 {
		t.Helper()
		call, err := o.config.Check(o.request(c.got))
		must(t, err)
		defer call.Done(authority.Outcome{Status: 200})
		n, err := strconv.ParseInt(monthLeft.FindStringSubmatch(call.LimitsLeft())[1], 10, 64)
		must(t, err)
		return n
	}
	for range 7 {
		left()
	}
	o.pass(time.Hour) // the job of the hour writes down that 7 are used
	for o.Stats().JobLastSuccess["quotas-used"].Before(o.clock.now().Truncate(time.Second)) {
		<-time.After(time.Millisecond)
	}
	left() // and forgets the eighth
	must(t, o.Close())
	must(t, os.WriteFile(filepath.Join(p.data, "usage", "MANIFEST"), []byte("damage"), 0o600))
	o.reopen(p)
	if got := left(); got != quota-8 {
		t.Errorf("%d are left after 7 that were written down, and one", got)
	}
	if err := o.Ready(); err != nil {
		t.Errorf("lost usage keeps certgate from being ready: %v", err)
	}
	must(t, o.Close())
	o.reopen(p) // usage is whole again and knows better
	if got := left(); got != quota-9 {
		t.Errorf("%d are left after a restart", got)
	}
	must(t, o.Close())
}

// Whatever callers make up, what is kept of them stays as small as what the configuration knows.
func TestMadeUpPathsAndPurposesAreCountedAsWhatTheyAre(t *testing.T) {
	o := newOffice(t)
	r := o.request(o.customer("acme").got)
	for i := range 3000 {
		one := *r
		one.Path = []string{"/made/up/", "/fhir/"}[i%2] + strconv.Itoa(i)
		one.Purpose = []string{[]string{"TREAT", "PURPOSE" + strconv.Itoa(i)}[i/2%2]}
		o.call(&one, authority.Outcome{Status: 200})
	}
	must(t, o.FlushUsage())
	rows, calls := 0, int64(0)
	must(t, o.Usage(&authority.UsageQuery{From: dawn, To: dawn.AddDate(0, 0, 1)}, func(r *authority.UsageRow) error {
		rows++
		calls += r.Calls
		return nil
	}))
	if rows > 4 || calls == 0 { // those refused for what their source did are no longer counted for the device
		t.Errorf("%d rows of %d calls", rows, calls)
	}
}

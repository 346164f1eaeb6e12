package authority_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// TestASuspensionWhoseCommitFailedDeniesAtOnce takes the store's directory away before Badger needs a new file. The commit that meets this
// fails, for real.
func TestASuspensionWhoseCommitFailedDeniesAtOnce(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	o.fillTable(p)
	store := filepath.Join(p.data, "store")
	must(t, os.Rename(store, store+".away"))
	var failed error
	for failed == nil {
		call := o.begin(acme.got)
		until := o.clock.now().Add(time.Minute)
		_, err := o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.KeySubject, ID: string(acme.got.KeyID)}, Measure: gate.Suspend, Until: &until, Why: strings.Repeat("x", 1000)})
		canceled := call.canceled()
		call.Done(authority.Outcome{})
		if !canceled {
			t.Fatalf("the call in flight goes on (%v)", err)
		}
		if got := o.reason(acme.got); got != gate.AccountSuspended {
			t.Fatalf("suspended, with error %v: %s", err, got)
		}
		failed = err
		o.clock.advance(time.Minute) // it ends by itself, so that nothing else commits
	}
	refused(t, "the suspension", failed, gate.ShuttingDown)
	// While the directory is away Badger cannot close. A further change is told so in time, and does not wait for ever.
	_, err := o.CreateAccount(o.ben, applicant("early"))
	refused(t, "a change before the store could be reread", err, gate.ShuttingDown)
	must(t, os.Rename(store+".away", store))
	for range 10 { // Badger tries again every now and then
		if _, err = o.CreateAccount(o.ben, applicant("later")); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("once the store could be reread: %v", err)
	}
	o.tick()
	want := snapshot(t, o.Directory())
	must(t, o.Close())
	o.reopen(p)
	if diff := cmp.Diff(want, snapshot(t, o.Directory())); diff != "" {
		t.Errorf("directory (-before +after):\n%s", diff)
	}
}

// fillTable writes until Badger's table in memory is nearly full.
func (o *office) fillTable(p *place) {
	o.t.Helper()
	const table, step = 16 << 20, 200 << 10
	write := func() {
		must(o.t, o.Store().Bookkeep(func(tx *certstore.Tx) error {
			certstore.Put(tx, &gate.Notice{ID: "not_filler", Kind: gate.ContractNotice, Subject: strings.Repeat("x", step), Body: o.clock.now().String()})
			return nil
		}))
		o.clock.advance(1)
	}
	generation := func() string {
		logs, err := filepath.Glob(filepath.Join(p.data, "store", "*.mem"))
		must(o.t, err)
		return strings.Join(logs, " ")
	}
	for began := generation(); generation() == began; {
		write()
	}
	for written := 0; written < table-4*step; written += step {
		write()
	}
}

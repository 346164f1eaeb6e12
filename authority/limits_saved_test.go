package authority_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
)

// What need not be remembered any more is told once; a disk that is full at that moment must not keep it until the next start.
func TestWhatIsUsedNoMoreGoesFromTheDiskThoughAFlushFails(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	o.plan(acme, "day 20 per device")
	o.spend(acme, 3)
	must(t, o.FlushUsage())
	if n, err := authority.NotesOnDisk(o.Authority); err != nil || n != 1 {
		t.Fatalf("%d notes, %v", n, err)
	}
	o.clock.advance(120 * time.Hour)
	authority.FailToFlush(o.Authority)
	must(t, o.FlushUsage())
	if n, err := authority.NotesOnDisk(o.Authority); err != nil || n != 0 {
		t.Errorf("%d notes are left, %v", n, err)
	}
}

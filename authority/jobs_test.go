package authority_test

import (
	"testing"
	"time"
)

// A ticker is never quite on time. A job of each second runs each second all the same, or counts would be two seconds from the disk.
func TestAJobOfEachSecondRunsEachSecondHoweverTheTicksComeAndGo(t *testing.T) {
	o := newOffice(t)
	for n := range 10 {
		o.pass(time.Second - 5*time.Millisecond) // each a little earlier after the last than its job is due
		if last, now := o.Stats().JobLastSuccess["sightings"], o.clock.now(); last.Unix() != now.Unix() {
			t.Errorf("tick %d, at %s: last run at %s", n, now.Format(time.StampMilli), last.Format(time.StampMilli))
		}
	}
	ran := o.Stats().JobLastSuccess["sightings"]
	for range 3 {
		o.pass(200 * time.Millisecond)
	}
	if last := o.Stats().JobLastSuccess["sightings"]; !last.Equal(ran) {
		t.Errorf("it ran again within a second, at %s", last.Format(time.StampMilli))
	}
}

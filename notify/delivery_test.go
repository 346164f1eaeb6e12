package notify_test

import (
	"errors"
	"testing"
	"time"

	"github.com/onerecord/certgate/notify"
)

func TestTheScheduleEndsAfterAboutADay(t *testing.T) {
	var all, last time.Duration
	failed := 1
	for ; ; failed++ {
		wait, again := notify.Schedule(failed)
		if !again {
			break
		}
		if wait <= last {
			t.Errorf("attempt %d waits %s, no longer than %s", failed, wait, last)
		}
		last, all = wait, all+wait
	}
	if failed != 10 || all < 22*time.Hour || all > 25*time.Hour {
		t.Errorf("%d failures over %s, want 10 over about a day", failed, all)
	}
	for _, nonsense := range []int{-1, 0, 100} {
		if wait, again := notify.Schedule(nonsense); wait != 0 || again {
			t.Errorf("Schedule(%d) = %s, %v; want no attempt", nonsense, wait, again)
		}
	}
	// An hour's outage of the mail server is bridged.
	if wait, _ := notify.Schedule(1); wait != 5*time.Second {
		t.Errorf("the first retry waits %s, want 5s", wait)
	}
}

func TestADeliveryErrorReadsWell(t *testing.T) {
	e := &notify.DeliveryError{
		Err: errors.New("it went wrong"), Accepted: []string{"a@x", "b@x"}, Refused: []notify.Refusal{{Address: "c@x", Permanent: true, Text: "550 no"}},
	}
	if got, want := e.Error(), "it went wrong; c@x refused: 550 no; delivered to a@x, b@x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(e, e.Err) {
		t.Error("what happened is not found")
	}
}

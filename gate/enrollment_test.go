package gate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

func released() gate.Enrollment {
	return gate.Enrollment{ID: "enr_1", Device: "dev_1", ReleasedBy: "stf_eve", ReleasedAt: noon, ExpiresAt: noon.Add(gate.EnrollmentLifetime)}
}

func TestALinkIsRedeemedUntilItIsAcknowledged(t *testing.T) {
	e := released()
	mine, theirs := fingerprint("mine"), fingerprint("theirs")
	var err error
	for i := range gate.EnrollmentRedemptions {
		if e, err = e.Redeem(mine, false, noon); err != nil {
			t.Fatalf("redemption %d: %v", i+1, err)
		}
		if _, err := e.Redeem(theirs, false, noon); !errors.Is(err, gate.Conflict) {
			t.Errorf("with another public key after %d: %v", i+1, err)
		}
	}
	if _, err := e.Redeem(mine, false, noon); !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), "5 times") {
		t.Errorf("once more than allowed: %v", err)
	}
	if e, err = e.Acknowledge(noon); err != nil || e.State(false, noon) != gate.EnrollmentDone {
		t.Errorf("acknowledged: %s, %v", e.State(false, noon), err)
	}
	first := e.Acknowledged
	if e, err = e.Acknowledge(noon.Add(time.Hour)); err != nil || e.Acknowledged != first {
		t.Errorf("acknowledged twice: %v, %v", e.Acknowledged, err)
	}
}

func TestADeadLinkSaysWhy(t *testing.T) {
	rows := []struct {
		name    string
		edit    func(e *gate.Enrollment)
		keyUsed bool
		at      time.Time
		state   gate.EnrollmentState
		want    string
	}{
		{"open to its last instant", func(*gate.Enrollment) {}, false, noon.Add(gate.EnrollmentLifetime - 1), gate.EnrollmentOpen, ""},
		{"past its end", func(*gate.Enrollment) {}, false, noon.Add(gate.EnrollmentLifetime), gate.EnrollmentExpired, "ended on 13 March 2027 at 12:00 UTC"},
		{"redeemed", func(e *gate.Enrollment) { e.Redemptions, e.PublicKey = 1, fingerprint("mine") }, false, noon, gate.EnrollmentRedeemed, ""},
		{"redeemed with another key", func(e *gate.Enrollment) { e.Redemptions, e.PublicKey = 1, fingerprint("x") }, false, noon, gate.EnrollmentRedeemed, "another public key"},
		{"its key was used", func(e *gate.Enrollment) { e.Redemptions = 1 }, true, noon, gate.EnrollmentDone, "has been used"},
		{"acknowledged", func(e *gate.Enrollment) { e.Redemptions, e.Acknowledged = 1, &noon }, false, noon, gate.EnrollmentDone, "has been used"},
		{"redeemed too often", func(e *gate.Enrollment) { e.Redemptions = 5 }, false, noon, gate.EnrollmentSpent, "redeemed 5 times"},
		{"canceled", func(e *gate.Enrollment) { e.Canceled = &gate.Act{} }, false, noon, gate.EnrollmentCanceled, "replaced or canceled"},
		{"canceled after use", func(e *gate.Enrollment) { e.Canceled, e.Acknowledged = &gate.Act{}, &noon }, true, noon, gate.EnrollmentCanceled, "replaced or canceled"},
	}
	for _, row := range rows {
		e := released()
		row.edit(&e)
		before := e
		if got := e.State(row.keyUsed, row.at); got != row.state || got.String() == "" {
			t.Errorf("%s: %s, want %s", row.name, got, row.state)
		}
		next, err := e.Redeem(fingerprint("mine"), row.keyUsed, row.at)
		if row.want == "" {
			if err != nil || next.Redemptions != before.Redemptions+1 || next.PublicKey != fingerprint("mine") {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		if !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want a conflict that says %q", row.name, err, row.want)
		}
		if diff := cmp.Diff(before, next); diff != "" {
			t.Errorf("%s: a refusal changed the link (-before +after):\n%s", row.name, diff)
		}
	}
}

func TestNothingIsAcknowledgedBeforeItWasTaken(t *testing.T) {
	e := released()
	if next, err := e.Acknowledge(noon); !errors.Is(err, gate.Conflict) || next.Acknowledged != nil {
		t.Errorf("%v", err)
	}
}

func TestALinkGivesAtMostFiveKeysToOnePublicKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e, now, keyUsed := released(), noon, false
		keys := []gate.Fingerprint{fingerprint("a"), fingerprint("b")}
		var taken *gate.Fingerprint
		given := 0
		rt.Repeat(map[string]func(*rapid.T){
			"redeem": func(rt *rapid.T) {
				key := rapid.SampledFrom(keys).Draw(rt, "key")
				before := e
				next, err := e.Redeem(key, keyUsed, now)
				if cmp.Diff(before, e) != "" || err != nil && cmp.Diff(before, next) != "" {
					rt.Fatal("redeeming changed the value that it was asked of, or a refusal changed it")
				}
				if err != nil {
					return
				}
				dead := keyUsed || before.Acknowledged != nil || before.Canceled != nil || !now.Before(before.ExpiresAt)
				if given++; dead || given > 5 || taken != nil && *taken != key {
					rt.Fatalf("redemption %d of a link in state %s", given, before.State(keyUsed, now))
				}
				e, taken = next, &key
			},
			"acknowledge": func(*rapid.T) {
				if next, err := e.Acknowledge(now); err == nil {
					e = next
				}
			},
			"use":    func(*rapid.T) { keyUsed = given > 0 },
			"cancel": func(rt *rapid.T) { e.Canceled = &gate.Act{At: now} },
			"wait": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(rt, "hours")) * time.Hour)
			},
		})
	})
}

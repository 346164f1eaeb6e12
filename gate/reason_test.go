package gate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// codes are the public ones, which are never renamed. Those of status 429 come with the limits.
const codes = `
certificate-required certificate-untrusted certificate-expired certificate-not-yet-valid certificate-unsuitable certificate-unknown
certificate-revoked certificate-unchecked
key-required invalid-token
account-suspended account-terminated
contract-missing contract-not-started contract-ended
certification-missing certification-ended certification-revoked recertification-overdue
behavior-unknown behavior-not-granted purpose-required purpose-not-granted address-not-allowed upgrade-not-allowed
rate-exceeded quota-exceeded concurrency-exceeded patients-exceeded abnormal-usage-detected source-exceeded
invalid-request
unavailable clock-unusable state-unconfirmed
`

func TestTheCodesOfRefusals(t *testing.T) {
	want := map[string]bool{}
	for code := range strings.FieldsSeq(codes) {
		want[code] = true
	}
	got := map[string]bool{}
	for _, r := range gate.Reasons() {
		if got[r.String()] {
			t.Errorf("two reasons are called %s", r)
		}
		if r != gate.Allowed {
			got[r.String()] = true
		}
		if parsed, ok := gate.ParseReason(r.String()); !ok || parsed != r {
			t.Errorf("%s is read as %s, %t", r, parsed, ok)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnUnknownCodeIsNoReason(t *testing.T) {
	for _, code := range []string{"", "ok", "Allowed", "invalid-token "} {
		if r, ok := gate.ParseReason(code); ok || r == gate.Allowed {
			t.Errorf("%q is read as %s, %t", code, r, ok)
		}
	}
}

func TestTheZeroReasonRefuses(t *testing.T) {
	var r gate.Reason
	if r == gate.Allowed || r != gate.Unavailable {
		t.Errorf("it is %s", r)
	}
}

func TestWhichReasonsAreAboutTheCertificate(t *testing.T) {
	for _, r := range gate.Reasons() {
		if got, want := r.AboutCertificate(), strings.HasPrefix(r.String(), "certificate-"); got != want {
			t.Errorf("%s: %t, want %t", r, got, want)
		}
	}
}

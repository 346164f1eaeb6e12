package issuer

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// goodCRL is a request that every check accepts.
func goodCRL() CRLRequest {
	return CRLRequest{
		Number: CRLNumber(nil, now),
		Revoked: []Revoked{
			{Serial: big.NewInt(300), At: now.Add(-time.Hour), Reason: gate.KeyCompromise},
			{Serial: big.NewInt(100), At: now.Add(-2 * time.Hour)},
			{Serial: big.NewInt(200), At: now.Add(-3 * time.Hour), Reason: gate.PrivilegeWithdrawn},
		},
		ThisUpdate: now,
		NextUpdate: now.AddDate(0, 0, 7),
	}
}

func TestCRLListsEveryRevocationInTheOrderOfSerials(t *testing.T) {
	_, ca := newHierarchy(t)
	request := goodCRL()
	der, err := ca.CRL(request, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	var got []Revoked
	for _, e := range list.RevokedCertificateEntries {
		got = append(got, Revoked{e.SerialNumber, e.RevocationTime, gate.RevocationReason(e.ReasonCode)})
		if e.ReasonCode == 0 && len(e.Extensions) > 0 {
			t.Errorf("the entry of %v says that it has no reason", e.SerialNumber)
		}
	}
	want := []Revoked{request.Revoked[1], request.Revoked[2], request.Revoked[0]}
	if !slices.EqualFunc(got, want, func(a, b Revoked) bool {
		return a.Serial.Cmp(b.Serial) == 0 && a.At.Equal(b.At) && a.Reason == b.Reason
	}) {
		t.Errorf("got %v, want %v", got, want)
	}
	if list.Number.Cmp(request.Number) != 0 || !list.ThisUpdate.Equal(now) || !list.NextUpdate.Equal(request.NextUpdate) {
		t.Errorf("number %v, %s to %s", list.Number, list.ThisUpdate, list.NextUpdate)
	}
	if string(list.AuthorityKeyId) != string(ca.Certificate.SubjectKeyId) {
		t.Errorf("authority key identifier %x", list.AuthorityKeyId)
	}
}

func TestCRLOfNothingIsValid(t *testing.T) {
	_, ca := newHierarchy(t)
	request := goodCRL()
	request.Revoked = nil
	if _, err := ca.CRL(request, rand.Reader); err != nil {
		t.Error(err)
	}
}

func TestCRLRefusals(t *testing.T) {
	root, ca := newHierarchy(t)
	for _, tt := range []struct {
		name string
		ca   *CA
		edit func(r *CRLRequest)
		want string
	}{
		{"no number", ca, func(r *CRLRequest) { r.Number = nil }, "number"},
		{"number 0", ca, func(r *CRLRequest) { r.Number = new(big.Int) }, "number 0"},
		{"number of 21 octets", ca, func(r *CRLRequest) { r.Number = new(big.Int).Lsh(big.NewInt(1), 159) }, "20 octets"},
		{"no time", ca, func(r *CRLRequest) { r.ThisUpdate = time.Time{} }, "one is missing"},
		{"next update not later", ca, func(r *CRLRequest) { r.NextUpdate = now }, "not after this update"},
		{"no serial", ca, func(r *CRLRequest) { r.Revoked[0].Serial = nil }, "must be positive"},
		{"negative serial", ca, func(r *CRLRequest) { r.Revoked[0].Serial = big.NewInt(-1) }, "must be positive"},
		{"no time of revocation", ca, func(r *CRLRequest) { r.Revoked[0].At = time.Time{} }, "serial number 12c has no time"},
		{"certificateHold", ca, func(r *CRLRequest) { r.Revoked[0].Reason = 6 }, "reason 6"},
		{"the same serial twice", ca, func(r *CRLRequest) { r.Revoked[0].Serial = big.NewInt(100) }, "64 is listed twice"},
		{"a root", root, func(*CRLRequest) {}, "is a root"},
		{"no CA", nil, func(*CRLRequest) {}, "no certificate or no key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := goodCRL()
			tt.edit(&request)
			_, err := tt.ca.CRL(request, rand.Reader)
			wantError(t, err, "sign a CRL", tt.want)
		})
	}
}

func TestCRLNumbersAlwaysRise(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var previous *big.Int
		for range rapid.IntRange(1, 20).Draw(rt, "lists") {
			at := time.Unix(0, rapid.Int64().Draw(rt, "clock"))
			next := CRLNumber(previous, at)
			if next.Sign() <= 0 || (previous != nil && next.Cmp(previous) <= 0) {
				rt.Fatalf("after %v comes %v", previous, next)
			}
			if next.Cmp(big.NewInt(at.UnixNano())) < 0 {
				rt.Fatalf("%v is behind the clock %d", next, at.UnixNano())
			}
			previous = next
		}
	})
}

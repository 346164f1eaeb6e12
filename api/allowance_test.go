package api_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

func TestACustomerBringsACertificateOfItsOwnCA(t *testing.T) {
	s := open(t)
	cho, eve := s.as("cho"), s.as("eve")
	account := s.MustAccount("acme")
	ca := gatetest.NewForeignCA(t, "Acme CA", s.Now())
	_, err := cho.AllowCA(ctx, api.NewCAAllowance{Certificate: ca.PEM(), Accounts: []string{"nobody"}, Why: "runs its own"})
	wantKind(t, err, gate.Invalid)
	_, err = cho.AllowCA(ctx, api.NewCAAllowance{CA: "3f21a0b2c4d5e6f7", Accounts: []string{"acme"}, Why: "runs its own"})
	wantKind(t, err, gate.NotFound)
	proposed := check[*api.CA](t)(cho.AllowCA(ctx, api.NewCAAllowance{Certificate: ca.PEM(), Accounts: []string{"acme"}, CRL: "http://pki.acme.example/a.crl", Why: "runs its own"}))
	if proposed.Role != "waiting" || proposed.Proposal.Allowance.GraceHours != gate.DefaultGraceHours || proposed.List != nil || proposed.Name != "CN=Acme CA" {
		t.Errorf("%+v", proposed)
	}
	fingerprint := proposed.Fingerprint.String()
	confirmed := check[*api.CA](t)(eve.ConfirmCA(ctx, fingerprint))
	if confirmed.Role != "imported" || confirmed.List == nil || confirmed.List.State != "waiting" || confirmed.List.RefusedFrom.IsZero() {
		t.Errorf("%+v", confirmed)
	}
	// The next takes the place of the one before.
	check[*api.CA](t)(cho.AllowCA(ctx, api.NewCAAllowance{CA: fingerprint[:16], Accounts: []string{"acme"}, Why: "its list is not published yet"}))
	if again := check[*api.CA](t)(eve.ConfirmCA(ctx, fingerprint)); again.List != nil || len(again.Allowance.Accounts) != 1 {
		t.Errorf("%+v", again)
	}

	device := s.MustDevice(account, "test-1", gate.Preprod)
	_, token := s.MustRelease(device)
	crt, short := ca.Issue(nil), ca.Issue(nil)
	public := &api.Client{Base: s.public.URL}
	_, err = public.Bring(ctx, token, string(ca.Request(short.PrivateKey)), gatetest.PEM(crt.Leaf.Raw))
	wantKind(t, err, gate.Invalid)
	got := check[*api.Redeemed](t)(public.Bring(ctx, token, string(ca.Request(crt.PrivateKey)), gatetest.PEM(crt.Leaf.Raw)))
	if !strings.HasPrefix(got.CertificateChain, gatetest.PEM(crt.Leaf.Raw)) || got.Key == "" || !got.NotAfter.Equal(crt.Leaf.NotAfter) {
		t.Errorf("%+v", got)
	}
	shown := check[*api.Credential](t)(cho.Credential(ctx, string(got.CertificateID)))
	if !shown.Brought || shown.State != "active" || *shown.Issuer != proposed.Fingerprint {
		t.Errorf("%+v", shown)
	}

	check[*api.CA](t)(s.as("ben").DisallowCA(ctx, fingerprint, api.Why{Why: "takes ours now"}))
	_, token = s.MustRelease(s.MustDevice(account, "test-2", gate.Preprod))
	form := url.Values{"token": {token}, "csr": {string(ca.Request(short.PrivateKey))}, "certificate": {gatetest.PEM(short.Leaf.Raw)}}
	page := send(t, s.public.URL, raw{method: "POST", path: "/enroll", body: form.Encode(), headers: []string{"Content-Type", "Content-Type: application/x-www-form-urlencoded", "Accept: text/html"}})
	if page.status != 422 || !strings.Contains(page.body, "none is allowed for this account") {
		t.Errorf("%d %s", page.status, page.body)
	}
}

package api_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// staffToken is what stands after the # of the person's link.
func (s *sites) staffToken(t *testing.T, name string) string {
	t.Helper()
	person := check[*gate.Staff](t)(s.Directory().Staff(name))
	link := check[string](t)(s.TakeLink(person.Link.Notice))
	base, token, _ := strings.Cut(link, "#")
	if base != "https://connect.example.com/enroll/staff" || len(token) != 22 {
		t.Fatalf("the link is %s#...", base)
	}
	return token
}

func TestAPersonTakesACertificateByLinkAndRenewsIt(t *testing.T) {
	s := open(t)
	cho, eve, public := s.as("cho"), s.as("eve"), &api.Client{Base: s.public.URL}
	if _, err := cho.ProposePerson(ctx, api.NewPerson{Name: "dan", Email: "dan@example.com", Roles: []gate.Role{gate.Auditor}}); !errors.Is(err, gate.Invalid) {
		t.Errorf("neither request nor link: %v", err)
	}
	if _, err := cho.ProposePerson(ctx, api.NewPerson{Name: "dan", Email: "dan@example.com", Roles: []gate.Role{gate.Auditor}, Link: true, CSR: s.csr()}); !errors.Is(err, gate.Invalid) {
		t.Errorf("both: %v", err)
	}
	made := check[*api.Person](t)(cho.ProposePerson(ctx, api.NewPerson{Name: "dan", Email: "dan@example.com", Roles: []gate.Role{gate.Auditor}, Link: true}))
	if !made.Proposal.Link || made.State != gate.PersonProposed || made.Link != nil {
		t.Errorf("%+v", made)
	}
	made = check[*api.Person](t)(eve.ConfirmPerson(ctx, "dan"))
	if made.State != gate.PersonInvited || made.Link == nil || made.Link.State != "open" || made.Link.Notice == "" {
		t.Errorf("%+v", made)
	}
	if _, err := cho.TellNotice(ctx, string(made.Link.Notice), api.Telling{Who: "Dan", How: "phone"}); !errors.Is(err, gate.Conflict) {
		t.Errorf("the link is told by telephone: %v", err)
	}
	token, csr := s.staffToken(t, "dan"), s.csr()
	if _, err := public.Redeem(ctx, token, csr); !errors.Is(err, gate.NotFound) {
		t.Errorf("where customers enroll: %v", err)
	}
	got := check[*api.RedeemedStaff](t)(public.RedeemStaffLink(ctx, token, csr))
	again := check[*api.RedeemedStaff](t)(public.RedeemStaffLink(ctx, token, csr))
	if got.Name != "dan" || got.CertificateChain != again.CertificateChain || strings.Count(got.CertificateChain, "BEGIN") != 2 {
		t.Errorf("%+v, then %+v", got, again)
	}
	if _, err := public.RedeemStaffLink(ctx, token, s.csr()); !errors.Is(err, gate.Conflict) {
		t.Errorf("for another key: %v", err)
	}
	dan := s.as("dan")
	if _, err := dan.RenewMyself(ctx, csr); !errors.Is(err, gate.Invalid) {
		t.Errorf("renewed for the same key: %v", err)
	}
	renewed := check[*api.Person](t)(dan.RenewMyself(ctx, s.csr()))
	if n := len(renewed.Certificates); n != 2 || renewed.Certificates[1].RenewedFrom != renewed.Certificates[0].Fingerprint {
		t.Errorf("%+v", renewed.Certificates)
	}
	if _, err := dan.RenewMyself(ctx, s.csr()); !errors.Is(err, gate.Conflict) {
		t.Errorf("a third certificate: %v", err)
	}
	check[*api.Person](t)(cho.ProposeChange(ctx, "dan", api.Change{Email: "dan@new.example"}))
	if moved := check[*api.Person](t)(eve.ConfirmPerson(ctx, "dan")); moved.Email != "dan@new.example" || moved.Link != nil || moved.State != gate.PersonActive {
		t.Errorf("%+v", moved)
	}
	check[*api.Person](t)(cho.DisablePerson(ctx, "dan", "Has left."))
	if _, err := dan.RenewMyself(ctx, s.csr()); !errors.Is(err, gate.Forbidden) {
		t.Errorf("who is disabled renews: %v", err)
	}
}

func (s *sites) csr() string {
	_, csr := s.NewCSR("x")
	return string(csr)
}

func TestTheStaffPageTakesAForm(t *testing.T) {
	s := open(t)
	check[*api.Person](t)(s.as("cho").ProposeChange(ctx, "ben", api.Change{Link: true}))
	check[*api.Person](t)(s.as("eve").ConfirmPerson(ctx, "ben"))
	token := s.staffToken(t, "ben")
	page := send(t, s.public.URL, raw{method: "GET", path: "/enroll/staff", headers: []string{"Accept", "Accept: text/html"}})
	if page.status != 200 || !strings.Contains(page.body, "certgate staff enroll") {
		t.Errorf("%d", page.status)
	}
	headers := []string{"Content-Type", "Content-Type: application/x-www-form-urlencoded", "Accept: text/html"}
	form := func(token string) raw {
		return raw{method: "POST", path: "/enroll/staff", body: url.Values{"token": {token}, "csr": {s.csr()}}.Encode(), headers: headers}
	}
	if got := send(t, s.public.URL, form("AAAAAAAAAAAAAAAAAAAAAA")); got.status != 404 {
		t.Errorf("another token: %d", got.status)
	}
	got := send(t, s.public.URL, form(token))
	if got.status != 200 || !strings.Contains(got.body, "BEGIN CERTIFICATE") || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if again := send(t, s.public.URL, form(token)); again.status != 409 || strings.Contains(again.body, token) {
		t.Errorf("for another key: %d %s", again.status, again.body)
	}
	shown, err := json.Marshal(check[*api.Person](t)(s.as("cho").Person(ctx, "ben")))
	if err != nil || strings.Contains(string(shown), token) {
		t.Errorf("the link can be read: %v", err)
	}
}

package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestAnAccountIsReviewedAsItWasRead(t *testing.T) {
	s := open(t)
	c := s.MustProduction("acme")
	s.MustAccount("idle")
	ben, cho := s.as("ben"), s.as("cho")
	for _, path := range []string{"/fhir/Patient/1", "/nowhere"} {
		check[*authority.Call](t)(s.Config.Check(c.Request("GET", path))).Done(authority.Outcome{Status: 200})
	}
	if err := s.FlushUsage(); err != nil {
		t.Fatal(err)
	}
	s.Advance(91 * 24 * time.Hour)
	due := check[*api.Page[api.DueReview]](t)(ben.DueReviews(ctx, api.Query{State: "overdue"})).Items
	if len(due) != 1 || due[0].Account != c.Certificate.Account || due[0].Last != nil {
		t.Fatalf("overdue: %+v", due)
	}
	var etag string
	golden(t, "account-review", check[*authority.ReviewPage](t)(ben.AccountReview(ctx, "acme", api.KeepETag(&etag))))

	_, err := ben.SignReview(ctx, "acme", "All is well.")
	wantKind(t, err, gate.Invalid) // nobody knows what was read
	_, err = ben.SignReview(ctx, "acme", "It was "+c.Key, api.IfMatch(etag))
	wantKind(t, err, gate.Invalid)
	_, err = ben.SignReview(ctx, "idle", "All is well.", api.IfMatch(etag))
	wantKind(t, err, gate.Conflict)
	check[*api.Incident](t)(cho.OpenIncident(ctx, api.NewIncident{Subject: gate.Subject{Kind: gate.AccountSubject, ID: "acme"}, Why: "The hospital called."}))
	_, err = ben.SignReview(ctx, "acme", "All is well.", api.IfMatch(etag))
	wantKind(t, err, gate.Stale) // it is not what was read
	page := check[*authority.ReviewPage](t)(ben.AccountReview(ctx, "acme", api.KeepETag(&etag)))
	signed := check[*gate.Review](t)(ben.SignReview(ctx, "acme", "One incident is open, calls as declared.", api.IfMatch(etag)))
	if signed.Digest != page.Digest || !signed.From.Equal(page.From) || !signed.Until.Equal(page.Until) {
		t.Errorf("signed %+v of %+v", signed, page)
	}
	_, err = cho.SignReview(ctx, "acme", "Me too.", api.IfMatch(etag))
	wantKind(t, err, gate.Stale)

	list := check[*api.Page[gate.Review]](t)(ben.SignedReviews(ctx, "acme", api.Query{})).Items
	if diff := cmp.Diff([]gate.Review{*check[*gate.Review](t)(ben.SignedReview(ctx, string(signed.ID)))}, list); diff != "" {
		t.Error(diff)
	}
	later := check[*api.Page[api.DueReview]](t)(ben.DueReviews(ctx, api.Query{State: "later"})).Items
	if len(later) != 1 || later[0].By != signed.Signed.By || !later[0].Due.Equal(signed.Signed.At.AddDate(0, 0, gate.ReviewDays)) {
		t.Errorf("%+v", later)
	}
	next := check[*authority.ReviewPage](t)(ben.AccountReview(ctx, "acme"))
	if !next.From.Equal(page.Until) || len(next.Calls)+len(next.Refusals) != 0 || len(next.Incidents) != 1 {
		t.Errorf("%+v", next)
	}
}

package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// DueReview says when an account is to be reviewed.
type DueReview struct {
	Account gate.AccountID   `json:"account"`
	State   gate.ReviewState `json:"state"` // overdue, soon (within gate.ReviewSoonDays) or later
	Due     time.Time        `json:"due"`
	Last    *time.Time       `json:"last,omitempty"` // when it was reviewed last
	By      gate.StaffID     `json:"by,omitempty"`   // who signed that
}

// listDueReviews lists every account that has something in production, what is due first at the head.
func listDueReviews(x *exchange) error {
	q, err := x.query("state")
	if err != nil {
		return err
	}
	states := []gate.ReviewState{gate.ReviewLater, gate.ReviewSoon, gate.ReviewOverdue}
	state := gate.ReviewState(q.Get("state"))
	if q.Has("state") && !slices.Contains(states, state) {
		return gate.FieldErrorf("state", "%q: must be one of %s", gate.Clip(string(state), 40), states)
	}
	page := Page[*DueReview]{Items: []*DueReview{}}
	for _, r := range x.a.Reviews() {
		one := &DueReview{Account: r.Account.ID, State: r.State(x.now), Due: r.Due()}
		if state != "" && one.State != state {
			continue
		}
		if r.Last != nil {
			one.Last, one.By = &r.Last.Signed.At, r.Last.Signed.By
		}
		page.Items = append(page.Items, one)
	}
	return x.json(http.StatusOK, page)
}

// showAccountReview shows what is to be read before it is signed; its ETag names what was read.
func (x *exchange) showAccountReview(ref string) (*shown, error) {
	account, err := x.dir.Account(ref)
	if err != nil {
		return nil, err
	}
	page, err := x.a.ReviewPage(account.ID)
	if err != nil {
		return nil, err
	}
	return &shown{view: page, etag: page.ETag(), path: "/v1/accounts/" + string(account.ID) + "/review"}, nil
}

func (x *exchange) showSignedReview(id string) (*shown, error) {
	r := x.dir.Review(gate.ReviewID(id))
	if r == nil {
		return nil, absent("review", id)
	}
	return &shown{view: r, etag: certstore.ETag(r), path: "/v1/reviews/" + id}, nil
}

func signReview(x *exchange, by authority.By, in *Why) (string, error) {
	ref := x.r.PathValue("account")
	account, err := x.dir.Account(ref)
	if err != nil {
		return "", err
	}
	id, err := idOf(x.a.SignReview(by, account.ID, in.Why))
	if gate.KindOf(err) == gate.Stale {
		if now, missing := x.showAccountReview(ref); missing == nil {
			x.w.Header().Set("ETag", `"`+now.etag+`"`)
			return "", &currentError{err, now}
		}
	}
	return id, err
}

// signedReviews are those of the account that the address names.
var signedReviews = listing[*gate.Review, *gate.Review]{
	all: func(x *exchange, _ url.Values) ([]*gate.Review, error) {
		account, err := x.dir.Account(x.r.PathValue("account"))
		if err != nil {
			return nil, err
		}
		return x.dir.Reviews(account.ID), nil
	},
	id:   func(r *gate.Review) string { return string(r.ID) },
	view: func(_ *exchange, r *gate.Review) *gate.Review { return r },
}

func reviewRoutes() []route {
	return []route{
		get("/v1/reviews", listDueReviews),
		get("/v1/reviews/{review}", read(byPath("review", (*exchange).showSignedReview))),
		get("/v1/accounts/{account}/review", read(byPath("account", (*exchange).showAccountReview))),
		post("/v1/accounts/{account}/review", write(writing{creates: true, compares: true}, signReview)),
		get("/v1/accounts/{account}/reviews", signedReviews.list),
	}
}

// DueReviews lists when accounts are to be reviewed; of the query the state counts.
func (c *Client) DueReviews(ctx context.Context, q Query) (*Page[DueReview], error) {
	return clientGet[Page[DueReview]](ctx, c, "/v1/reviews"+q.encode(), nil)
}

// AccountReview reads what is to be looked at before it is signed; KeepETag keeps what SignReview wants.
func (c *Client) AccountReview(ctx context.Context, account string, o ...Option) (*authority.ReviewPage, error) {
	return clientGet[authority.ReviewPage](ctx, c, segments("v1", "accounts", account, "review"), o)
}

// SignReview signs with a sentence that an account was looked at; IfMatch must name what was read.
func (c *Client) SignReview(ctx context.Context, account, sentence string, o ...Option) (*gate.Review, error) {
	return clientPost[gate.Review](ctx, c, outgoing{address: segments("v1", "accounts", account, "review"), options: o}, Why{Why: sentence})
}

// SignedReview reads a review that was signed.
func (c *Client) SignedReview(ctx context.Context, id string, o ...Option) (*gate.Review, error) {
	return clientGet[gate.Review](ctx, c, segments("v1", "reviews", id), o)
}

// SignedReviews lists the reviews of an account.
func (c *Client) SignedReviews(ctx context.Context, account string, q Query) (*Page[gate.Review], error) {
	return clientGet[Page[gate.Review]](ctx, c, segments("v1", "accounts", account, "reviews")+q.encode(), nil)
}

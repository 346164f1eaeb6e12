package authority

import (
	"errors"
	"slices"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// reviewTag is how many characters of a page's digest its ETag has.
const reviewTag = 32

// AccountReview is when an account is to be reviewed.
type AccountReview struct {
	Account *gate.Account
	gate.ReviewClock
}

// Reviews are the accounts that are to be reviewed, what is due first at the head.
func (a *Authority) Reviews() []AccountReview {
	now := a.now()
	signed := make(map[gate.AccountID][]*gate.Review)
	for _, r := range a.dir.Reviews("") {
		signed[r.Account] = append(signed[r.Account], r)
	}
	var list []AccountReview
	for _, account := range a.dir.Accounts() {
		if clock := a.reviewClock(account.ID, signed[account.ID], now); clock.Runs() {
			list = append(list, AccountReview{account, clock})
		}
	}
	slices.SortStableFunc(list, func(x, y AccountReview) int { return x.Due().Compare(y.Due()) })
	return list
}

// reviewClock is the clock of an account whose reviews are given. What is terminated does nothing that could be looked at.
func (a *Authority) reviewClock(id gate.AccountID, signed []*gate.Review, now time.Time) gate.ReviewClock {
	clock := gate.ReviewClockOf(a.dir.Certifications(id), a.dir.Contract, signed, now)
	if clock.Runs() && a.AccountStatus(id, now) == gate.Terminated {
		clock.Since = time.Time{}
	}
	return clock
}

// SignReview signs that the actor has looked at what is shown of an account, with a sentence. By.IfMatch must be the ETag of the page that was
// read: what has changed since is to be read first (gate.Stale).
func (a *Authority) SignReview(by By, id gate.AccountID, sentence string) (*gate.Review, error) {
	if err := by.May(gate.SignReview); err != nil {
		return nil, err
	}
	if !by.names() {
		return nil, gate.FieldErrorf("If-Match", "must be the ETag of the review as you read it, so that what is signed is what was seen; read it first")
	}
	review := gate.Review{ID: gate.ReviewID(a.newID(gate.ReviewPrefix)), Account: id}
	for range dossierTries {
		events := a.store.EventCount()
		page, err := a.ReviewPage(id)
		if err != nil {
			return nil, err
		}
		review.From, review.Until, review.Digest = page.From, page.Until, page.Digest
		out, err := a.signReview(by, review, sentence, func(tx *certstore.Tx) error {
			n, err := certstore.Head(tx)
			switch {
			case err != nil:
				return err
			case n != events:
				return errMoved
			case page.State == gate.ReviewNone:
				return gate.Errorf(gate.Conflict, "account %s has nothing in production, so there is nothing to review", page.Slug)
			case page.ETag() != by.IfMatch:
				return gate.Errorf(gate.Stale, "what is shown of account %s has changed since you read it; read it again, and sign that", page.Slug)
			}
			return nil
		})
		if !errors.Is(err, errMoved) {
			return out, err
		}
	}
	return nil, gate.Errorf(gate.Conflict, "too much is being changed to sign what is shown at one moment; try again")
}

// signReview puts a review of a page that fits: one whose error is errMoved was made before what happened last.
func (a *Authority) signReview(by By, review gate.Review, sentence string, fits func(*certstore.Tx) error) (*gate.Review, error) {
	var out gate.Review
	_, err := a.change(by, func(tx *certstore.Tx) (_ gate.Event, err error) {
		if err := fits(tx); err != nil {
			return gate.Event{}, err
		}
		if out, err = review.Sign(a.act(by, sentence)); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.ReviewSigned, Account: out.Account, Object: string(out.ID), Why: sentence,
			Detail: "from " + out.From.Format(time.RFC3339) + " to " + out.Until.Format(time.RFC3339)}, nil
	})
	return &out, err
}

// reviews are those that are due within gate.ReviewSoonDays, for the digest.
func (a *agenda) reviews() (list []task) {
	for _, r := range a.Reviews() {
		due := "due " + a.clock(r.Due())
		switch r.State(a.now) {
		case gate.ReviewOverdue:
			due = "OVERDUE since " + a.clock(r.Due())
		case gate.ReviewSoon:
		case gate.ReviewLater, gate.ReviewNone:
			continue
		}
		last := "never reviewed"
		if r.Last != nil {
			last = "last by " + a.name(r.Last.Signed.By) + " on " + r.Last.Signed.At.In(a.zone).Format("2 Jan 2006")
		}
		list = append(list, task{r.Account.Slug + ": " + due + ", " + last, "certgate review show " + r.Account.Slug})
	}
	return list
}

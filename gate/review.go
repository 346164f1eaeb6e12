package gate

import "time"

// Review is that a person looked at what an account did and signed it with a sentence (45 CFR 164.308(a)(1)(ii)(D)). Reviews are only added:
// none is changed or taken back.
type Review struct {
	ID      ReviewID  `json:"id"`
	Account AccountID `json:"account"`
	Signed  Act       `json:"signed"` // its Why is the sentence
	// From and Until bound the days whose usage was shown; Until is not in it. From is where the last review ended.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// Digest is the SHA-256 of what was shown, as the signer had read it.
	Digest Fingerprint `json:"digest"`
}

// RecordKind implements Record.
func (*Review) RecordKind() RecordKind { return ReviewRecord }

// RecordID implements Record.
func (r *Review) RecordID() string { return string(r.ID) }

const (
	// ReviewDays is how long after the last review, or after an account came into production, the next one is due.
	ReviewDays = 90
	// ReviewSoonDays is how long before that people are told of it.
	ReviewSoonDays = 14
)

// ReviewClock says from when on an account is to be reviewed. The zero value is that of an account that has nothing in production.
type ReviewClock struct {
	// Since is when the oldest of its certifications that are in production came into force.
	Since time.Time
	// Last is the last review; nil: there was none.
	Last *Review
}

// ReviewClockOf is the clock of an account at now: of its certifications those count that devices may call under, or could until a change
// is certified; what has ended, was revoked or never came into force needs no review. Reviews are in the order in which they were signed.
func ReviewClockOf(certifications []*Certification, contract func(ContractID) *Contract, reviews []*Review, now time.Time) (clock ReviewClock) {
	for _, c := range certifications {
		if c.EnrolledAt == nil {
			continue
		}
		switch c.State(c.Term(contract, now), now) { //nolint:exhaustive // the others are not in production
		case InForce, Lapsed:
			if clock.Since.IsZero() || c.EnrolledAt.Before(clock.Since) {
				clock.Since = c.EnrolledAt.UTC()
			}
		}
	}
	if n := len(reviews); n > 0 {
		clock.Last = reviews[n-1]
	}
	return clock
}

// Runs reports whether the account is to be reviewed at all.
func (c *ReviewClock) Runs() bool { return !c.Since.IsZero() }

// From is where the next review begins: where the last one ended, or when the account came into production.
func (c *ReviewClock) From() time.Time {
	if c.Last != nil {
		return c.Last.Until
	}
	return c.Since
}

// Due is when the next review is due; zero if the account is not to be reviewed. A customer that comes back after a pause is due
// ReviewDays after that, not after its last review.
func (c *ReviewClock) Due() time.Time {
	if !c.Runs() {
		return time.Time{}
	}
	begin := c.Since
	if c.Last != nil && c.Last.Signed.At.After(begin) {
		begin = c.Last.Signed.At
	}
	return begin.UTC().AddDate(0, 0, ReviewDays)
}

// ReviewState is derived from a clock and now.
type ReviewState string

// The states of an account's review, a closed list.
const (
	ReviewNone    ReviewState = "none"    // nothing is in production
	ReviewLater   ReviewState = "later"   // not within ReviewSoonDays
	ReviewSoon    ReviewState = "soon"    // due within ReviewSoonDays
	ReviewOverdue ReviewState = "overdue" // was due
)

// ReviewStates lists them all.
func ReviewStates() []ReviewState {
	return []ReviewState{ReviewNone, ReviewLater, ReviewSoon, ReviewOverdue}
}

// State is the state at now.
func (c *ReviewClock) State(now time.Time) ReviewState {
	due := c.Due()
	switch {
	case !c.Runs():
		return ReviewNone
	case !now.Before(due):
		return ReviewOverdue
	case due.Sub(now) <= ReviewSoonDays*24*time.Hour:
		return ReviewSoon
	}
	return ReviewLater
}

// Sign is the review as it is signed. It must say something of its own: what is signed stays, so no key belongs in it.
func (r Review) Sign(act Act) (Review, error) {
	if ContainsKey(act.Why) {
		return r, FieldErrorf("why", "holds a key; say which by its identifier (key_...), and report it as leaked")
	}
	if err := CheckReason(act.Why); err != nil {
		return r, err
	}
	r.Signed = act
	return r, nil
}

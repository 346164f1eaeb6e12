package gate

import "time"

const (
	// RetentionYears is how long the records of a customer are kept after they were last in effect: 45 CFR 164.316(b)(2)(i), 164.530(j)(2).
	RetentionYears = 6
	// DeletionWindow is how long a proposal to delete waits for the second person; then it has lapsed.
	DeletionWindow = 30 * 24 * time.Hour
)

// DeletionProposal asks that the records of a former customer be deleted; a second person must confirm.
type DeletionProposal struct {
	Act Act `json:"act"`
}

// Waits reports whether the proposal may still be confirmed at now.
func (p *DeletionProposal) Waits(now time.Time) bool {
	return p != nil && now.Before(p.Act.At.Add(DeletionWindow))
}

// Retention is what decides until when the records of an account are kept.
type Retention struct {
	Ended        time.Time // when the account was terminated; zero: it is not
	KeptUntil    time.Time // the first instant at which its records may be deleted
	LastEffect   time.Time // the latest of the end of the account and of its contracts
	Certificates int       // of the account that have not expired: what is revoked must stay on the list until then
}

// Deletable reports whether the records may be deleted at now.
func (r *Retention) Deletable(now time.Time) bool {
	return !r.Ended.IsZero() && r.Certificates == 0 && !now.Before(r.KeptUntil)
}

// Holdings are the records of an account by which its retention is counted.
type Holdings struct {
	Remediations []*Remediation
	Contracts    []*Contract // resolved
	Certificates []*Certificate
}

// Retention counts in the account's zone. Years are those of the calendar: what ended on a day is kept through the same day six years later.
func (h Holdings) Retention(now time.Time, zone *time.Location) Retention {
	var r Retention
	for _, m := range h.Remediations {
		if m.Subject.Kind == AccountSubject && m.Measure == Terminate && m.InForce(now) && (r.Ended.IsZero() || m.From.Before(r.Ended)) {
			r.Ended = m.From
		}
	}
	if r.Ended.IsZero() {
		return r
	}
	r.LastEffect = r.Ended
	for _, c := range h.Contracts {
		if end := c.end(); end.After(r.LastEffect) {
			r.LastEffect = end
		}
	}
	for _, c := range h.Certificates {
		if !now.After(c.NotAfter) {
			r.Certificates++
		}
	}
	// The last day is that of the instant before; 29 February becomes 1 March.
	last := r.LastEffect.Add(-1).In(zone)
	kept := Date(time.Date(last.Year()+RetentionYears, last.Month(), last.Day(), 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	r.KeptUntil = kept.AddDays(1).Start(zone).UTC()
	return r
}

// ProposeDeletion asks for the records to be deleted.
func (a Account) ProposeDeletion(r *Retention, act Act) (Account, error) {
	if err := a.deletable(r, act.At); err != nil {
		return a, err
	}
	if a.Deletion.Waits(act.At) {
		return a, Errorf(Conflict, "the deletion of account %s is proposed already and waits for a second person; it lapses at %s", a.Slug,
			a.Deletion.Act.At.Add(DeletionWindow).Format(time.RFC3339))
	}
	if err := CheckReason(act.Why); err != nil {
		return a, err
	}
	a.Deletion = &DeletionProposal{Act: act}
	return a, nil
}

// ConfirmDeletion reports by a nil error that the records may go now.
func (a *Account) ConfirmDeletion(r *Retention, act Act) error {
	switch {
	case !a.Deletion.Waits(act.At):
		return Errorf(Conflict, "no deletion of account %s waits to be confirmed; propose it first, at most %d days before", a.Slug, int(DeletionWindow.Hours()/24))
	case a.Deletion.Act.By == act.By:
		return Errorf(Forbidden, "you proposed this; a second person must confirm it")
	}
	return a.deletable(r, act.At)
}

func (a *Account) deletable(r *Retention, now time.Time) error {
	switch {
	case r.Ended.IsZero():
		return Errorf(Conflict, "account %s is not terminated; records are deleted %d years after an account has ended", a.Slug, RetentionYears)
	case now.Before(r.KeptUntil):
		return Errorf(Conflict, "the records of account %s were in effect until %s and are kept until %s: %d years, by 45 CFR 164.316(b)(2)", a.Slug,
			r.LastEffect.Format(time.RFC3339), r.KeptUntil.Format(time.RFC3339), RetentionYears)
	case r.Certificates > 0:
		return Errorf(Conflict, "%d certificates of account %s have not expired; what is revoked of them must stay on the revocation list until then", r.Certificates, a.Slug)
	}
	return nil
}

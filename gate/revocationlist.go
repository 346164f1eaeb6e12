package gate

import "time"

// RevocationList is what was read of the revocation list of a customer's own CA, and how reading it goes. What it lists is revoked in the
// certificates themselves; the list itself lies in a file, of which Hash is the SHA-256.
type RevocationList struct {
	CA  Fingerprint `json:"ca"`
	URL string      `json:"url"` // from where this was read; another than the allowance's does not count
	// Number is the CRL number in hexadecimal; empty: the list has none. It never falls, and neither does ThisUpdate.
	Number     string      `json:"number,omitempty"`
	ThisUpdate time.Time   `json:"this_update,omitzero"` // zero: none was read
	NextUpdate time.Time   `json:"next_update,omitzero"`
	Hash       Fingerprint `json:"hash,omitzero"`
	Entries    int         `json:"entries,omitempty"`
	// FetchedAt is when the URL last gave this list or said that it has not changed, TriedAt when it was last asked.
	FetchedAt time.Time `json:"fetched_at,omitzero"`
	TriedAt   time.Time `json:"tried_at"`
	// ETag and LastModified are what the server called it (RFC 9110 section 8.8).
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	// Failures counts the attempts since the last success, Problem says what went wrong in the last.
	Failures     int        `json:"failures,omitempty"`
	FailingSince *time.Time `json:"failing_since,omitempty"`
	Problem      string     `json:"problem,omitempty"`
	Told         *time.Time `json:"told,omitempty"`   // staff were told that it fails
	Warned       *time.Time `json:"warned,omitempty"` // customers were told that their certificates will be refused
}

// How often lists are asked for.
const (
	ListInterval    = 15 * time.Minute // after a success; a list that has not changed costs one short answer
	listFirstRetry  = time.Minute      // after a failure, twice as long after each further one
	ListPatience    = time.Hour        // of failures, before anybody is told
	ListWarning     = 24 * time.Hour   // before certificates are refused, their customers are told
	MaxListClockLag = 5 * time.Minute  // a list may be made by a clock that is so much ahead of ours
)

// Of reports whether the list is the one that the allowance names, and was read. Nil is not.
func (l *RevocationList) Of(w *Allowance) bool {
	return l != nil && w != nil && l.URL == w.CRL && !l.ThisUpdate.IsZero()
}

// Due reports whether the URL is to be asked at now. A record of another URL counts for nothing.
func (l *RevocationList) Due(w *Allowance, now time.Time) bool {
	if l == nil || l.URL != w.CRL {
		return true
	}
	wait := ListInterval
	if l.Failures > 0 {
		wait = min(listFirstRetry<<min(l.Failures-1, 10), ListInterval)
	}
	return !now.Before(l.TriedAt.Add(wait)) || now.Before(l.TriedAt) // or the clock went back
}

// Fetched notes that the URL gave this list, which is l, or said that it has not changed.
func (l RevocationList) Fetched(now time.Time) RevocationList {
	l.FetchedAt, l.TriedAt = now, now
	l.Failures, l.FailingSince, l.Problem, l.Told, l.Warned = 0, nil, "", nil, nil
	return l
}

// Failed notes that the URL was asked in vain.
func (l RevocationList) Failed(problem string, now time.Time) RevocationList {
	if l.Failures == 0 {
		l.FailingSince = &now
	}
	l.TriedAt, l.Problem = now, Clip(problem, 300)
	l.Failures++
	return l
}

// ToTell reports whether staff are to be told at now that the list cannot be read.
func (l *RevocationList) ToTell(now time.Time) bool {
	return l.FailingSince != nil && l.Told == nil && now.Sub(*l.FailingSince) >= ListPatience
}

// ToWarn reports whether customers are to be told at now that their certificates will be refused, or are.
func (l *RevocationList) ToWarn(w *Allowance, now time.Time) bool {
	return l.FailingSince != nil && l.Warned == nil && now.Sub(*l.FailingSince) >= ListPatience && !now.Before(w.RefusedFrom(l).Add(-ListWarning))
}

// Follows says why a list cannot take the place of the one before, nil if there was none: it has run out or is from the future, is older, or
// goes by a number that another list had.
func (l *RevocationList) Follows(before *RevocationList, now time.Time) error {
	switch {
	case !now.Before(l.NextUpdate):
		return Errorf(Conflict, "the list ran out on %s", l.NextUpdate.Format(time.RFC3339))
	case l.ThisUpdate.After(now.Add(MaxListClockLag)):
		return Errorf(Conflict, "the list is of %s, which is in the future", l.ThisUpdate.Format(time.RFC3339))
	case before == nil || before.Hash == l.Hash:
		return nil
	case l.ThisUpdate.Before(before.ThisUpdate):
		return Errorf(Conflict, "the list is of %s, older than the one before, of %s", l.ThisUpdate.Format(time.RFC3339), before.ThisUpdate.Format(time.RFC3339))
	case before.Number == "":
		return nil
	case l.Number == "":
		return Errorf(Conflict, "the list has no number; the one before had %s", before.Number)
	case len(l.Number) < len(before.Number) || len(l.Number) == len(before.Number) && l.Number < before.Number:
		return Errorf(Conflict, "the list has number %s, lower than the one before, %s", l.Number, before.Number)
	case l.Number == before.Number:
		return Errorf(Conflict, "the list has number %s like the one before, but is another", l.Number)
	}
	return nil
}

package gate

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Allowance says what a customer's own CA is good for beyond what was pinned with an import: whose devices may bring certificates of it to
// an enrollment, and which revocation list of it is read. It takes two admins.
type Allowance struct {
	Accounts []AccountID `json:"accounts,omitempty"` // nobody: the list is read for what was imported
	// CRL is the http or https URL of the CA's full revocation list, the only place from which one is read. Empty: none is, and what the CA
	// revokes is not known here.
	CRL string `json:"crl,omitempty"`
	// GraceHours is for how long certificates go on after the list has run out; then they are refused until a current one has been read.
	GraceHours int `json:"grace_hours,omitempty"`
	// DistributionPoint demands that each certificate that is brought names CRL as its distribution point (RFC 5280 section 4.2.1.13).
	DistributionPoint bool `json:"distribution_point,omitempty"`
	Act               Act  `json:"act,omitzero"`
	Confirmed         Act  `json:"confirmed,omitzero"`
}

// Limits of an allowance.
const (
	MaxAllowedAccounts = 100
	DefaultGraceHours  = 24      // a list that is published daily may be missed once
	MaxGraceHours      = 7 * 24  // longer, and a revocation that is kept from us would hardly count
	maxListURL         = 1 << 10 // bytes
)

// Check reports what is wrong with an allowance as it was given.
func (w *Allowance) Check() error {
	if len(w.Accounts) > MaxAllowedAccounts {
		return FieldErrorf("accounts", "has %d; at most %d are allowed", len(w.Accounts), MaxAllowedAccounts)
	}
	if w.GraceHours < 0 || w.GraceHours > MaxGraceHours {
		return FieldErrorf("grace_hours", "%d: must be 0 to %d", w.GraceHours, MaxGraceHours)
	}
	if w.CRL == "" {
		switch {
		case w.DistributionPoint:
			return FieldErrorf("distribution_point", "names the revocation list, of which crl must be the URL")
		case w.GraceHours != 0:
			return FieldErrorf("grace_hours", "is for a revocation list, of which crl must be the URL")
		case len(w.Accounts) == 0:
			return FieldErrorf("accounts", "nobody and no revocation list: give the accounts that may bring certificates, or crl, or both")
		}
		return nil
	}
	return checkListURL(w.CRL)
}

func checkListURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxListURL:
		return FieldErrorf("crl", "has %d bytes; at most %d are allowed", len(text), maxListURL)
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return FieldErrorf("crl", "%q: must be an http or https URL, such as http://pki.acme.example/issuing.crl", Clip(text, 120))
	case u.User != nil || u.Fragment != "" || strings.ContainsAny(text, " \t\r\n"):
		return FieldErrorf("crl", "must hold no user, password, fragment or blank")
	}
	return nil
}

// Allows reports whether devices of the account may bring certificates of the CA at now.
func (a *CA) Allows(account AccountID, now time.Time) bool {
	return a.Imported != nil && a.Allowance != nil && a.Anchors(now) && slices.Contains(a.Allowance.Accounts, account)
}

// Reads reports whether a revocation list of the CA is read at now.
func (a *CA) Reads(now time.Time) bool {
	return a.Imported != nil && a.Allowance != nil && a.Allowance.CRL != "" && a.Anchors(now)
}

// Checked reports whether certificates under the CA may be used at now, as far as its revocation list goes: there is none to be read, or
// what was read of it has not run out.
func (a *CA) Checked(list *RevocationList, now time.Time) bool {
	return a.Allowance == nil || a.Allowance.CRL == "" || now.Before(a.Allowance.RefusedFrom(list))
}

// RefusedFrom is when certificates under the CA begin to be refused unless a newer list is read before: the grace after the list has run
// out. Where none was read yet it counts from the allowance, so that what was imported goes on meanwhile.
func (w *Allowance) RefusedFrom(list *RevocationList) time.Time {
	from := w.Confirmed.At
	if list.Of(w) && list.NextUpdate.After(from) {
		from = list.NextUpdate
	}
	return from.Add(time.Duration(w.GraceHours) * time.Hour)
}

// introduced reports whether the CA came in to be allowed, and not with an import.
func (a *CA) introduced() bool { return a.Imported != nil && a.Imported.Import.ID == "" }

// allow makes the proposed allowance that of the CA.
func (a CA) allow(p CAProposal, act Act) (CA, error) {
	if p.Allowance == nil {
		return a, Errorf(Conflict, "the proposal says nothing of what is to be allowed; propose it again") // cannot happen
	}
	allowed := *p.Allowance
	allowed.Act, allowed.Confirmed = p.Act, Act{By: act.By, At: act.At}
	if a.Imported.Waits() {
		imported := *a.Imported
		imported.Confirmed = &allowed.Confirmed
		a.Imported = &imported
	}
	a.Allowance, a.Proposal = &allowed, nil
	return a, nil
}

// Disallow lets nobody bring certificates of the CA any more. What was brought goes on, and so does the reading of the list.
func (a CA) Disallow(act Act) (CA, error) {
	if err := CheckReason(act.Why); err != nil {
		return a, err
	}
	if a.Allowance == nil || len(a.Allowance.Accounts) == 0 {
		return a, Errorf(Conflict, "nobody may bring certificates of this CA")
	}
	narrowed := *a.Allowance
	narrowed.Accounts = nil
	a.Allowance = &narrowed
	if a.Proposal.Waits() && a.Proposal.Change == CAAllow {
		withdrawn := *a.Proposal
		withdrawn.Withdrawn = &act
		a.Proposal = &withdrawn
	}
	return a, nil
}

package abuse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Figure is one number of the evidence and the threshold that it passed. There is nothing else in evidence: no patient, path or address.
type Figure struct {
	Name  string  `json:"name"`
	Seen  float64 `json:"seen"`
	Limit float64 `json:"limit"`
}

// Finding says that a rule's conditions were met.
type Finding struct {
	Rule    Rule           `json:"rule"`
	Account gate.AccountID `json:"account"`
	// Device is the one that makes up four fifths of the evidence, or empty where none does: the narrowest thing that could be acted on.
	Device gate.DeviceID `json:"device,omitempty"`
	// Credential is the key or certificate that a deterministic rule names, empty otherwise.
	Credential string `json:"credential,omitempty"`
	// Stranger is set where no caller was proven: somebody tries half of a credential. Such a finding is never against the account whose half
	// it is: its owner and staff are told, and Source, the network that it came from, is limited.
	Stranger bool      `json:"stranger,omitempty"`
	Source   string    `json:"source,omitempty"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	// Evidence are the numbers, each beside its threshold.
	Evidence []Figure `json:"evidence"`
	// Step is what it asks for. What is done is up to the ladder, and to people.
	Step Step `json:"step"`
	// Weight is what it adds to the score of the account; none where the finding is about a source.
	Weight float64 `json:"weight"`
	Mode   Mode    `json:"mode"`
	// Held is set where the rule met so many accounts in one hour that it is more likely to be wrong than they are. Then it counts as observed,
	// and staff are called.
	Held bool `json:"held,omitempty"`
	// Again is set where the rule met the account within a day before: what was found then goes on.
	Again bool `json:"again,omitempty"`
	// Fast is set where quarters of an hour showed it.
	Fast bool `json:"fast,omitempty"`
}

// Acts reports whether anything may follow from the finding by itself.
func (f *Finding) Acts() bool { return f.Mode == Enforce && !f.Held && !f.Stranger }

// sortFindings brings them into an order that depends on nothing but what they say.
func sortFindings(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(a.To.Compare(b.To), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Device, b.Device),
			cmp.Compare(a.Credential, b.Credential), cmp.Compare(a.Source, b.Source))
	})
}

// RowsError is the error for rows that were left out while the others were used.
type RowsError struct {
	Impossible int // negative, or parts larger than their whole, or of no account
	Twice      int // a second row of a device; the one with more calls was used
	// First is the first device that it happened to.
	First gate.DeviceID
}

func (b *RowsError) add(n *int, r *Row) {
	if b.Impossible+b.Twice == 0 {
		b.First = r.Device
	}
	*n++
}

// Error implements error.
func (b *RowsError) Error() string {
	return fmt.Sprintf("%d rows with impossible counts and %d second rows of a device were left out, the first of %s; the others were used: look at how they were summed",
		b.Impossible, b.Twice, b.First)
}

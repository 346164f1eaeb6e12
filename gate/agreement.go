package gate

import (
	"fmt"
	"slices"
	"strings"
)

// Agreement is a document that both sides signed.
type Agreement struct {
	Kind      AgreementKind `json:"kind"`
	Reference string        `json:"reference"` // where the signed document is held
	SignedOn  Date          `json:"signed_on"`
}

// AgreementKind names what was agreed.
type AgreementKind string

// The kinds of agreement, a closed list.
const (
	BusinessAssociate AgreementKind = "baa"           // 45 CFR 164.504(e)
	Participation     AgreementKind = "participation" // the networks' participation terms
	DataUse           AgreementKind = "dua"           // for limited data sets, 45 CFR 164.514(e)(4)
	QualifiedService  AgreementKind = "qsoa"          // for records of substance use treatment, 42 CFR 2.11
	TermsOfService    AgreementKind = "terms"         // OneRecord's own
)

// AgreementKinds lists them all.
func AgreementKinds() []AgreementKind {
	return []AgreementKind{BusinessAssociate, Participation, DataUse, QualifiedService, TermsOfService}
}

// Check refuses a kind that is not in the list.
func (k AgreementKind) Check() error {
	if slices.Contains(AgreementKinds(), k) {
		return nil
	}
	return Errorf(Invalid, "%q: must be one of %s", Clip(string(k), 40), joinKinds(AgreementKinds()))
}

func joinKinds(kinds []AgreementKind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// Requirements are the kinds of agreement without which nothing is certified. The zero value demands the usual ones: a list that somebody
// forgot to hand on must not demand less.
type Requirements struct{ kinds []AgreementKind }

// Require demands these kinds and no others: at least one, each once.
func Require(kinds ...AgreementKind) (Requirements, error) {
	if len(kinds) == 0 {
		return Requirements{}, Errorf(Invalid, "at least one kind of agreement must be required: %s", joinKinds(AgreementKinds()))
	}
	for i, k := range kinds {
		if err := k.Check(); err != nil {
			return Requirements{}, err
		}
		if slices.Contains(kinds[:i], k) {
			return Requirements{}, Errorf(Invalid, "%q is named twice", k)
		}
	}
	return Requirements{slices.Clone(kinds)}, nil
}

// Kinds lists what is demanded.
func (r Requirements) Kinds() []AgreementKind {
	if len(r.kinds) == 0 {
		return []AgreementKind{BusinessAssociate, Participation}
	}
	return slices.Clone(r.kinds)
}

// Lacks lists the kinds that are demanded and not signed for the contract; all of them without a contract.
func (c *Contract) Lacks(r Requirements) (lacking []AgreementKind) {
	for _, kind := range r.Kinds() {
		if c == nil || !c.Signed(kind) {
			lacking = append(lacking, kind)
		}
	}
	return lacking
}

// Signed reports whether an agreement of the kind is on record.
func (c *Contract) Signed(kind AgreementKind) bool {
	return slices.ContainsFunc(c.Agreements, func(a Agreement) bool { return a.Kind == kind })
}

func checkAgreements(list []Agreement) error {
	for i := range list {
		if err := list[i].check(); err != nil {
			return InField(fmt.Sprintf("agreements[%d]", i), err)
		}
	}
	return nil
}

func (a *Agreement) check() error {
	if err := a.Kind.Check(); err != nil {
		return InField("kind", err)
	}
	if err := checkText("reference", a.Reference, 300); err != nil {
		return err
	}
	return InField("signed_on", a.SignedOn.Check())
}

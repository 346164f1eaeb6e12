package gate

import (
	"slices"
	"strings"
)

// Purpose is a purpose of use: why a customer asks for a patient's data. The codes are HL7's (PurposeOfUse, v3-ActReason).
type Purpose string

// The purposes that a contract can grant, a closed list.
const (
	Treatment      Purpose = "TREAT"
	Payment        Purpose = "HPAYMT"
	Operations     Purpose = "HOPERAT"
	PatientRequest Purpose = "PATRQT"
)

var purposes = [...]struct {
	code Purpose
	word string
}{
	{Treatment, "treatment"}, {Payment, "payment"}, {Operations, "operations"}, {PatientRequest, "patient"},
}

// Purposes lists them all, for tests and documentation.
func Purposes() []Purpose {
	all := make([]Purpose, len(purposes))
	for i, p := range purposes {
		all[i] = p.code
	}
	return all
}

// ParsePurpose accepts the HL7 code or the plain word, in any case.
func ParsePurpose(s string) (Purpose, bool) {
	for i := range purposes {
		if strings.EqualFold(s, string(purposes[i].code)) || strings.EqualFold(s, purposes[i].word) {
			return purposes[i].code, true
		}
	}
	return "", false
}

// CheckPurposes reports the first unknown or repeated purpose and brings words into codes, in place.
func CheckPurposes(list []Purpose) error {
	for i, given := range list {
		p, ok := ParsePurpose(string(given))
		if !ok {
			return Errorf(Invalid, "purpose %q: must be TREAT, HPAYMT, HOPERAT or PATRQT", Clip(string(given), 40))
		}
		if slices.Contains(list[:i], p) {
			return Errorf(Invalid, "purpose %s is listed twice", p)
		}
		list[i] = p
	}
	return nil
}

package gate

// Reason is the answer to a request: allowed, or why not. The names are codes of the public API and never change. The zero value
// refuses.
type Reason int

// The reasons, a closed list, in the order of the checks that give them.
const (
	Unavailable Reason = iota // we could not answer: starting, stopping, or broken

	Allowed

	CertificateRequired
	CertificateUntrusted
	CertificateExpired
	CertificateNotYetValid
	CertificateUnsuitable
	CertificateUnknown
	CertificateRevoked
	CertificateUnchecked // no current revocation list of its CA is held, which has to be one

	InvalidRequest
	KeyRequired
	InvalidToken

	AccountSuspended
	AccountTerminated

	ContractMissing
	ContractNotYetStarted
	ContractHasEnded

	CertificationMissing
	CertificationEnded
	CertificationNoLonger
	RecertificationOverdue

	BehaviorUnknown
	BehaviorNotGranted
	PurposeRequired
	PurposeNotGranted
	AddressNotAllowed
	UpgradeNotAllowed

	RateExceeded
	QuotaExceeded
	ConcurrencyExceeded
	PatientsExceeded
	AbnormalUsage
	SourceExceeded

	ClockUnusable
	StateUnconfirmed

	reasonCount
)

var reasonNames = [reasonCount]string{
	Unavailable:            "unavailable",
	Allowed:                "allowed",
	CertificateRequired:    "certificate-required",
	CertificateUntrusted:   "certificate-untrusted",
	CertificateExpired:     "certificate-expired",
	CertificateNotYetValid: "certificate-not-yet-valid",
	CertificateUnsuitable:  "certificate-unsuitable",
	CertificateUnknown:     "certificate-unknown",
	CertificateRevoked:     "certificate-revoked",
	CertificateUnchecked:   "certificate-unchecked",
	InvalidRequest:         "invalid-request",
	KeyRequired:            "key-required",
	InvalidToken:           "invalid-token",
	AccountSuspended:       "account-suspended",
	AccountTerminated:      "account-terminated",
	ContractMissing:        "contract-missing",
	ContractNotYetStarted:  "contract-not-started",
	ContractHasEnded:       "contract-ended",
	CertificationMissing:   "certification-missing",
	CertificationEnded:     "certification-ended",
	CertificationNoLonger:  "certification-revoked",
	RecertificationOverdue: "recertification-overdue",
	BehaviorUnknown:        "behavior-unknown",
	BehaviorNotGranted:     "behavior-not-granted",
	PurposeRequired:        "purpose-required",
	PurposeNotGranted:      "purpose-not-granted",
	AddressNotAllowed:      "address-not-allowed",
	UpgradeNotAllowed:      "upgrade-not-allowed",
	RateExceeded:           "rate-exceeded",
	QuotaExceeded:          "quota-exceeded",
	ConcurrencyExceeded:    "concurrency-exceeded",
	PatientsExceeded:       "patients-exceeded",
	AbnormalUsage:          "abnormal-usage-detected",
	SourceExceeded:         "source-exceeded",
	ClockUnusable:          "clock-unusable",
	StateUnconfirmed:       "state-unconfirmed",
}

// String returns the reason's code.
func (r Reason) String() string { return reasonNames[r] }

// Reasons lists them all.
func Reasons() []Reason {
	all := make([]Reason, reasonCount)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// ParseReason finds a reason by its code.
func ParseReason(code string) (Reason, bool) {
	for i, name := range reasonNames {
		if name == code {
			return Reason(i), true
		}
	}
	return Unavailable, false
}

// OverLimit reports whether the call was one too many, and may be made again later: of a caller about whom everything is in order or, for
// SourceExceeded, of refused ones from one place.
func (r Reason) OverLimit() bool { return r >= RateExceeded && r <= SourceExceeded }

// CountsAgainstSource reports whether a refusal for the reason counts against where the request came from: something was wrong with it.
func (r Reason) CountsAgainstSource() bool { return r >= CertificateRequired && r <= UpgradeNotAllowed }

// AboutCertificate reports whether the reason is about the client certificate, so that the connection is of no use any more.
func (r Reason) AboutCertificate() bool { return r >= CertificateRequired && r <= CertificateUnchecked }

package gate

import "time"

// Caller is everything the directory knows about whoever presents a certificate and a key: one consistent cut through immutable
// records. The zero value is a stranger.
type Caller struct {
	Issuer      *CA          // of Leaf.Anchor; nil if it is not one of ours
	Certificate *Certificate // by fingerprint
	Key         *Key         // by handle
	// KeyProven says that the presented key's MAC equals the record's; without it Key is only a guess.
	KeyProven bool

	// The owner of the key; without one, of the certificate.
	Device       *Device
	Organization *Organization
	Account      *Account

	Contracts      []*Contract      // of the account
	Certifications []*Certification // of the account, that cover the device

	// Remediations of everything from the account down to the certificate, lifted ones left out.
	Remediations [5][]*Remediation

	Host *Host // nil: never served
}

// Places in Caller.Remediations.
const (
	OfAccount = iota
	OfOrganization
	OfDevice
	OfKey
	OfCertificate
)

var remediationSubjects = [...]SubjectKind{AccountSubject, OrganizationSubject, DeviceSubject, KeySubject, CertificateSubject}

// Contract is the one that counts at now: in force, else the next to start, else the last to have ended.
func (c *Caller) Contract(now time.Time) *Contract {
	var best *Contract
	rank := -1
	for _, k := range c.Contracts {
		r := 0
		switch k.State(now) {
		case ContractInForce:
			return k
		case ContractNotStarted:
			r = 1
		case ContractEnded:
		}
		if r > rank || r == rank && (r == 1) == k.begins.Before(best.begins) {
			best, rank = k, r
		}
	}
	return best
}

// Certification is the one that counts at now for the contract: in force, else the one decided last.
func (c *Caller) Certification(contract *Contract, now time.Time) (*Certification, CertificationState) {
	var best *Certification
	state := Requested
	for _, k := range c.Certifications {
		if k.Approved == nil || k.EnrolledAt == nil {
			continue
		}
		s := k.State(contract, now)
		if s == InForce {
			return k, s
		}
		if best == nil || k.Approved.At.After(best.Approved.At) {
			best, state = k, s
		}
	}
	return best, state
}

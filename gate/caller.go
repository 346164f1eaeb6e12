package gate

import "time"

// Caller is everything the directory knows about whoever presents a certificate and a key: one consistent cut through immutable
// records. The zero value is a stranger.
type Caller struct {
	Issuer      *CA             // of Leaf.Anchor; nil if it is not one of ours
	List        *RevocationList // what was read of Issuer's, where it is a customer's; nil: nothing
	Certificate *Certificate    // by fingerprint
	Key         *Key            // by handle
	// KeyProven says that the presented key's MAC equals the record's; without it Key is only a guess.
	KeyProven bool

	// The owner of the key; without one, of the certificate.
	Device       *Device
	Organization *Organization
	Account      *Account

	Contracts      []*Contract      // of the account
	Certifications []*Certification // of the account; those that do not cover the device may be left out

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
	best, _ := c.contract(now)
	return best
}

func (c *Caller) contract(now time.Time) (*Contract, ContractState) {
	return contractAt(c.Contracts, now)
}

// contractAt is the one of several terms that counts at now.
func contractAt(terms []*Contract, now time.Time) (best *Contract, state ContractState) {
	for _, k := range terms {
		s := k.State(now)
		if s == ContractInForce {
			return k, s
		}
		switch {
		case best == nil, s == ContractNotStarted && state == ContractEnded:
		case s != state:
			continue
		case s == ContractNotStarted && !k.begins.Before(best.begins), s == ContractEnded && !k.end().After(best.end()):
			continue
		}
		best, state = k, s
	}
	return best, state
}

// Certification is the one that counts at now for the device under the contract: of the cases for this contract the one approved last,
// so that an older and perhaps wider one does not stand in for one that was revoked; without any, the last for another contract.
func (c *Caller) Certification(contract *Contract, now time.Time) (*Certification, CertificationState) {
	var best *Certification
	for _, k := range c.Certifications {
		if k.Approved == nil || k.EnrolledAt == nil || c.Device == nil || !k.Covers(c.Device.ID) {
			continue
		}
		if best == nil || newer(k, best, contract) {
			best = k
		}
	}
	if best == nil {
		return nil, Requested
	}
	return best, best.State(contract, now)
}

func newer(a, b *Certification, contract *Contract) bool {
	if contract != nil && a.Under(contract.ID) != b.Under(contract.ID) {
		return a.Under(contract.ID)
	}
	return a.Approved.At.After(b.Approved.At)
}

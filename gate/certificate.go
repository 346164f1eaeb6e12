package gate

import "time"

// Certificate is a client certificate that we issued to a device, or that an import pinned to it. It is found by the SHA-256 of its DER encoding, never by a name
// in it.
type Certificate struct {
	ID          CertificateID `json:"id"`
	Account     AccountID     `json:"account"`
	Device      DeviceID      `json:"device"`
	Environment Environment   `json:"environment"`
	Fingerprint Fingerprint   `json:"fingerprint"` // SHA-256 of DER
	Issuer      Fingerprint   `json:"issuer"`      // of the issuing CA's certificate
	Serial      string        `json:"serial"`      // hexadecimal
	PublicKey   Fingerprint   `json:"public_key"`  // SHA-256 of the SubjectPublicKeyInfo
	DER         []byte        `json:"der"`
	NotBefore   time.Time     `json:"not_before"`
	NotAfter    time.Time     `json:"not_after"` // inclusive, RFC 5280 section 4.1.2.5
	IssuedAt    time.Time     `json:"issued_at"`
	FirstUsedAt *time.Time    `json:"first_used_at,omitempty"`
	Revoked     *Revocation   `json:"revoked,omitempty"`
	Imported    *TakenOver    `json:"imported,omitempty"` // not ours: pinned to the device, with a CA that is good for nothing else
	// Brought says that it is the customer's own, presented at an enrollment link in place of a signing request for one of ours.
	Brought bool `json:"brought,omitempty"`
	// Renews is the certificate with which the customer asked for this one; empty for one that was taken with a link.
	Renews CertificateID `json:"renews,omitempty"`
}

// Foreign reports whether a CA that is not ours issued it: it stands under that CA alone.
func (c *Certificate) Foreign() bool { return c.Imported != nil || c.Brought }

// State is the certificate's state at now.
func (c *Certificate) State(now time.Time) CredentialState {
	switch {
	case c.Revoked != nil: // whatever the clock says, as with keys
		return Revoked
	case c.Imported.Waits():
		return Waiting
	case now.Before(c.NotBefore):
		return NotYetValid
	case now.After(c.NotAfter):
		return Expired
	}
	return Active
}

// Revoke ends the certificate now.
func (c Certificate) Revoke(r Revocation) (Certificate, error) {
	if c.Revoked != nil {
		return c, Errorf(Conflict, "certificate %s is revoked already", c.ID)
	}
	c.Revoked = &r
	return c, nil
}

// Audience says whom a CA certifies. Customers and staff have unrelated roots, so that neither can ever pass for the other.
type Audience string

// The audiences, a closed list.
const (
	Customers Audience = "customers"
	Operators Audience = "staff"
)

// CA is an issuing certificate authority of ours: a trust anchor for what it issued. Roots are not anchors. An imported one is a
// customer's: an anchor for the certificates that were pinned with it, at an import or an enrollment, and for nothing else it issued; it
// never issues for us.
type CA struct {
	Fingerprint Fingerprint `json:"fingerprint"` // SHA-256 of DER; its identifier
	Audience    Audience    `json:"audience"`
	DER         []byte      `json:"der"`
	RootDER     []byte      `json:"root_der"`   // none of an imported one
	SealedKey   []byte      `json:"sealed_key"` // PKCS #8, sealed; only the store can open it; none of an imported one
	NotBefore   time.Time   `json:"not_before"`
	NotAfter    time.Time   `json:"not_after"`
	IssuesFrom  *time.Time  `json:"issues_from,omitempty"` // nil: standby, trusted but not yet issuing
	Retired     *Ending     `json:"retired,omitempty"`     // no longer an anchor
	Imported    *TakenOver  `json:"imported,omitempty"`    // a customer's, added with certificates that it issued
	Proposal    *CAProposal `json:"proposal,omitempty"`    // waits for a second admin
	Compromised bool        `json:"compromised,omitempty"` // retired because its key may be in other hands
	Request     *CARequest  `json:"request,omitempty"`     // for the standby that comes next; held by the CA that issues
	Allowance   *Allowance  `json:"allowance,omitempty"`   // of an imported one: whose devices bring certificates of it, and what is read of it
}

// Anchors reports whether certificates under this CA are trusted at now.
func (a *CA) Anchors(now time.Time) bool {
	return a.Retired == nil && !a.Imported.Waits() && !now.Before(a.NotBefore) && !now.After(a.NotAfter)
}

// Issues reports whether this CA is in use for new certificates at now; of several the one with the latest IssuesFrom is.
func (a *CA) Issues(now time.Time) bool {
	return a.Imported == nil && a.Anchors(now) && a.IssuesFrom != nil && !now.Before(*a.IssuesFrom)
}

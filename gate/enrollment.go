package gate

import (
	"slices"
	"time"
)

// Limits of an enrollment link.
const (
	EnrollmentLifetime    = 72 * time.Hour // DESIGN: long enough for a weekend, short enough to go stale in a mailbox
	EnrollmentRedemptions = 5              // a dropped connection may cost the customer the key; more than this is somebody else
)

// Enrollment is a one-time link by which a customer takes a credential: it posts a certificate signing request and receives its
// certificate chain and its key, once. Until the key has been acknowledged or used, the same link with the same public key
// may be redeemed again with a new key, because an answer can be lost on the way.
type Enrollment struct {
	ID            EnrollmentID    `json:"id"`
	Account       AccountID       `json:"account"`
	Device        DeviceID        `json:"device"`
	Certification CertificationID `json:"certification,omitempty"` // empty outside production
	TokenHash     Fingerprint     `json:"token_hash"`              // SHA-256 of the token; 128 random bits need no slower hash
	Notice        NoticeID        `json:"notice"`                  // carries the link, sealed
	ReleasedBy    StaffID         `json:"released_by"`
	ReleasedAt    time.Time       `json:"released_at"`
	ExpiresAt     time.Time       `json:"expires_at"`
	Redemptions   int             `json:"redemptions"`
	PublicKey     Fingerprint     `json:"public_key,omitzero"` // of the first redemption; another one is refused
	Key           KeyID           `json:"key,omitempty"`       // the latest key handed out
	Certificate   CertificateID   `json:"certificate,omitempty"`
	Handed        []Handing       `json:"handed,omitempty"` // each redemption; of links from before there are none
	Acknowledged  *time.Time      `json:"acknowledged,omitempty"`
	Canceled      *Act            `json:"canceled,omitempty"`
}

// Handing is that a link gave a key and a certificate.
type Handing struct {
	At          time.Time     `json:"at"`
	Key         KeyID         `json:"key"`
	Certificate CertificateID `json:"certificate"`
}

// Hand notes what a redemption gave.
func (e Enrollment) Hand(h Handing) Enrollment {
	e.Key, e.Certificate, e.Handed = h.Key, h.Certificate, append(slices.Clone(e.Handed), h)
	return e
}

// EnrollmentState is derived from an enrollment, whether its key has been used, and now.
type EnrollmentState int

// The states of an enrollment.
const (
	EnrollmentOpen     EnrollmentState = iota // never redeemed
	EnrollmentRedeemed                        // redeemed, may be repeated with the same public key
	EnrollmentDone                            // acknowledged, or its key was used
	EnrollmentSpent                           // redeemed as often as it may be
	EnrollmentExpired
	EnrollmentCanceled
)

// String returns the state's name.
func (s EnrollmentState) String() string {
	return [...]string{"open", "redeemed", "done", "spent", "expired", "canceled"}[s]
}

// State is the enrollment's state at now; keyUsed says whether the latest key has been used.
func (e *Enrollment) State(keyUsed bool, now time.Time) EnrollmentState {
	switch {
	case e.Canceled != nil:
		return EnrollmentCanceled
	case e.Acknowledged != nil || keyUsed:
		return EnrollmentDone
	case !now.Before(e.ExpiresAt):
		return EnrollmentExpired
	case e.Redemptions >= EnrollmentRedemptions:
		return EnrollmentSpent
	case e.Redemptions > 0:
		return EnrollmentRedeemed
	}
	return EnrollmentOpen
}

// Redeem notes one redemption with the public key. The error tells the customer what to do; it does not say more about the link
// than its holder knows.
func (e Enrollment) Redeem(publicKey Fingerprint, keyUsed bool, now time.Time) (Enrollment, error) {
	switch e.State(keyUsed, now) {
	case EnrollmentDone:
		return e, Errorf(Conflict, "this link has been used: the credential was taken and acknowledged or used; ask for a new link if it was not you")
	case EnrollmentExpired:
		return e, Errorf(Conflict, "this link ended on %s; ask for a new one", e.ExpiresAt.UTC().Format("2 January 2006 at 15:04 UTC"))
	case EnrollmentSpent:
		return e, Errorf(Conflict, "this link has been redeemed %d times, which is as often as it may be; ask for a new one", e.Redemptions)
	case EnrollmentCanceled:
		return e, Errorf(Conflict, "this link was replaced or canceled; use the latest one or ask for a new one")
	case EnrollmentRedeemed:
		if publicKey != e.PublicKey {
			return e, Errorf(Conflict, "this link was first redeemed with another public key; repeat it with the same certificate signing request or ask for a new link")
		}
	case EnrollmentOpen:
	}
	e.PublicKey = publicKey
	e.Redemptions++
	return e, nil
}

// Acknowledge notes that the customer has stored what it was given; the link is then dead. Saying so twice is no error.
func (e Enrollment) Acknowledge(now time.Time) (Enrollment, error) {
	if e.Redemptions == 0 {
		return e, Errorf(Conflict, "there is nothing to acknowledge yet: the link has not been redeemed")
	}
	if e.Acknowledged == nil {
		e.Acknowledged = &now
	}
	return e, nil
}

// Cancel ends the link before it is redeemed for good, at once.
func (e Enrollment) Cancel(keyUsed bool, act Act) (Enrollment, error) {
	if s := e.State(keyUsed, act.At); s != EnrollmentOpen && s != EnrollmentRedeemed {
		return e, Errorf(Conflict, "enrollment %s is %s; there is nothing to cancel", e.ID, s)
	}
	if err := CheckReason(act.Why); err != nil {
		return e, err
	}
	e.Canceled = &act
	return e, nil
}

package gate

import (
	"slices"
	"time"
)

// StaffLink is a one-time link by which a person takes a certificate of the staff CA: it posts a signing request and receives the
// certificate. It is mailed to the person's own address when a second admin has confirmed it, and no member of staff sees it. With the same
// public key it may be redeemed again, because an answer can be lost on the way: it gives the same certificate.
type StaffLink struct {
	TokenHash   Fingerprint `json:"token_hash"` // SHA-256 of the token; 128 random bits need no slower hash
	Notice      NoticeID    `json:"notice"`     // carries the link, sealed
	By          StaffID     `json:"by"`         // who confirmed it
	SentAt      time.Time   `json:"sent_at"`
	ExpiresAt   time.Time   `json:"expires_at"` // EnrollmentLifetime later
	Redemptions int         `json:"redemptions,omitempty"`
	PublicKey   Fingerprint `json:"public_key,omitzero"`  // of the first redemption; another one is refused
	Certificate Fingerprint `json:"certificate,omitzero"` // what was handed out
}

// LinkState is the state of the person's link at now: open, redeemed, spent or expired; canceled if there is none that counts.
func (s *Staff) LinkState(now time.Time) EnrollmentState {
	l := s.Link
	switch {
	case l == nil || !s.Active(now):
		return EnrollmentCanceled
	case !now.Before(l.ExpiresAt):
		return EnrollmentExpired
	case l.Redemptions >= EnrollmentRedemptions:
		return EnrollmentSpent
	case l.Redemptions > 0:
		return EnrollmentRedeemed
	}
	return EnrollmentOpen
}

// Invite gives the person a link in place of any earlier one.
func (s Staff) Invite(l StaffLink) Staff {
	s.Link = &l
	return s
}

// Redeem notes one redemption with the public key and returns the certificate that it gives: at first the new one, which is then the
// person's, later the same again. The error says to the holder of the link what to do.
func (s Staff) Redeem(publicKey Fingerprint, made StaffCertificate, now time.Time) (Staff, StaffCertificate, error) {
	switch s.LinkState(now) {
	case EnrollmentExpired:
		return s, made, Errorf(Conflict, "this link ended on %s; ask an admin for a new one", s.Link.ExpiresAt.UTC().Format("2 January 2006 at 15:04 UTC"))
	case EnrollmentSpent:
		return s, made, Errorf(Conflict, "this link has been redeemed %d times, which is as often as it may be; ask an admin for a new one", s.Link.Redemptions)
	case EnrollmentCanceled, EnrollmentDone:
		return s, made, Errorf(Conflict, "this link was canceled; ask an admin for a new one")
	case EnrollmentRedeemed:
		given := slices.IndexFunc(s.Certificates, func(c StaffCertificate) bool { return c.Fingerprint == s.Link.Certificate })
		if publicKey != s.Link.PublicKey || given < 0 || s.Certificates[given].Revoked != nil {
			return s, made, Errorf(Conflict, "this link has been used for another key; if it was not you who used it, tell an admin at once")
		}
		made = s.Certificates[given]
	case EnrollmentOpen:
		s.Certificates = append(slices.Clone(s.Certificates), made)
	}
	l := *s.Link
	l.Redemptions++
	l.PublicKey, l.Certificate = publicKey, made.Fingerprint
	s.Link = &l
	return s, made, nil
}

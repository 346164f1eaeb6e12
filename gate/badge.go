package gate

import (
	"slices"
	"time"
)

// StaffLiveLimit is how many certificates that may be used a person may have for renewing: the one in use and its successor.
const StaffLiveLimit = 2

// Live reports whether the certificate may be used at now.
func (c *StaffCertificate) Live(now time.Time) bool {
	return c.Revoked == nil && !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// Live reports whether the person may act at now and has a certificate to do so.
func (s *Staff) Live(now time.Time) bool {
	return s.Active(now) && slices.ContainsFunc(s.Certificates, func(c StaffCertificate) bool { return c.Live(now) })
}

// Renew adds a certificate that the person asked for with another one, which stays good until its own end. It needs no second admin
// because nothing is gained by it: the person is the same, so are the roles, and disabling ends all of them. What could be gained is time,
// by a thief: so whoever revokes a certificate revokes those that were asked for with it; see RevokeCertificate.
func (s Staff) Renew(with Fingerprint, next StaffCertificate, now time.Time) (Staff, error) {
	used := slices.IndexFunc(s.Certificates, func(c StaffCertificate) bool { return c.Fingerprint == with })
	switch {
	case !s.Active(now):
		return s, Errorf(Unauthorized, "%s may not act any more", s.Name)
	case s.Until != nil:
		return s, Errorf(Forbidden, "%s is here until %s, and no longer", s.Name, s.Until.UTC().Format(time.RFC3339))
	case used < 0 || !s.Certificates[used].Live(now):
		return s, Errorf(Unauthorized, "the certificate to renew has expired or was revoked; two admins make a new one: certgate staff propose %s --link", s.Name)
	}
	live, ends := 0, s.Certificates[used].NotAfter
	for _, c := range s.Certificates {
		if c.Live(now) {
			live++
			ends = earlier(ends, c.NotAfter)
		}
	}
	if live >= StaffLiveLimit {
		return s, Errorf(Conflict, "%s has %d certificates that may be used, which is as many as one may have; the first ends on %s, or an admin revokes it", s.Name, live, ends.UTC().Format("2 January 2006"))
	}
	next.RenewedFrom = with
	s.Certificates = append(slices.Clone(s.Certificates), next)
	return s, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// RevokeCertificate ends one certificate of a person at once, as when a laptop was lost, and with it those that were asked for with it:
// whoever has the key could have asked. The person keeps the others.
func (s Staff) RevokeCertificate(fp Fingerprint, r Revocation) (Staff, error) {
	if err := CheckReason(r.Why); err != nil {
		return s, err
	}
	i := slices.IndexFunc(s.Certificates, func(c StaffCertificate) bool { return c.Fingerprint == fp })
	switch {
	case i < 0:
		return s, Errorf(NotFound, "%s has no certificate %s", s.Name, fp)
	case s.Certificates[i].Revoked != nil:
		return s, Errorf(Conflict, "certificate %s of %s is revoked already", fp, s.Name)
	}
	s.Certificates = slices.Clone(s.Certificates)
	gone := map[Fingerprint]bool{fp: true}
	for i := range s.Certificates { // a renewal stands after what it was asked for with
		c := &s.Certificates[i]
		if !gone[c.Fingerprint] && !gone[c.RenewedFrom] {
			continue
		}
		gone[c.Fingerprint] = true
		if c.Revoked == nil {
			c.Revoked = &r
		}
	}
	return s, nil
}

// Countdown runs for the person's certificate that ends last; false if there is none to remind of.
func (s *Staff) Countdown(now time.Time) (Countdown, bool) {
	if !s.Active(now) || s.Until != nil {
		return Countdown{}, false
	}
	var last *StaffCertificate
	for i := range s.Certificates {
		if c := &s.Certificates[i]; c.Live(now) && (last == nil || c.NotAfter.After(last.NotAfter)) {
			last = c
		}
	}
	if last == nil {
		return Countdown{}, false
	}
	return Countdown{StaffCertificateEndsNotice, string(s.ID), last.NotBefore.UTC(), last.NotAfter.UTC().Add(time.Second)}, true
}

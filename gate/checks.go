package gate

import (
	"strings"
	"time"
)

// The checks, in the order in which they are made. Each fills in what it found and says why the request may not pass; what an
// environment does not ask for is allowed.

func (j *judge) site() Reason {
	switch {
	case j.e < Sandbox || j.e > Production:
		return Unavailable
	case !j.r.TLS:
		return CertificateRequired // plaintext, or a request that only pretends to have come over TLS
	case !j.c.Host.Allows(j.e, j.now):
		return StateUnconfirmed
	}
	return Allowed
}

func (j *judge) chain() Reason {
	leaf := j.r.Leaf
	switch {
	case !j.e.NeedsCertificate():
		return Allowed
	case leaf == nil:
		return CertificateRequired
	case leaf.Anchor.IsZero() || j.c.Issuer == nil || j.c.Issuer.Fingerprint != leaf.Anchor ||
		j.c.Issuer.Audience != Customers || !j.c.Issuer.Anchors(j.now):
		return CertificateUntrusted
	case j.now.Before(leaf.NotBefore):
		return CertificateNotYetValid
	case j.now.After(leaf.NotAfter):
		return CertificateExpired
	case leaf.CA || !leaf.ClientAuth:
		return CertificateUnsuitable
	}
	return Allowed
}

func (j *judge) registered() Reason {
	crt := j.c.Certificate
	switch {
	case !j.e.NeedsCertificate():
		return Allowed
	case crt == nil || j.r.Leaf == nil || crt.Fingerprint != j.r.Leaf.Fingerprint || crt.Environment != j.e || !j.pinned(crt):
		return CertificateUnknown
	case crt.Revoked != nil: // its dates were judged with the chain
		return CertificateRevoked
	case crt.Foreign() && (j.c.Issuer == nil || !j.c.Issuer.Checked(j.c.List, j.now)):
		return CertificateUnchecked
	}
	return Allowed
}

// pinned reports whether a certificate may stand under the CA that it was found under. A customer's own CA vouches for the certificates
// that were imported with it or brought to an enrollment alone, and those stand under no other.
func (j *judge) pinned(crt *Certificate) bool {
	if !crt.Foreign() {
		return j.c.Issuer == nil || j.c.Issuer.Imported == nil
	}
	return !crt.Imported.Waits() && crt.Issuer == j.r.Leaf.Anchor
}

// form refuses what two readers could read in two ways.
func (j *judge) form() Reason {
	p := &j.r.presented
	j.d.Path = p.path
	if p.keyFault || !p.clear {
		return InvalidRequest
	}
	return Allowed
}

func (j *judge) key() Reason {
	key, presented := j.c.Key, &j.r.presented.key
	switch {
	case presented.Shape == NoKey:
		return KeyRequired
	case presented.Shape != Foreign && (presented.Shape != WellFormed || presented.Environment != j.e):
		return InvalidToken
	case key != nil && (key.Imported != nil) != (presented.Shape == Foreign):
		return InvalidToken // a key of ours is found by its handle, a token from before by its MAC, and neither by the other
	case key == nil || !j.c.KeyProven || key.Environment != j.e || !key.State(j.now).Live():
		return InvalidToken
	case j.c.Device == nil || j.c.Device.ID != key.Device || j.c.Device.Environment != j.e ||
		j.c.Organization == nil || j.c.Account == nil:
		return InvalidToken
	}
	return Allowed
}

// pair fails as an invalid token, so that nobody learns from outside whether the other half of a stolen credential is good.
func (j *judge) pair() Reason {
	switch {
	case !j.e.NeedsCertificate():
		return Allowed
	case j.c.Certificate == nil || j.c.Key == nil || j.c.Certificate.Device != j.c.Key.Device:
		return InvalidToken
	}
	return Allowed
}

func (j *judge) remediations() Reason {
	suspended, endless := false, false
	for i := range j.c.Remediations {
		for _, r := range j.c.Remediations[i] {
			switch {
			case !r.InForce(j.now), r.Measure == Throttle: // a throttle is a limit, and limits are asked last
				continue
			case r.Measure == Terminate:
				j.d.Scope, j.d.Until = remediationSubjects[i], time.Time{}
				return AccountTerminated
			case !suspended:
				suspended, j.d.Scope = true, remediationSubjects[i]
			}
			// What counts is when the last of them ends.
			if r.Until == nil {
				endless = true
			} else if r.Until.After(j.d.Until) {
				j.d.Until = *r.Until
			}
		}
	}
	if endless {
		j.d.Until = time.Time{}
	}
	if suspended {
		return AccountSuspended
	}
	return Allowed
}

func (j *judge) contract() Reason {
	if !j.e.NeedsCertification() {
		return Allowed
	}
	contract, state := j.c.contract(j.now)
	if contract == nil {
		return ContractMissing
	}
	j.d.Contract = contract
	switch state {
	case ContractNotStarted:
		return ContractNotYetStarted
	case ContractEnded:
		return ContractHasEnded
	case ContractInForce:
	}
	return Allowed
}

func (j *judge) certification() Reason {
	if !j.e.NeedsCertification() {
		return Allowed
	}
	found, state := j.c.Certification(j.d.Contract, j.now)
	if found == nil {
		return CertificationMissing
	}
	j.d.Certification = found
	switch state {
	case InForce:
		return Allowed
	case Lapsed:
		return RecertificationOverdue
	case CertificationRevoked:
		return CertificationNoLonger
	default:
		return CertificationEnded
	}
}

func (j *judge) behavior() Reason {
	b := j.r.presented.behavior
	switch {
	case j.r.Method == "CONNECT" || j.r.Method == "TRACE":
		return UpgradeNotAllowed
	case b == nil:
		return BehaviorUnknown
	}
	j.d.Behavior = b
	if j.r.presented.blocked || !j.granted(func(g *Grant) bool { return g.behavior(b.Name) }) {
		return BehaviorNotGranted
	}
	return Allowed
}

// granted asks the contract and the certified profile in production, and the device's own grant elsewhere.
func (j *judge) granted(has func(*Grant) bool) bool {
	if j.e.NeedsCertification() {
		return j.d.Contract != nil && j.d.Certification != nil &&
			has(&j.d.Contract.Grant) && has(&j.d.Certification.Profile.Grant)
	}
	return j.c.Device != nil && (j.c.Device.Grant == nil || has(j.c.Device.Grant))
}

func (j *judge) purpose() Reason {
	p, known := j.statedPurpose()
	switch {
	case p == "" && known:
		return PurposeRequired
	case !known || !j.granted(func(g *Grant) bool { return g.purpose(p) }):
		return PurposeNotGranted
	}
	j.d.Purpose = p
	return Allowed
}

// statedPurpose is the header's, else the device's default, else the only one that is granted. It is empty if there is none, and
// not known if the header holds none of the codes and words.
func (j *judge) statedPurpose() (p Purpose, known bool) {
	if len(j.r.Purpose) > 0 {
		return j.r.presented.purpose, j.r.presented.known
	}
	if j.c.Device != nil && j.c.Device.DefaultPurpose != "" {
		return j.c.Device.DefaultPurpose, true
	}
	for i := range purposes {
		candidate := purposes[i].code
		if !j.granted(func(g *Grant) bool { return g.purpose(candidate) }) {
			continue
		}
		if p != "" {
			return "", true // several are granted, so the caller has to say which
		}
		p = candidate
	}
	return p, true
}

func (j *judge) address() Reason {
	if j.c.Device == nil || !j.c.Device.Addresses.Contains(j.r.Peer) {
		return AddressNotAllowed
	}
	return Allowed
}

func (j *judge) upgrade() Reason {
	if j.r.Upgrade == "" || j.d.Behavior != nil && j.d.Behavior.WebSocket && strings.EqualFold(j.r.Upgrade, "websocket") {
		return Allowed
	}
	return UpgradeNotAllowed
}

package authority

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// noteSignals counts what a refused request shows that should never happen. What is against somebody is counted by its own proof: a certificate by the
// TLS handshake, a key by the whole of its secret; and only who passed checks 1 to 4 is counted as the customer.
func (a *Authority) noteSignals(c *Call, now time.Time) {
	e := c.Request.Site.Environment
	if !c.Request.TLS || c.Reason == gate.Unavailable || c.Reason == gate.StateUnconfirmed {
		return
	}
	at := spanOf(now.Unix())
	if c.Reason == gate.InvalidToken {
		a.noteGuess(c, at)
	}
	if !e.NeedsCertification() {
		return // outside production mistakes are what it is for
	}
	a.noteDead(c, now, at)
	key, certificate := c.Caller.Key, c.Caller.Certificate
	switch {
	case c.Reason == gate.InvalidToken && c.Caller.KeyProven && certificate != nil && key.Environment == e && key.Device != certificate.Device && key.State(now).Live():
		shown := &shownKey{key: hashed(string(key.ID))}
		if key.Account != certificate.Account {
			shown.account = hashed(string(key.Account))
		}
		s := strangersUse(c, abuse.ForeignKey, string(certificate.ID), certificate.Account, certificate.Device)
		s.source = netip.Prefix{}
		a.signals.strangers.note(&s, at, shown)
	case c.Reason == gate.PurposeNotGranted && len(c.Request.Purpose) == 1:
		if _, known := gate.ParsePurpose(c.Request.Purpose[0]); known { // another word is a mistake
			a.noteProven(c, abuse.WrongPurpose, at)
		}
	}
}

// noteDead counts the use of a revoked or expired key or certificate.
func (a *Authority) noteDead(c *Call, now time.Time, at int64) {
	e, key, certificate := c.Request.Site.Environment, c.Caller.Key, c.Caller.Certificate
	if key != nil && c.Caller.KeyProven && key.Environment == e && dead(key.State(now)) {
		s := strangersUse(c, abuse.DeadCredential, string(key.ID), key.Account, key.Device)
		a.signals.strangers.note(&s, at, nil)
	}
	if (c.Reason == gate.CertificateRevoked || c.Reason == gate.CertificateExpired) && certificate != nil && certificate.Environment == e {
		s := strangersUse(c, abuse.DeadCredential, string(certificate.ID), certificate.Account, certificate.Device)
		a.signals.strangers.note(&s, at, nil)
	}
}

func dead(s gate.CredentialState) bool { return s == gate.Revoked || s == gate.Expired }

// noteGuess counts keys of the right form that nobody has, by the network that they come from and the certificate that they come with.
func (a *Authority) noteGuess(c *Call, at int64) {
	key, _ := c.Request.Key()
	if key.Shape != gate.WellFormed || key.Environment != c.Request.Site.Environment || c.Caller.KeyProven {
		return
	}
	s := strangersUse(c, abuse.Guessing, "", "", "")
	if k := c.Caller.Certificate; k != nil && c.Request.Site.Environment.NeedsCertificate() {
		s = strangersUse(c, abuse.Guessing, string(k.ID), k.Account, k.Device)
	}
	a.signals.strangers.note(&s, at, &shownKey{key: hashed(key.Text)})
}

// strangersUse is a use of a credential by whoever calls, which need not be its owner.
//
//nolint:revive // five things, and none belongs to another
func strangersUse(c *Call, rule abuse.Rule, credential string, account gate.AccountID, device gate.DeviceID) signal {
	from := gate.NetworkOf(c.Request.Peer)
	return signal{signalName: signalName{rule, credential, from}, account: account, device: device, from: from}
}

// noteProven counts what a customer did that has shown who it is.
func (a *Authority) noteProven(c *Call, rule abuse.Rule, at int64) {
	k := c.Caller.Key
	a.signals.proven.note(&signal{signalName: signalName{rule: rule, credential: string(k.ID)}, account: k.Account, device: k.Device}, at, nil)
}

// notePollution counts a call of a customer that was answered and names one patient in its path and another in its query.
func (a *Authority) notePollution(c *Call, o *Outcome, now time.Time) {
	if o.Status/100 == 2 && c.Request.Site.Environment.NeedsCertification() && c.Request.Site.Patients.Contradict(c.Path, c.Request.Query) {
		a.noteProven(c, abuse.Pollution, spanOf(now.Unix()))
	}
}

func hashed(text string) uint32 { return uint32(maphash.String(hashSeed, text)) | 1 }

package authority_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// signingRequests are for as many key pairs as customers have between them, made once.
var signingRequests = sync.OnceValue(func() (list [][]byte) {
	for range 12 {
		list = append(list, newCSR(&outside{TB: (testing.TB)(nil)}))
	}
	return list
})

func (x *machine) release() {
	d, device := x.deviceOf(func(d *mDevice) bool {
		return d.env != gate.Sandbox && !x.full(d, x.now()) && (!x.setting || d.env == gate.Production)
	})
	if late := x.joinedLate(); late != nil && x.chance(2, "one that joined") {
		d, device = late, late.id
	}
	var c *mCase
	var id gate.CertificationID
	if d != nil && d.env == gate.Production != x.chance(15, "the wrong way") {
		c, id, _ = x.caseOf(func(c *mCase) bool { return x.standsOf(c) && slices.Contains(c.devices, device) })
	}
	if c != nil {
		if x.tempted = c.joined[device]; x.tempted == "" {
			x.tempted = c.approvedBy
		}
	}
	a := x.actor(gate.ReleaseIt, "")
	r := a.refusals(gate.ReleaseIt)
	r.when(d == nil || c == nil && id != "", gate.NotFound)
	if d != nil {
		x.againstRelease(&r, a, d, c)
	}
	var made *gate.Enrollment
	x.try(attempt{name: "Release", by: a, refused: r, notices: []gate.NoticeKind{gate.EnrollmentNotice},
		do: func(by authority.By) (err error) { made, err = x.Release(by, device, id); return err },
		commit: func() {
			for _, l := range x.links { // the latest alone counts
				if l.device == d && !l.acknowledged && x.now().Before(l.expires) {
					l.canceled = true
				}
			}
			if c != nil && c.releasedBy == "" {
				c.releasedBy = a.id
			}
			x.links = append(x.links, &mLink{id: made.ID, notice: made.Notice, device: d, of: c, expires: made.ExpiresAt, to: x.account(d.account).technical})
		}})
}

// joinedLate is a device that joined a case and may be released, if there is any.
func (x *machine) joinedLate() *mDevice {
	for _, d := range x.devices {
		if !x.full(d, x.now()) && slices.ContainsFunc(x.cases, func(c *mCase) bool { return c.joined[d.id] != "" && x.standsOf(c) }) {
			return d
		}
	}
	return nil
}

func (x *machine) againstRelease(r *refusals, a *actor, d *mDevice, c *mCase) {
	r.when(x.full(d, x.now()) || d.env == gate.Sandbox || x.gone(d.account), gate.Conflict)
	if d.env != gate.Production {
		r.when(d.env == gate.Preprod && c != nil, gate.Invalid)
		return
	}
	if c == nil {
		r.when(true, gate.Invalid)
		return
	}
	r.when(!slices.Contains(c.devices, d.id) || !x.standsOf(c), gate.Conflict)
	r.when(c.approvedBy == a.id || c.joined[d.id] == a.id, gate.Forbidden)
}

// takeLink is that the mail with a link arrives. It is no change of state, so no event says so.
func (x *machine) takeLink() {
	l := pick(x, "link", x.links, func(l *mLink) bool { return l.token == "" && !l.canceled })
	if l == nil {
		return
	}
	seq := x.Store().EventCount()
	link, err := x.TakeLink(l.notice)
	if taken := l.token != ""; taken && err == nil {
		x.rt.Fatal("a link was handed out twice")
	} else if !taken && err != nil && l.usable(x.now()) {
		x.rt.Fatalf("the link of %s cannot be taken: %v", l.id, err)
	}
	if err == nil {
		_, l.token, _ = strings.Cut(link, "#")
		x.tally["TakeLink"]++
	}
	if x.Store().EventCount() != seq {
		x.rt.Fatal("taking a link left an event")
	}
}

func (x *machine) redeem() {
	l := pick(x, "link", x.links, func(l *mLink) bool { return l.token != "" && l.usable(x.now()) })
	token, public := "none", x.between(0, 11, "key pair")
	r := refusals(nil)
	r.when(l == nil || l.token == "", gate.NotFound)
	a := attempt{name: "Redeem", notices: []gate.NoticeKind{gate.TakenNotice}}
	csr := signingRequests()[public]
	switch {
	case len(r) > 0:
	case x.chance(20, "no signing request"):
		csr = []byte("hello")
		r.when(true, gate.Invalid)
	default:
		if l.redemptions > 0 && !x.chance(4, "another key pair") {
			public = l.public
			csr = signingRequests()[public]
		}
		a.before = x.writeDown() // a key that was used a moment ago makes the link dead
		x.againstRedemption(&r, l, public)
	}
	if l != nil && l.token != "" {
		token = l.token
		if a.refused = r; len(r) > 0 && string(csr) != "hello" {
			if l.refusals++; l.refusals <= 5 {
				a.after = 1 // somebody tries a link, which may be in wrong hands
			}
		}
	}
	a.refused = r
	var got *authority.Credential
	a.do = func(authority.By) (err error) { got, err = x.Redeem(token, csr); return err }
	a.commit = func() { x.redeemed(l, public, got) }
	x.try(a)
}

func (x *machine) againstRedemption(r *refusals, l *mLink, public int) {
	repeat := l.redemptions > 0
	r.when(!l.usable(x.now()), gate.Conflict)
	r.when(repeat && public != l.public, gate.Conflict)
	r.when(repeat && (l.key.revoked || l.cert.revoked), gate.Conflict)
	r.when(x.blocked[public], gate.Invalid)
	r.when(!repeat && x.full(l.device, x.now()), gate.Conflict)
	r.when(slices.ContainsFunc(x.certs, func(c *mCert) bool { return c.public == public && c != l.cert }), gate.Invalid)
	r.when(l.of != nil && !x.standsOf(l.of), gate.Conflict)
}

// redeemed notes what the customer holds now: a new key, and the first time a certificate.
func (x *machine) redeemed(l *mLink, public int, got *authority.Credential) {
	if l.key != nil {
		l.key.revoked = true
	}
	if l.key == nil {
		for _, k := range x.keys { // the new one takes their place
			if k.device == l.device && k.live(x.now()) && k.ends.IsZero() && !k.waits {
				k.ends = x.now().Truncate(time.Second).Add(30 * 24 * time.Hour)
			}
		}
	}
	if l.cert == nil {
		k := got.Certificate
		l.cert = &mCert{id: k.ID, mark: k.Fingerprint, issuer: k.Issuer, public: public, device: l.device, from: k.NotBefore, to: k.NotAfter}
		x.certs = append(x.certs, l.cert)
	}
	l.key = &mKey{id: got.KeyID, device: l.device, text: got.Key}
	x.keys = append(x.keys, l.key)
	l.redemptions, l.public = l.redemptions+1, public
	if l.of != nil {
		l.of.enrolled = true
	}
}

func (x *machine) acknowledge() {
	l := pick(x, "link", x.links, func(l *mLink) bool { return l.redemptions > 0 && !l.acknowledged })
	token, r := "none", refusals(nil)
	r.when(l == nil || l.token == "", gate.NotFound)
	if l != nil && l.token != "" {
		token = l.token
		r.when(l.redemptions == 0, gate.Conflict)
		if l.acknowledged {
			seq := x.Store().EventCount()
			if err := x.Acknowledge(token); err != nil || x.Store().EventCount() != seq {
				x.rt.Fatalf("acknowledging twice: %v", err)
			}
			return
		}
	}
	x.try(attempt{name: "Acknowledge", refused: r, do: func(authority.By) error { return x.Acknowledge(token) }, commit: func() { l.acknowledged = true }})
}

func (x *machine) cancelEnrollment() {
	l := pick(x, "link", x.links, func(l *mLink) bool { return l.usable(x.now()) })
	id, etag := gate.EnrollmentID("enr_none"), ""
	if l != nil {
		id, etag = l.id, tag(x.Directory().Enrollment(l.id))
	}
	a, why := x.actor(gate.Stop, etag), x.why()
	r := a.refusals(gate.Stop)
	r.when(l == nil, gate.NotFound)
	r.when(l != nil && !l.usable(x.now()), gate.Conflict)
	r.when(why == "", gate.Invalid)
	x.try(attempt{name: "CancelEnrollment", by: a, refused: r, notices: []gate.NoticeKind{gate.CredentialNotice},
		do:     func(by authority.By) error { _, err := x.CancelEnrollment(by, id, why); return err },
		commit: func() { l.canceled = true }})
}

func (x *machine) revokeKey() {
	k := pick(x, "key", x.keys, func(k *mKey) bool { return !k.revoked })
	id := gate.KeyID("key_none")
	if k != nil {
		id = k.id
	}
	a, why := x.actor(gate.Stop, ""), x.why()
	r := a.refusals(gate.Stop)
	r.when(k == nil, gate.NotFound)
	r.when(k != nil && k.revoked, gate.Conflict)
	r.when(why == "", gate.Invalid)
	x.try(attempt{name: "RevokeKey", by: a, refused: r, notices: []gate.NoticeKind{gate.CredentialNotice},
		do:     func(by authority.By) error { _, err := x.RevokeKey(by, id, gate.KeyCompromise, why); return err },
		commit: func() { k.revoked = true }})
}

// leaked reports a key, or one that nobody has, as known to others.
func (x *machine) leaked() {
	k := pick(x, "key", x.keys, func(k *mKey) bool { return !k.revoked && k.text != "" })
	text, _, _ := gate.NewKey(gate.Production, strings.NewReader(strings.Repeat("nobody has this ", 8)))
	if k != nil {
		text = k.text
	}
	a, why := x.actor(gate.Stop, ""), x.why()
	r := a.refusals(gate.Stop)
	r.when(k == nil, gate.NotFound)
	r.when(why == "", gate.Invalid)
	if k != nil && (k.revoked || k.text == "") {
		return // nothing is changed then, or nobody knows it
	}
	x.try(attempt{name: "Leaked", by: a, refused: r, notices: []gate.NoticeKind{gate.LeakedNotice},
		do: func(by authority.By) error { _, err := x.Leaked(by, authority.Leak{Key: text, Why: why}); return err },
		commit: func() {
			k.revoked = true
			x.leakOpened(k)
		}})
}

func (x *machine) revokeCertificate() {
	c := pick(x, "certificate", x.certs, func(c *mCert) bool { return !c.revoked })
	id := gate.CertificateID("crt_none")
	if c != nil {
		id = c.id
	}
	a, why := x.actor(gate.Stop, ""), x.why()
	r := a.refusals(gate.Stop)
	r.when(c == nil, gate.NotFound)
	r.when(c != nil && c.revoked, gate.Conflict)
	r.when(why == "", gate.Invalid)
	x.try(attempt{name: "RevokeCertificate", by: a, refused: r, notices: []gate.NoticeKind{gate.CredentialNotice},
		do:     func(by authority.By) error { _, err := x.RevokeCertificate(by, id, gate.Superseded, why); return err },
		commit: func() { c.revoked = true }})
}

// revokeCredential spares the last live one of a device, unless that is meant or it was stolen.
func (x *machine) revokeCredential() {
	in := authority.Revoking{Reason: gate.Superseded, Why: x.why(), Last: x.chance(30, "also the last")}
	if x.chance(20, "stolen") {
		in.Reason = gate.KeyCompromise
	}
	spared := !in.Last && in.Reason != gate.KeyCompromise
	k, c := (*mKey)(nil), (*mCert)(nil)
	id, revoked, last := "crt_none", false, false
	if x.chance(50, "a key") {
		id = "key_none"
		if k = pick(x, "key", x.keys, func(k *mKey) bool { return !k.revoked }); k != nil {
			id, revoked = string(k.id), k.revoked
			last = k.live(x.now()) && !slices.ContainsFunc(x.keys, func(o *mKey) bool { return o != k && o.device == k.device && o.live(x.now()) })
		}
	} else if c = pick(x, "certificate", x.certs, func(c *mCert) bool { return !c.revoked }); c != nil {
		id, revoked = string(c.id), c.revoked
		last = c.live(x.now()) && !slices.ContainsFunc(x.certs, func(o *mCert) bool { return o != c && o.device == c.device && o.live(x.now()) })
	}
	a := x.actor(gate.Stop, "")
	r := a.refusals(gate.Stop)
	r.when(k == nil && c == nil, gate.NotFound)
	r.when(revoked || spared && last, gate.Conflict)
	r.when(in.Why == "", gate.Invalid)
	x.try(attempt{name: "RevokeCredential", by: a, refused: r, notices: []gate.NoticeKind{gate.CredentialNotice},
		do: func(by authority.By) error { return x.RevokeCredential(by, id, in) },
		commit: func() {
			if k != nil {
				k.revoked = true
				return
			}
			c.revoked = true
			if in.Reason == gate.KeyCompromise {
				x.blocked[c.public] = true
			}
		}})
}

// blockPublicKey puts one of the key pairs of signing requests on the list, which certificates may have.
func (x *machine) blockPublicKey() {
	public := x.between(0, 11, "key pair")
	in := authority.Blocking{Text: signingRequests()[public], Why: x.why(), Revoke: x.chance(50, "also what is live")}
	var live []*mCert
	for _, c := range x.certs {
		if c.public == public && !c.revoked && !x.now().After(c.to) {
			live = append(live, c)
		}
	}
	a := x.actor(gate.Stop, "")
	r := a.refusals(gate.Stop)
	r.when(in.Why == "", gate.Invalid)
	r.when(x.blocked[public] && live == nil, gate.Exists)
	r.when(live != nil && !in.Revoke, gate.Conflict)
	t := attempt{name: "BlockPublicKey", by: a, refused: r,
		do: func(by authority.By) error { _, err := x.BlockPublicKey(by, in); return err },
		commit: func() {
			x.blocked[public] = true
			for _, c := range live {
				c.revoked = true
			}
		}}
	for range live {
		t.notices = append(t.notices, gate.LeakedNotice)
	}
	x.try(t)
}

func (x *machine) sandboxKey() {
	d, device := x.deviceOf(func(d *mDevice) bool { return d.env == gate.Sandbox })
	a := x.actor(gate.ReleaseIt, "")
	r := a.refusals(gate.ReleaseIt)
	r.when(d == nil, gate.NotFound)
	r.when(d != nil && (d.env != gate.Sandbox || x.full(d, x.now())), gate.Conflict)
	var text string
	var made *gate.Key
	x.try(attempt{name: "SandboxKey", by: a, refused: r,
		do:     func(by authority.By) (err error) { text, made, err = x.SandboxKey(by, device); return err },
		commit: func() { x.keys = append(x.keys, &mKey{id: made.ID, device: d, text: text}) }})
}

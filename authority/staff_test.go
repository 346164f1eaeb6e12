package authority_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// leafOf is what a staff certificate shows.
func leafOf(c *gate.StaffCertificate) *gate.Leaf {
	return &gate.Leaf{Fingerprint: c.Fingerprint, Anchor: c.Issuer, NotBefore: c.NotBefore, NotAfter: c.NotAfter, ClientAuth: true}
}

func TestOnlyConfirmedStaffAct(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	cho, err := o.Directory().Staff("cho")
	must(t, err)
	good := func() *gate.Leaf { return leafOf(&cho.Certificates[0]) }
	proposed, err := o.ProposeStaff(o.cho, gate.Staff{Name: "fay", Email: "fay@example.com", Roles: []gate.Role{gate.Auditor}}, newCSR(t))
	must(t, err)
	disabled, err := o.ProposeStaff(o.cho, gate.Staff{Name: "gus", Email: "gus@example.com", Roles: []gate.Role{gate.Auditor}}, newCSR(t))
	must(t, err)
	disabled, err = o.ConfirmStaff(o.eve, disabled.ID)
	must(t, err)
	gone := disabled.Certificates[0]
	if _, err := o.Operator(leafOf(&gone)); err != nil {
		t.Fatalf("a confirmed member: %v", err)
	}
	_, err = o.DisableStaff(o.cho, disabled.ID, "left")
	must(t, err)

	edit := func(f func(*gate.Leaf)) *gate.Leaf {
		l := good()
		f(l)
		return l
	}
	customers := acme.got.Certificate
	for name, leaf := range map[string]*gate.Leaf{
		"none":         nil,
		"foreign":      edit(func(l *gate.Leaf) { l.Anchor = gate.Fingerprint{} }),
		"unknown CA":   edit(func(l *gate.Leaf) { l.Anchor = gate.FingerprintOf([]byte("another")) }),
		"a CA":         edit(func(l *gate.Leaf) { l.CA = true }),
		"for servers":  edit(func(l *gate.Leaf) { l.ClientAuth = false }),
		"expired":      edit(func(l *gate.Leaf) { l.NotAfter = o.clock.now().Add(-time.Second) }),
		"not yet":      edit(func(l *gate.Leaf) { l.NotBefore = o.clock.now().Add(time.Hour) }),
		"unknown":      edit(func(l *gate.Leaf) { l.Fingerprint = gate.FingerprintOf([]byte("another")) }),
		"unconfirmed":  leafOf(proposed.Proposal.Certificate),
		"disabled":     leafOf(&gone),
		"a customer's": {Fingerprint: customers.Fingerprint, Anchor: customers.Issuer, NotBefore: customers.NotBefore, NotAfter: customers.NotAfter, ClientAuth: true},
	} {
		actor, err := o.Operator(leaf)
		refused(t, name, err, gate.Unauthorized)
		if actor.May(gate.Read) == nil {
			t.Errorf("%s: the actor may read", name)
		}
	}
	actor, err := o.Operator(good())
	must(t, err)
	if actor.Staff != cho.ID || actor.May(gate.DecideCase) != nil {
		t.Errorf("the actor is %+v", actor)
	}
	// A staff certificate is no customer's.
	request := o.request(acme.got)
	request.Leaf = good()
	call, err := o.config.Check(request)
	must(t, err)
	defer call.Done(authority.Outcome{})
	if call.Allowed() {
		t.Error("a staff certificate opens the gate")
	}
}

func TestStaffTakeEffectWhenASecondAdminConfirms(t *testing.T) {
	o := newOffice(t)
	fay, err := o.ProposeStaff(o.cho, gate.Staff{Name: "fay", Email: "fay@example.com", Roles: []gate.Role{gate.Operator}}, newCSR(t))
	must(t, err)
	if fay.Active(o.clock.now()) {
		t.Error("a proposed member may act")
	}
	_, err = o.ConfirmStaff(o.cho, fay.ID)
	refused(t, "confirming one's own proposal", err, gate.Forbidden)
	fay, err = o.ConfirmStaff(o.eve, fay.ID)
	must(t, err)
	_, err = o.ConfirmStaff(o.eve, fay.ID)
	refused(t, "confirming twice", err, gate.Conflict)

	_, err = o.ProposeChange(o.cho, fay.ID, []gate.Role{gate.Admin}, nil)
	must(t, err)
	if by := o.by("fay"); by.May(gate.ManageStaff) == nil {
		t.Error("a proposed role counts")
	}
	_, err = o.ConfirmStaff(o.eve, fay.ID)
	must(t, err)
	_, err = o.ProposeChange(o.cho, o.eve.Staff, []gate.Role{gate.Admin}, newCSR(t))
	must(t, err)
	_, err = o.ConfirmStaff(o.eve, o.eve.Staff)
	refused(t, "confirming a change to oneself", err, gate.Forbidden)
	_, err = o.ConfirmStaff(o.by("fay"), o.eve.Staff)
	must(t, err)

	_, err = o.ProposeStaff(o.cho, gate.Staff{Name: "fay", Email: "f@example.com", Roles: []gate.Role{gate.Operator}}, newCSR(t))
	refused(t, "a name that is taken", err, gate.Exists)
	_, err = o.ProposeStaff(o.cho, gate.Staff{Name: "hal", Email: "hal@example.com", Roles: []gate.Role{gate.Operator}}, []byte("no request"))
	refused(t, "a request that is none", err, gate.Invalid)
}

func TestTheLastAdminCannotBeDisabled(t *testing.T) {
	o := newOffice(t)
	_, err := o.DisableStaff(o.cho, o.eve.Staff, "left")
	must(t, err)
	_, err = o.DisableStaff(o.cho, o.cho.Staff, "left")
	refused(t, "disabling the last admin", err, gate.Conflict)
	if _, err = o.DisableStaff(o.cho, o.ben.Staff, "left"); err != nil {
		t.Errorf("disabling somebody else: %v", err)
	}
}

func TestTheFirstAdminsActByTheirBadges(t *testing.T) {
	o := newOffice(t)
	for _, badge := range o.badges {
		block, _ := pem.Decode(badge.Leaf)
		crt, err := x509.ParseCertificate(block.Bytes)
		must(t, err)
		found, err := o.Anchors(gate.Operators).Verify(crt, nil, o.clock.now())
		must(t, err)
		actor, err := o.Operator(&gate.Leaf{Fingerprint: gate.FingerprintOf(crt.Raw), Anchor: gate.FingerprintOf(found.Anchor.Raw),
			NotBefore: crt.NotBefore, NotAfter: crt.NotAfter, ClientAuth: true})
		must(t, err)
		if actor.Name != badge.Name {
			t.Errorf("%s's badge is %s's", badge.Name, actor.Name)
		}
		if _, err := o.Anchors(gate.Customers).Verify(crt, nil, o.clock.now()); err == nil {
			t.Error("the customers' CAs vouch for staff")
		}
	}
}

// TestNobodyLocksEverybodyOut: an admin without a certificate cannot let anybody in, so whoever is left with one keeps it.
func TestNobodyLocksEverybodyOut(t *testing.T) {
	o := newOffice(t)
	cho, err := o.Directory().Staff("cho")
	must(t, err)
	eve, err := o.Directory().Staff("eve")
	must(t, err)
	_, err = o.RevokeStaffCertificate(o.cho, eve.ID, eve.Certificates[0].Fingerprint, "lost")
	must(t, err)
	_, err = o.RevokeStaffCertificate(o.cho, cho.ID, cho.Certificates[0].Fingerprint, "lost as well")
	refused(t, "the last certificate of an admin", err, gate.Conflict)
	_, err = o.DisableStaff(o.cho, cho.ID, "left")
	refused(t, "the last admin with a certificate", err, gate.Conflict)
}

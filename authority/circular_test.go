package authority_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// circulars are the notices about changes to staff, the oldest first.
func (o *office) circulars() []*gate.Notice { return o.reminded(gate.StaffChangeNotice) }

func TestAdminsAndThePersonAreToldOfEachChangeToStaff(t *testing.T) {
	o := newOffice(t)
	cho, eve, fay := "cho@example.com", "eve@example.com", "fay@example.com"
	made, err := o.ProposeStaff(o.cho, gate.Staff{Name: "fay", Email: fay, Roles: []gate.Role{gate.Operator, gate.Auditor, gate.Issuer}}, newCSR(t))
	must(t, err)
	made, err = o.ConfirmStaff(o.eve, made.ID)
	must(t, err)
	_, err = o.ProposeChange(o.eve, made.ID, []gate.Role{gate.Operator}, nil)
	must(t, err)
	_, err = o.RevokeStaffCertificate(o.cho, made.ID, made.Certificates[0].Fingerprint, "lost laptop")
	must(t, err)
	_, err = o.DisableStaff(o.cho, o.eve.Staff, "has left")
	must(t, err)
	_, err = o.DisableStaff(o.cho, made.ID, "has left too")
	must(t, err)
	var got [][]string
	for _, n := range o.circulars() {
		first, _, _ := strings.Cut(n.Body, "\n")
		got = append(got, append([]string{n.Subject, strings.TrimSpace(first)}, addresses(n)...))
		if n.Account != "" || !strings.Contains(n.Body, "certgate staff disable") {
			t.Errorf("%+v", n)
		}
	}
	at := " on 1 March 2027, 09:00 UTC."
	if diff := cmp.Diff([][]string{
		{"certgate staff: a certificate of fay was proposed by cho", "A certificate of fay was proposed by cho" + at + " Roles: operator, auditor and issuer.", cho, eve},
		{"certgate staff: a certificate of fay was confirmed by eve", "A certificate of fay was confirmed by eve" + at + " Roles: operator, auditor and issuer.", cho, eve, fay},
		{"certgate staff: a change to fay was proposed by eve", "A change to fay was proposed by eve" + at + " Roles: operator.", cho, eve, fay},
		{"certgate staff: a certificate of fay was revoked by cho", "A certificate of fay was revoked by cho" + at + " Roles: operator, auditor and issuer.", cho, eve, fay},
		{"certgate staff: eve was disabled by cho", "eve was disabled by cho" + at + " Roles: issuer and admin.", cho, eve},
		{"certgate staff: fay was disabled by cho", "fay was disabled by cho" + at + " Roles: operator, auditor and issuer.", cho, fay},
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhoWasStoppedHearsOfItByMail(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	o.send(mail.Address())
	_, err := o.DisableStaff(o.cho, o.eve.Staff, "has left")
	must(t, err)
	o.pass(time.Second)
	o.settles(o.circulars()[0].ID, gate.NoticeSent)
	to := make(map[string]bool)
	for _, m := range mail.Mails() {
		for _, address := range m.To {
			to[address] = strings.Contains(m.Text, "Reason: has left")
		}
	}
	if !to["eve@example.com"] || !to["cho@example.com"] || len(to) != 2 {
		t.Errorf("mails to %v", to)
	}
}

package api

import (
	"net/http"
	"net/url"
	"time"

	"github.com/onerecord/certgate/gate"
)

// RedeemedStaff is what a member of staff receives for their one-time link.
type RedeemedStaff struct {
	Name             string      `json:"name"`
	Roles            []gate.Role `json:"roles"`
	CertificateChain string      `json:"certificate_chain"` // PEM: the certificate, then its issuer
	NotAfter         time.Time   `json:"not_after"`
}

// redeemStaff gives the holder of a staff link a certificate. The token is not logged, and no error repeats what was sent.
func (p *Public) redeemStaff(w http.ResponseWriter, r *http.Request) {
	var in redemption
	a, err := p.receive(w, r, &in, func(form url.Values) { in = redemption{Token: form.Get("token"), CSR: form.Get("csr")} })
	if err != nil {
		p.fail(w, r, err)
		return
	}
	got, err := a.RedeemStaffLink(in.Token, []byte(in.CSR))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.answer(w, r, "badge", RedeemedStaff{Name: got.Staff.Name, Roles: got.Staff.Roles, CertificateChain: string(got.Chain), NotAfter: got.Certificate.NotAfter})
}

package api

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// day is how days are written for people; all of them in UTC.
const day = "2 January 2006, 15:04 UTC"

// noCertificate says what to do about there being none; sandbox asks for none.
func (l *Look) noCertificate(key gate.PresentedKey) {
	if key.Environment == gate.Sandbox {
		l.add(LookResult{About: "certificate", Result: LookFine, Says: "No client certificate was presented; sandbox asks for none."})
		return
	}
	l.add(LookResult{About: "certificate", Result: LookWrong, Code: gate.CertificateRequired.String(), Says: "No client certificate was presented.",
		Do: "Give your client the certificate and its private key (curl: --cert client.crt --key client.key). If it has both: many clients send none " +
			"that was not issued by a CA which the server names, and a proxy that opens TLS takes the certificate away."})
}

// judgeCertificate says in words why the gate would take or refuse the certificate.
func (l *Look) judgeCertificate(chain []*x509.Certificate, known *authority.Recognition) LookResult {
	crt, f := chain[0], LookResult{About: "certificate"}
	switch known.Reason {
	case gate.Allowed:
		return l.goodCertificate(known)
	case gate.CertificateUntrusted:
		f.Says, f.Do = untrusted(chain)
	case gate.CertificateExpired:
		f.Says, f.Do = "It expired on "+crt.NotAfter.UTC().Format(day)+".", "Ask for a new enrollment, and renew in time from then on."
	case gate.CertificateNotYetValid:
		f.Says, f.Do = "It is not valid before "+crt.NotBefore.UTC().Format(day)+".", "Wait until then, and compare your clock with ours."
	case gate.CertificateUnsuitable:
		f.Says = "It is not one for clients: it is a CA, or its extended key usage does not name clientAuth."
		f.Do = "Use the certificate that enrollment gave you, not that of a web server or a CA."
	case gate.CertificateUnknown:
		f.Says = "A CA that we know issued it, but it is not registered here."
		f.Do = "Use the certificate that enrollment gave you last. One of another system, or issued by another certgate, is not good here."
	case gate.CertificateRevoked:
		f.Says, f.Do = "It was revoked, which is for good.", "Use the newest certificate that you took; without one ask for a new enrollment."
	case gate.CertificateUnchecked:
		f.Says = "It is of your own CA, whose revocation list has run out or could not be read, so that nothing of that CA is accepted."
		f.Do = "Have whoever runs the CA publish a current list, or ask for an enrollment link and take a certificate of ours."
	default:
		f.Says, f.Do = "It cannot be judged now.", "Try again in a moment."
	}
	return f
}

// goodCertificate says whose environment it is for and how long it lasts.
func (l *Look) goodCertificate(known *authority.Recognition) LookResult {
	c := known.Caller.Certificate
	whose := "A CA of ours issued it"
	if known.Foreign {
		whose = "A CA of yours that is registered here issued it"
	}
	f := LookResult{About: "certificate", Result: LookFine, Says: fmt.Sprintf("%s, for %s. It ends on %s, in %d days.", whose, c.Environment,
		c.NotAfter.UTC().Format(day), l.Certificate.DaysLeft)}
	if l.Certificate.DaysLeft < soonDays {
		f.Result, f.Do = LookNote, "Renew it now."
	}
	return f
}

// untrusted says what is missing, from what was sent alone.
func untrusted(chain []*x509.Certificate) (says, do string) {
	crt := chain[0]
	issuer := subjectText(crt.Issuer.String())
	switch {
	case bytes.Equal(crt.RawIssuer, crt.RawSubject):
		return "It is self-signed; no CA that we know issued it.", "Use the certificate that enrollment gave you."
	case len(chain) == 1:
		return fmt.Sprintf("%s issued it, which is no CA that we know, and that CA's own certificate was not sent along.", issuer),
			"If it is an intermediate CA, send the whole chain: your certificate first, then the intermediate. Else use the certificate that enrollment gave you."
	}
	return fmt.Sprintf("%s issued it, and none of the %d certificates that were sent leads to a CA that we know.", issuer, len(chain)),
		"Use the certificate that enrollment gave you, with the chain that came with it."
}

// key says what the key shows by itself: never whether there is such a key.
func (l *Look) key(r *http.Request, key gate.PresentedKey, fault bool) {
	f := LookResult{About: "key", Result: LookWrong, Code: gate.InvalidToken.String()}
	l.Key.Shape = map[gate.KeyShape]string{gate.NoKey: "none", gate.WellFormed: "ours", gate.Malformed: "malformed", gate.BadChecksum: "checksum-wrong", gate.Foreign: "other"}[key.Shape]
	switch {
	case fault:
		f.Code, f.Says = gate.InvalidRequest.String(), "There are several keys, or one in the address."
		f.Do = "Send exactly one Authorization header field. A key that was ever part of an address must be taken as known to others: have it revoked."
	case key.Shape == gate.NoKey:
		f.Code, f.Says = gate.KeyRequired.String(), "No key was presented."
		f.Do = `Send the header field "Authorization: Bearer KEY".`
		if len(r.Header["Authorization"]) > 0 {
			f.Says = "The Authorization header field is not of the form Bearer KEY."
		}
	case key.Shape == gate.BadChecksum:
		f.Says, f.Do = "It looks like a key of ours, but a character was lost or changed.", "Copy it again, whole."
	case key.Shape == gate.Malformed:
		f.Says = "It is not a key of ours: it begins like one and has another length, or holds characters that none has."
		f.Do = "Copy it again, whole, without blanks, quotes or line ends."
	case key.Shape == gate.Foreign:
		f = LookResult{About: "key", Result: LookNote, Says: "It has not the form of a key of ours; only a token from before looks otherwise. Whether it is good is not said here.",
			Do: "If you took it from an enrollment, copy it again: those begin with orpk_, orpp_ or ort_."}
	default:
		l.Key.Environment = &key.Environment
		f = LookResult{About: "key", Result: LookFine, Says: fmt.Sprintf("It has the form of a key for %s, and its checksum is right. Whether it is good is not said here.", key.Environment)}
	}
	l.add(f)
}

// pair compares the environments, and says outside production whether both are of one device.
func (l *Look) pair(key gate.PresentedKey, known *authority.Recognition) {
	f := LookResult{About: "pair", Result: LookWrong, Code: gate.InvalidToken.String()}
	c := known.Caller.Certificate
	switch {
	case c == nil || key.Shape != gate.WellFormed && key.Shape != gate.Foreign:
		return
	case key.Shape == gate.WellFormed && key.Environment != c.Environment:
		f.Says = fmt.Sprintf("The key is for %s and the certificate for %s.", key.Environment, c.Environment)
		f.Do = "Use key and certificate of one enrollment, on the site of their environment."
	case known.Pair == authority.PairBelongs:
		f = LookResult{About: "pair", Result: LookFine, Says: "Key and certificate belong together."}
	case known.Pair == authority.PairDoesNot:
		f.Says, f.Do = "This key is not good with this certificate.", "Use the newest key and certificate of one device."
	default:
		f = LookResult{About: "pair", Result: LookNote, Says: "Whether key and certificate belong together is not said in production.",
			Do: "Ask the API itself: GET " + WellKnown + "/status with both."}
	}
	l.add(f)
}

// clock compares the client's clock with ours, if it says its time.
func (l *Look) clock(date string, now time.Time) {
	if date == "" {
		return
	}
	at, err := http.ParseTime(date)
	if err != nil {
		l.add(LookResult{About: "clock", Result: LookNote, Says: "The Date of the request cannot be read."})
		return
	}
	seconds := int64(at.Sub(now) / time.Second)
	l.ClockDifference = &seconds
	f := LookResult{About: "clock", Result: LookFine, Says: "Your clock and ours agree within a minute."}
	if seconds > maxClockDifference || seconds < -maxClockDifference {
		f.Result, f.Do = LookNote, "Set it by a time server: certificates and contracts begin and end by ours."
		f.Says = fmt.Sprintf("Your clock is %s %s ours.", (at.Sub(now)).Abs().Truncate(time.Second), map[bool]string{true: "ahead of", false: "behind"}[seconds > 0])
	}
	l.add(f)
}

// owner says what stands in the way of the device, in the order of the checks.
func (l *Look) owner(known *authority.Recognition) {
	c := &known.Caller
	l.Device = ownStatus(c, c.Certificate.Environment, known.Now)
	s := l.Device
	name := s.Account.Slug + "/" + s.Organization.Slug + "/" + s.Device.Slug
	f := LookResult{About: "device", Result: LookFine, Says: "You are " + name + "."}
	for i, noun := range []string{gate.OfAccount: "account", gate.OfOrganization: "organization", gate.OfDevice: "device", gate.OfCertificate: "certificate"} {
		if noun == "" {
			continue // keys are not spoken of
		}
		status := gate.StatusOf(c.Remediations[i], known.Now)
		if status == gate.Normal {
			continue
		}
		f.Result, f.Do = LookWrong, "See the notice that your contacts were sent."
		if f.Code = gate.AccountSuspended.String(); status == gate.Terminated {
			f.Code = gate.AccountTerminated.String()
		}
		f.Says += fmt.Sprintf(" The %s is %s.", noun, status)
	}
	l.add(f)
	if s.Environment.NeedsCertification() {
		l.terms(s, known)
	}
	l.limits(known.Plan)
}

// terms says how contract and certification stand.
func (l *Look) terms(s *OwnStatus, known *authority.Recognition) {
	switch c := s.Contract; {
	case c == nil:
		l.add(LookResult{About: "contract", Result: LookWrong, Code: gate.ContractMissing.String(), Says: "There is no contract.", Do: "Ask your business contact here."})
	case c.State != gate.ContractInForce.String():
		code := gate.ContractHasEnded
		if c.State == gate.ContractNotStarted.String() {
			code = gate.ContractNotYetStarted
		}
		l.add(LookResult{About: "contract", Result: LookWrong, Code: code.String(), Says: fmt.Sprintf("The contract is %s; it is for %s to %s.", c.State, c.First, c.Last)})
	default:
		l.add(LookResult{About: "contract", Result: LookFine, Says: fmt.Sprintf("The contract is in force until %s; %d days are left.", c.Last, c.DaysLeft)})
	}
	f := LookResult{About: "certification", Result: LookWrong, Code: gate.CertificationMissing.String(), Says: "This device is not certified.", Do: "Ask for an interview."}
	if c := s.Certification; c != nil {
		f.Says, f.Code = "The certification is "+c.State+".", gate.CertificationEnded.String()
		switch _, state := known.Caller.Certification(known.Caller.Contract(known.Now), known.Now); state { //nolint:exhaustive // the others have ended
		case gate.InForce:
			f = LookResult{About: "certification", Result: LookFine, Says: fmt.Sprintf("The certification is in force; %d days are left.", c.DaysLeft)}
		case gate.Lapsed:
			f.Code = gate.RecertificationOverdue.String()
		case gate.CertificationRevoked:
			f.Code = gate.CertificationNoLonger.String()
		}
	}
	l.add(f)
}

// limits says how much may be used.
func (l *Look) limits(plan *gate.UsagePlan) {
	if !plan.Limited() {
		l.add(LookResult{About: "limits", Result: LookFine, Says: "How much you use is not limited."})
		return
	}
	for i := range plan.Limits {
		l.Limits = append(l.Limits, plan.Limits[i].String())
	}
	l.add(LookResult{About: "limits", Result: LookFine, Says: "You may use: " + strings.Join(l.Limits, "; ") + "."})
}

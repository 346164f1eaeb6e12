package api

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Look is what the gate sees of whoever asks /check on the public site: in words, and as data for programs. It depends on what was
// presented, and on our records only about a certificate that they hold, whose private key the handshake has proven. Whether a key exists
// it never says.
type Look struct {
	OK       bool         `json:"ok"` // nothing of what was seen would be refused
	At       time.Time    `json:"at"` // our clock
	Findings []LookResult `json:"findings"`

	TLS         LookTLS          `json:"tls"`
	Certificate *LookCertificate `json:"certificate,omitempty"` // none was presented
	Key         LookKey          `json:"key"`
	// ClockDifference is how far the Date of the request was ahead of our clock, in seconds; left out where it had none.
	ClockDifference *int64 `json:"clock_difference_seconds,omitempty"`
	// Device is whose the certificate is, and Limits are how much it may use; only of a certificate that would be let in.
	Device *OwnStatus `json:"device,omitempty"`
	Limits []string   `json:"limits,omitempty"`
}

// LookResult is one thing that was looked at.
type LookResult struct {
	About  string  `json:"about"` // tls, certificate, key, pair, clock, device, contract, certification, limits
	Result Verdict `json:"result"`
	Says   string  `json:"says"`
	Do     string  `json:"do,omitempty"`   // what to do about it
	Code   string  `json:"code,omitempty"` // of the problem with which the gate would refuse; its page is /problems/CODE
}

// Verdict says whether something that was looked at is as it must be.
type Verdict string

// The verdicts, a closed list.
const (
	LookFine  Verdict = "fine"
	LookNote  Verdict = "note"  // would not be refused now, but is worth knowing
	LookWrong Verdict = "wrong" // would be refused
)

// LookTLS is the connection.
type LookTLS struct {
	Version string `json:"version"`
	Cipher  string `json:"cipher"`
	HTTP    string `json:"http"` // HTTP/1.1, HTTP/2.0
}

// LookCertificate is the client certificate that was presented.
type LookCertificate struct {
	Fingerprint gate.Fingerprint `json:"fingerprint"`
	Subject     string           `json:"subject"`
	Issuer      string           `json:"issuer"`
	IssuedBy    string           `json:"issued_by"` // ours, imported (a customer's own CA that was registered) or unknown
	NotBefore   time.Time        `json:"not_before"`
	NotAfter    time.Time        `json:"not_after"`
	DaysLeft    int              `json:"days_left"`
	Sent        int              `json:"sent"` // how many certificates the client sent, its own included
}

// LookKey is what the key that was presented shows by itself.
type LookKey struct {
	Shape       string            `json:"shape"`                 // none, ours, checksum-wrong, malformed, or other: perhaps a token from before
	Environment *gate.Environment `json:"environment,omitempty"` // by its prefix
}

const (
	// soonDays is when the end of a certificate is worth a note.
	soonDays = 30
	// maxClockDifference is more than what HTTP's whole seconds and a slow connection explain (seconds).
	maxClockDifference = 60
)

// look answers /check.
func (p *Public) look(w http.ResponseWriter, r *http.Request) {
	a := p.Authority()
	if a == nil {
		p.fail(w, r, gate.Errorf(gate.ShuttingDown, "certgate is starting; try again in a moment"))
		return
	}
	if !p.looks.admit(sourceOf(r), a.Now()) {
		w.Header().Set("Retry-After", "60")
		writeBody(w, answer{status: http.StatusTooManyRequests, contentType: "text/plain; charset=utf-8",
			body: []byte("Too many questions from your address; try again in a minute.\n")})
		return
	}
	seen, err := p.see(a, r)
	if err != nil {
		p.fail(w, r, gate.Errorf(gate.ShuttingDown, "certgate cannot decide now; try again in a moment"))
		return
	}
	w.Header().Add("Vary", "Accept")
	switch {
	case prefersJSON(r.Header["Accept"]):
		body, err := json.Marshal(seen)
		if err != nil { // cannot happen: strings, numbers and times
			body = []byte("{}")
		}
		writeBody(w, answer{status: http.StatusOK, contentType: jsonType, body: append(body, '\n')})
	case prefersHTML(r.Header["Accept"]):
		writePage(w, http.StatusOK, "look", seen)
	default:
		writeBody(w, answer{status: http.StatusOK, contentType: "text/plain; charset=utf-8", body: []byte(seen.Text())})
	}
}

// see looks at everything that the request shows.
func (p *Public) see(a *authority.Authority, r *http.Request) (*Look, error) {
	presented := gate.Request{Authorization: r.Header["Authorization"], Query: r.URL.RawQuery}
	key, fault := presented.Key()
	var leaf *gate.Leaf
	if p.Leaf != nil {
		leaf = p.Leaf(r)
	}
	known, err := a.Recognize(leaf, key)
	if err != nil {
		return nil, err
	}
	l := &Look{OK: true, At: known.Now.UTC()}
	l.connection(r)
	if leaf != nil && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		l.certificate(r.TLS.PeerCertificates, leaf, known)
	} else {
		l.noCertificate(key)
	}
	l.key(r, key, fault)
	l.pair(key, known)
	l.clock(r.Header.Get("Date"), known.Now)
	if known.Reason == gate.Allowed {
		l.owner(known)
	}
	return l, nil
}

// add notes a finding.
func (l *Look) add(f LookResult) {
	l.OK = l.OK && f.Result != LookWrong
	l.Findings = append(l.Findings, f)
}

func (l *Look) connection(r *http.Request) {
	l.TLS.HTTP = r.Proto
	if r.TLS == nil {
		l.add(LookResult{About: "tls", Result: LookWrong, Says: "This request came without TLS.", Do: "Use https."})
		return
	}
	l.TLS.Version, l.TLS.Cipher = tls.VersionName(r.TLS.Version), tls.CipherSuiteName(r.TLS.CipherSuite)
	l.add(LookResult{About: "tls", Result: LookFine, Says: l.TLS.Version + " with " + l.TLS.Cipher + ", " + l.TLS.HTTP + "."})
}

// issuedBy says whose CA issued a certificate, without naming anybody.
func issuedBy(leaf *gate.Leaf, known *authority.Recognition) string {
	switch {
	case leaf.Anchor.IsZero():
		return "unknown"
	case known.Foreign:
		return "imported"
	}
	return "ours"
}

// subjectText is a distinguished name, for people.
func subjectText(name string) string { return cmp.Or(gate.Clip(name, 200), "(no name)") }

func (l *Look) certificate(chain []*x509.Certificate, leaf *gate.Leaf, known *authority.Recognition) {
	crt := chain[0]
	l.Certificate = &LookCertificate{Fingerprint: leaf.Fingerprint, Subject: subjectText(crt.Subject.String()), Issuer: subjectText(crt.Issuer.String()),
		IssuedBy: issuedBy(leaf, known), NotBefore: crt.NotBefore.UTC(), NotAfter: crt.NotAfter.UTC(), DaysLeft: daysLeft(crt.NotAfter, known.Now), Sent: len(chain)}
	f := l.judgeCertificate(chain, known)
	if known.Reason != gate.Allowed {
		f.Result, f.Code = LookWrong, known.Reason.String()
	}
	l.add(f)
	if len(chain) > 1 && crt.CheckSignatureFrom(chain[1]) != nil {
		l.add(LookResult{About: "certificate", Result: LookNote, Says: "The second certificate that was sent did not issue the first.",
			Do: "Put the client certificate first, then the CA that issued it; leave out roots and others."})
	}
}

// Text is the look in words, a paragraph for each finding.
func (l *Look) Text() string {
	var b strings.Builder
	verdict := "Nothing that is seen here would be refused. What is called, why and from where is judged on each call."
	if !l.OK {
		verdict = "The gate would refuse this."
	}
	b.WriteString(verdict + "\n\n")
	for _, f := range l.Findings {
		b.WriteString(padded(string(f.Result), 7) + padded(f.About, 15) + f.Says + "\n")
		if f.Code != "" {
			b.WriteString(padded("", 22) + "code: " + f.Code + ", see /problems/" + f.Code + "\n")
		}
		if f.Do != "" {
			b.WriteString(padded("", 22) + "do: " + f.Do + "\n")
		}
	}
	return b.String()
}

func padded(s string, width int) string { return s + strings.Repeat(" ", max(width-len(s), 1)) }

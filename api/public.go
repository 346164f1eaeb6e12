package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Public is the site for which nobody needs a certificate: enrollment, and the pages about problems. Nothing here changes by being
// looked at: mail scanners open links.
type Public struct {
	Authority func() *authority.Authority // nil while starting
	// OnError is told what went wrong on our side, with the id that the client was given; the answer does not say it. Nil: nobody is.
	OnError func(r *http.Request, err error, id string)
	// Leaf is what the request's client certificate shows, nil if there is none. Nil: /check takes every request for one without.
	Leaf func(r *http.Request) *gate.Leaf

	looks sources // who asked /check how often
}

// maxEnrollment bounds what a customer may send: a signing request has some 2 KB.
const maxEnrollment = 64 << 10

//go:embed templates/*.html
var pagesHTML embed.FS

var site = template.Must(template.ParseFS(pagesHTML, "templates/*.html"))

//go:embed assets
var assets embed.FS

// policy is the Content-Security-Policy of every page: nothing from elsewhere, nothing inline, in no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// Redeemed is what a customer receives for its enrollment link, once.
type Redeemed struct {
	CertificateChain string             `json:"certificate_chain"` // PEM: the certificate, then its issuer
	Key              string             `json:"key"`
	KeyID            gate.KeyID         `json:"key_id"`
	CertificateID    gate.CertificateID `json:"certificate_id"`
	Device           string             `json:"device"` // slug path
	Environment      gate.Environment   `json:"environment"`
	NotAfter         time.Time          `json:"not_after"`
	Acknowledge      string             `json:"acknowledge"` // what to do next
	Kit              string             `json:"kit"`         // the file name for what POST /enroll/kit gives
}

// credentialPage is a credential on a page that works without scripts: its buttons send the token, which is dead soon.
type credentialPage struct {
	Redeemed
	Token string `json:"-"`
}

// redemption and acknowledgement are what the customer sends.
type redemption struct {
	Token string `json:"token"`
	CSR   string `json:"csr"` // PEM
	// Certificate is the customer's own, of a CA that is allowed for its account, with those above it, in PEM; empty: one of ours is wanted. CSR
	// then proves that its private key is there.
	Certificate string `json:"certificate,omitempty"`
}

type acknowledgement struct {
	Token string `json:"token"`
}

// ServeHTTP implements http.Handler.
func (p *Public) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, isAsset := strings.CutPrefix(r.URL.Path, "/assets/")
	code, isProblem := strings.CutPrefix(r.URL.Path, "/problems/")
	switch {
	case r.URL.Path == "/enroll":
		byMethod(w, r, p.enrollPage, p.redeem)
	case r.URL.Path == authority.StaffLinkPath:
		byMethod(w, r, func(w http.ResponseWriter, _ *http.Request) { writePage(w, http.StatusOK, "staff", nil) }, p.redeemStaff)
	case r.URL.Path == "/enroll/acknowledgement":
		byMethod(w, r, nil, p.acknowledge)
	case r.URL.Path == "/check":
		byMethod(w, r, p.look, nil)
	case r.URL.Path == "/enroll/kit":
		byMethod(w, r, nil, p.kit)
	case r.URL.Path == "/":
		byMethod(w, r, func(w http.ResponseWriter, _ *http.Request) { writePage(w, http.StatusOK, "index", nil) }, nil)
	case r.URL.Path == "/problems":
		byMethod(w, r, listProblems, nil)
	case isProblem:
		byMethod(w, r, func(w http.ResponseWriter, r *http.Request) { p.problem(w, r, code) }, nil)
	case isAsset:
		byMethod(w, r, func(w http.ResponseWriter, _ *http.Request) { writeAsset(w, name) }, nil)
	default:
		writeRefused(w, r, notFound(""))
	}
}

// byMethod calls get or post; a nil one is not allowed.
func byMethod(w http.ResponseWriter, r *http.Request, get, post http.HandlerFunc) {
	switch {
	case reads(r) && get != nil:
		get(w, r)
	case r.Method == http.MethodPost && post != nil:
		post(w, r)
	case post == nil:
		writeRefused(w, r, methodNotAllowed(w, "", "GET, HEAD"))
	case get == nil:
		writeRefused(w, r, methodNotAllowed(w, "", "POST"))
	default:
		writeRefused(w, r, methodNotAllowed(w, "", "GET, HEAD, POST"))
	}
}

func (p *Public) enrollPage(w http.ResponseWriter, _ *http.Request) {
	writePage(w, http.StatusOK, "enroll", nil)
}

// redeem gives the holder of a link certificate and key. Neither the token nor the key is logged, and no error repeats what was sent.
func (p *Public) redeem(w http.ResponseWriter, r *http.Request) {
	var in redemption
	a, err := p.receive(w, r, &in, func(form url.Values) {
		in = redemption{Token: form.Get("token"), CSR: form.Get("csr"), Certificate: form.Get("certificate")}
	})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	got, err := in.redeem(a)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	answer := Redeemed{
		CertificateChain: string(got.Chain), Key: got.Key, KeyID: got.KeyID, CertificateID: got.Certificate.ID,
		Device: devicePath(a.Directory(), got.Device), Environment: got.Device.Environment, NotAfter: got.Certificate.NotAfter,
		Acknowledge: "POST /enroll/acknowledgement with the same token",
	}
	answer.Kit = kitName(answer.Device)
	p.answer(w, r, "credential", credentialPage{answer, in.Token})
}

func (in *redemption) redeem(a *authority.Authority) (*authority.Credential, error) {
	if strings.TrimSpace(in.Certificate) == "" {
		return a.Redeem(in.Token, []byte(in.CSR))
	}
	return a.Bring(in.Token, []byte(in.CSR), []byte(in.Certificate))
}

func (p *Public) acknowledge(w http.ResponseWriter, r *http.Request) {
	var in acknowledgement
	a, err := p.receive(w, r, &in, func(form url.Values) { in.Token = form.Get("token") })
	if err == nil {
		err = a.Acknowledge(in.Token)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.answer(w, r, "acknowledged", map[string]bool{"acknowledged": true})
}

// receive reads a post in either form, JSON or that of a web page.
func (p *Public) receive(w http.ResponseWriter, r *http.Request, in any, form func(url.Values)) (*authority.Authority, error) {
	a := p.Authority()
	if a == nil {
		return nil, gate.Errorf(gate.ShuttingDown, "certgate is starting; try again in a moment")
	}
	if err := crossOrigin.Check(r); err != nil {
		return nil, gate.Errorf(gate.Forbidden, "this is not taken from pages of other sites")
	}
	body, err := readBody(w, r, maxEnrollment)
	if err != nil {
		return nil, err
	}
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType == "application/x-www-form-urlencoded" {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, unreadable("the form cannot be read")
		}
		form(values)
		return a, nil
	}
	if err := checkJSONType(r.Header); err != nil {
		return nil, err
	}
	return a, decode(body, in)
}

func (p *Public) answer(w http.ResponseWriter, r *http.Request, page string, v any) {
	if prefersHTML(r.Header["Accept"]) {
		writePage(w, http.StatusOK, page, v)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

func (p *Public) fail(w http.ResponseWriter, r *http.Request, err error) {
	id := ""
	if a := p.Authority(); a != nil {
		id = a.DecisionID()
	}
	report(p.OnError, r, err, id)
	writeRefused(w, r, problemOf(err, id, ""))
}

// explained is a page about a problem as data.
type explained struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	What   string `json:"what_happened"`
	Who    string `json:"who_can_fix_it"`
	Do     string `json:"what_to_do"`
	Retry  string `json:"does_a_retry_help"`
}

func explain(code string) explained {
	p := pages[code]
	return explained{Code: code, Title: p.Title, Status: statusOfCode(code), What: p.What, Who: p.Who, Do: p.Do, Retry: p.Retry}
}

func (p *Public) problem(w http.ResponseWriter, r *http.Request, code string) {
	if _, known := pages[code]; !known {
		writeRefused(w, r, notFound(""))
		return
	}
	w.Header().Add("Vary", "Accept")
	if prefersJSON(r.Header["Accept"]) {
		writeJSON(w, http.StatusOK, explain(code))
		return
	}
	writePage(w, http.StatusOK, "problem", explain(code))
}

func listProblems(w http.ResponseWriter, r *http.Request) {
	var all []explained
	for _, code := range codes() {
		all = append(all, explain(code))
	}
	w.Header().Add("Vary", "Accept")
	if prefersJSON(r.Header["Accept"]) {
		writeJSON(w, http.StatusOK, all)
		return
	}
	writePage(w, http.StatusOK, "problems", all)
}

// writeRefused answers with a problem, to a browser as a page.
func writeRefused(w http.ResponseWriter, r *http.Request, p *Problem) {
	if prefersHTML(r.Header["Accept"]) {
		writePage(w, p.Status, "refused", p)
		return
	}
	writeProblem(w, p)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // cannot happen: what is written here is made of texts and numbers
		status, body = http.StatusInternalServerError, []byte("{}")
	}
	writeBody(w, answer{status: status, contentType: jsonType, body: append(body, '\n')})
}

// writePage renders a page with the headers that keep what it shows where it is.
func writePage(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := site.ExecuteTemplate(&b, name, data); err != nil { // cannot happen: every page is rendered by a test
		status, b = http.StatusInternalServerError, bytes.Buffer{}
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	writeBody(w, answer{status: status, contentType: "text/html; charset=utf-8", body: b.Bytes()})
}

func writeAsset(w http.ResponseWriter, name string) {
	body, err := assets.ReadFile("assets/" + name)
	if err != nil {
		writeProblem(w, notFound(""))
		return
	}
	writeBody(w, answer{status: http.StatusOK, contentType: mime.TypeByExtension(path.Ext(name)), body: body})
}

package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// Where a device renews its own credential, on the site that it calls.
const (
	RenewCertificatePath = WellKnown + "/certificate"
	RenewKeyPath         = WellKnown + "/key"
)

// chainType is the media type of a PEM chain (RFC 8555 section 9.1).
const chainType = "application/pem-certificate-chain"

// renewalPolicy names in violated-policies what bounds renewals.
const renewalPolicy = "renewal"

// maxRenewal bounds what a customer may send: a signing request has some 2 KB.
const maxRenewal = 16 << 10

// RenewedKey is the answer to the renewal of a key.
type RenewedKey struct {
	ID          gate.KeyID       `json:"id"`
	Key         string           `json:"key"` // the key itself: once
	Environment gate.Environment `json:"environment"`
	Replaces    gate.KeyID       `json:"replaces"`
	RetireAt    time.Time        `json:"retire_at"` // until then the replaced one is good
}

// Renews reports whether a request asks for a new credential: more than who calls must then be judged.
func Renews(r *http.Request) bool {
	path := r.URL.EscapedPath()
	return r.Method == http.MethodPost && (path == RenewCertificatePath || path == RenewKeyPath)
}

// ServeRenewal gives an entitled caller a new certificate or key. It has answered unless the error is authority.ErrNotEntitled; any other
// error is ours, to be logged.
func ServeRenewal(w http.ResponseWriter, r *http.Request, call *authority.Call, a *authority.Authority) error {
	var out answer
	body, err := readBody(w, r, maxRenewal)
	if err == nil {
		if r.URL.EscapedPath() == RenewKeyPath {
			out, err = renewKey(call, a)
		} else {
			out, err = renewCertificate(r, call, a, body)
		}
	}
	switch {
	case errors.Is(err, authority.ErrNotEntitled):
		return err
	case err != nil:
		refuseRenewal(w, call.ID(), err)
		if gate.KindOf(err) == gate.Internal {
			return err
		}
		return nil
	}
	out.status, out.requestID = http.StatusOK, call.ID()
	writeBody(w, out)
	return nil
}

func renewKey(call *authority.Call, a *authority.Authority) (answer, error) {
	made, err := a.RenewKey(call)
	if err != nil {
		return answer{}, err
	}
	body, err := json.Marshal(RenewedKey{ID: made.Record.ID, Key: made.Key, Environment: made.Record.Environment, Replaces: made.Replaced.ID, RetireAt: *made.Replaced.RetireAt})
	return answer{contentType: jsonType, body: append(body, '\n')}, err
}

// renewCertificate takes a signing request however it is labeled: clients say many things, and the request itself shows what it is.
func renewCertificate(r *http.Request, call *authority.Call, a *authority.Authority, csr []byte) (answer, error) {
	chain, err := a.RenewCertificate(call, csr, gate.CertificateID(r.URL.Query().Get("replace")))
	if e, ok := errors.AsType[*gate.Error](err); ok && e.Field == "csr" && bytes.Contains(csr, []byte("-----BEGIN")) && !bytes.Contains(csr, []byte("\n")) {
		err = gate.FieldErrorf("csr", "%s (the line ends are missing: curl needs --data-binary @request.csr, not -d)", e.Text)
	}
	return answer{contentType: chainType, body: chain}, err
}

func refuseRenewal(w http.ResponseWriter, id string, err error) {
	p := problemOf(err, id, "")
	if later, ok := errors.AsType[*gate.WaitError](err); ok {
		code := gate.RateExceeded.String()
		p = &Problem{Type: problemType("", code), Title: pages[code].Title, Status: http.StatusTooManyRequests, Detail: later.Text, Instance: id, Code: code,
			Violated: []string{renewalPolicy}}
		w.Header().Set("Retry-After", strconv.FormatInt(max(ratelimit.Seconds(later.Wait), 1), 10))
	}
	writeProblem(w, p)
}

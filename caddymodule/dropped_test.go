package caddymodule_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/caddymodule"
	"github.com/onerecord/certgate/gate"
)

// scissors is a connection that is dropped after so many bytes, the handshake's too, in one direction; less than 0: never.
type scissors struct {
	net.Conn
	out, in       *atomic.Int64 // how many passed
	maxOut, maxIn int64
}

var errCut = errors.New("the connection was dropped")

func (s *scissors) Write(b []byte) (int, error) {
	if left := s.maxOut - s.out.Load(); s.maxOut >= 0 && left < int64(len(b)) {
		n, _ := s.Conn.Write(b[:max(left, 0)])
		s.out.Add(int64(n))
		return n, errors.Join(errCut, s.drop())
	}
	n, err := s.Conn.Write(b)
	s.out.Add(int64(n))
	return n, err
}

func (s *scissors) Read(b []byte) (int, error) {
	if left := s.maxIn - s.in.Load(); s.maxIn >= 0 && left < int64(len(b)) {
		if left <= 0 {
			return 0, errors.Join(errCut, s.drop())
		}
		b = b[:left]
	}
	n, err := s.Conn.Read(b)
	s.in.Add(int64(n))
	return n, err
}

// drop ends the connection as a cable that is pulled out does, without a farewell.
func (s *scissors) drop() error {
	if c, ok := s.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	return s.Close()
}

// cable sends one request over a connection of its own, which may be dropped, and counts what passed.
type cable struct {
	w       *world
	proto   string // h1 or h2
	crt     *tls.Certificate
	out, in atomic.Int64
}

// post returns the answer, or the error of a connection that was dropped before it was whole.
func (l *cable) post(url, contentType, key string, body []byte, maxOut, maxIn int64) (int, []byte, http.Header, error) {
	l.out.Store(0)
	l.in.Store(0)
	config := &tls.Config{RootCAs: l.w.roots, MinVersion: tls.VersionTLS12}
	if l.crt != nil {
		config.Certificates = []tls.Certificate{*l.crt}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: l.proto == "h2", DisableKeepAlives: l.proto == "h1",
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&loopback{l.w.port}).dial(ctx, network, address)
			return &scissors{c, &l.out, &l.in, maxOut, maxIn}, err
		}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(l.w.t.Context(), http.MethodPost, url, bytes.NewReader(body))
	must(l.w.t, err)
	r.GetBody = nil // the client must not repeat it by itself
	r.Header.Set("Content-Type", contentType)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, resp.Header, err
}

// cuts are places to cut within so many bytes: some on the way, and each of the last ones, where the request ends or the answer begins and ends.
func cuts(total int64) (list []int64) {
	for n := int64(0); n < total-4; n += max(total/24, 1) {
		list = append(list, n+n%7)
	}
	for n := total - 4; n <= total; n++ {
		list = append(list, n)
	}
	return list
}

// unsteady is a world whose clock can be moved ahead.
func unsteady(t *testing.T) (*world, *atomic.Int64) {
	t.Helper()
	var ahead atomic.Int64
	caddymodule.TellTimeBy(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	t.Cleanup(func() { caddymodule.TellTimeBy(nil) })
	return newWorld(t), &ahead
}

// preprod is a further device of the account with the token of its link.
func (w *world) preprod(account *gate.Account, n int) (*gate.Device, string) {
	w.t.Helper()
	device := w.device(account, "pre-"+strconv.Itoa(n), gate.Preprod)
	return device, w.link(device, "")
}

// live are the keys and certificates of a device that can be used.
func (w *world) live(device gate.DeviceID) (keys, certificates int) {
	now := w.authority().Now()
	for _, k := range w.authority().Directory().Keys(device) {
		if k.State(now).Live() {
			keys++
		}
	}
	for _, c := range w.authority().Directory().Certificates(device) {
		if c.State(now).Live() {
			certificates++
		}
	}
	return keys, certificates
}

// passes checks that a customer can call with what it ended up with.
func (w *world) passes(what string, crt *tls.Certificate, key string) {
	w.t.Helper()
	treats := func(r *http.Request) { r.Header.Set("Purpose-Of-Use", "TREAT") }
	if resp, body := w.get(w.client("h1", crt), "preprod.test", "/fhir/Patient/1", key, treats); resp.StatusCode != http.StatusOK {
		w.t.Errorf("%s: %d %s", what, resp.StatusCode, body)
	}
}

// An enrollment is dropped four times at every place in turn and then finished with the same link and the same signing request: the customer
// has one certificate and one key, which work, and what was given and never arrived is no good any more.
func TestADroppedEnrollmentCanBeFinished(t *testing.T) {
	w, _ := unsteady(t)
	account, err := w.authority().CreateAccount(w.ben, gate.Account{Slug: "acme", Name: "Acme", Zone: "UTC",
		Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@example.com"}}})
	must(t, err)
	for i, proto := range []string{"h1", "h2"} {
		l := &cable{w: w, proto: proto}
		url := w.url("public.test") + "/enroll"
		n := i * 1000
		next := func() *enrolling {
			n++
			e := &enrolling{cable: l, url: url}
			e.device, e.token = w.preprod(account, n)
			e.key, e.csr = newCSR(t)
			return e
		}
		e := next()
		e.finish(t)
		out, in := l.out.Load(), l.in.Load()
		e = next()
		dropped := 0
		for _, cut := range cuts(out) {
			if e.try(cut, -1) == nil {
				e.check(t, "out", cut)
				e = next()
			}
		}
		e.finish(t)
		e = next()
		for _, cut := range cuts(in) {
			if e.try(-1, cut) == nil { // the end of the answer was no part of it
				e.check(t, "in", cut)
				e, dropped = next(), 0
				continue
			}
			if dropped++; dropped == gate.EnrollmentRedemptions-1 {
				e.finish(t)
				e, dropped = next(), 0
			}
		}
		e.finish(t)
	}
}

// enrolling is a customer who redeems a link until it has the answer.
type enrolling struct {
	*cable
	url    string
	device *gate.Device
	token  string
	key    *ecdsa.PrivateKey
	csr    []byte
	got    api.Redeemed
}

func (e *enrolling) try(maxOut, maxIn int64) error {
	body, err := json.Marshal(map[string]string{"token": e.token, "csr": string(e.csr)})
	must(e.w.t, err)
	status, answer, _, err := e.post(e.url, "application/json", "", body, maxOut, maxIn)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		e.w.t.Fatalf("cut at %d, %d: %d %s", maxOut, maxIn, status, answer)
	}
	return json.Unmarshal(answer, &e.got)
}

func (e *enrolling) finish(t *testing.T) {
	t.Helper()
	must(t, e.try(-1, -1))
	out, in := e.out.Load(), e.in.Load()
	e.check(t, "never", 0)
	e.out.Store(out)
	e.in.Store(in)
}

// check looks at what the customer has and at what else there is.
func (e *enrolling) check(t *testing.T, direction string, cut int64) {
	t.Helper()
	what := fmt.Sprintf("%s, cut %s at %d", e.device.Slug, direction, cut)
	if keys, certificates := e.w.live(e.device.ID); keys != 1 || certificates != 1 {
		t.Errorf("%s: %d live keys and %d live certificates", what, keys, certificates)
	}
	crt := pairOf(t, e.got.CertificateChain, e.key)
	e.w.passes(what, &crt, e.got.Key)
}

// A renewal of a certificate is dropped at every place; the same signing request is answered with the same certificate until it has arrived.
func TestADroppedRenewalOfACertificateCanBeFinished(t *testing.T) {
	w, ahead := unsteady(t)
	account, device := w.customer("acme", gate.Preprod)
	for i, proto := range []string{"h1", "h2"} {
		if i > 0 {
			device, _ = w.preprod(account, i)
		}
		old := w.enroll(device, "")
		l := &cable{w: w, proto: proto, crt: &old.tls}
		private, csr := newCSR(t)
		renew := func(maxOut, maxIn int64) (int, []byte, error) {
			ahead.Add(int64(10 * time.Second)) // a device may try ten times a minute
			status, answer, _, err := l.post(w.url("preprod.test")+api.RenewCertificatePath, "application/pkcs10", old.Key, csr, maxOut, maxIn)
			if err == nil && status != http.StatusOK {
				t.Fatalf("cut at %d, %d: %d %s", maxOut, maxIn, status, answer)
			}
			return status, answer, err
		}
		// The first is dropped as late as can be: in the middle of an answer of some 2 KB.
		if _, _, err := renew(-1, 2500); err == nil {
			t.Fatal("the answer was shorter")
		}
		_, chain, err := renew(-1, -1)
		must(t, err)
		out, in := l.out.Load(), l.in.Load()
		for _, cut := range cuts(out) {
			_, _, _ = renew(cut, -1)
		}
		for _, cut := range cuts(in) {
			if _, again, err := renew(-1, cut); err == nil && !bytes.Equal(again, chain) {
				t.Errorf("%s, cut at %d: another certificate", proto, cut)
			}
		}
		if _, again, err := renew(-1, -1); err != nil || !bytes.Equal(again, chain) {
			t.Errorf("%s: %v, in the end another certificate:\n%s", proto, err, again)
		}
		if keys, certificates := w.live(device.ID); keys != 1 || certificates != 2 {
			t.Errorf("%s: %d live keys and %d live certificates", proto, keys, certificates)
		}
		fresh := pairOf(t, string(chain), private)
		w.passes(proto+", the new one", &fresh, old.Key)
		w.passes(proto+", the old one", &old.tls, old.Key)
	}
}

// A renewal of a key is dropped; a minute later it is asked for again. The key that never arrived is revoked, and the old one was good all along.
func TestADroppedRenewalOfAKeyCanBeFinished(t *testing.T) {
	w, ahead := unsteady(t)
	account, device := w.customer("acme", gate.Preprod)
	for i, proto := range []string{"h1", "h2"} {
		var out, in int64
		for n := range 5 {
			if i+n > 0 {
				device, _ = w.preprod(account, i*10+n)
			}
			old := w.enroll(device, "")
			r := &renewingKey{cable: &cable{w: w, proto: proto, crt: &old.tls}, old: old, ahead: ahead}
			if n == 0 { // measures
				r.finish(t)
				out, in = r.out.Load(), r.in.Load()
				continue
			}
			for k := range int64(gate.RenewalsPerDay - 1) {
				r.lose(t, in-80-k*int64(n)*23) // what comes last is not of the answer
			}
			r.finish(t)
		}
		device, _ = w.preprod(account, i*10+5)
		old := w.enroll(device, "")
		r := &renewingKey{cable: &cable{w: w, proto: proto, crt: &old.tls}, old: old, ahead: ahead}
		for _, cut := range cuts(out - 100) { // what comes last, of HTTP/2 and of TLS, is not of the request
			if _, _, _, err := r.post(cut, -1); err == nil {
				t.Errorf("%s, cut out at %d of %d: it was answered", proto, cut, out)
			}
			ahead.Add(int64(10 * time.Second)) // a device may try ten times a minute
		}
		r.finish(t)
	}
}

// renewingKey is a customer who asks for a new key until it has the answer.
type renewingKey struct {
	*cable
	old   *credential
	ahead *atomic.Int64
}

func (r *renewingKey) post(maxOut, maxIn int64) (int, []byte, http.Header, error) {
	return r.cable.post(r.w.url("preprod.test")+api.RenewKeyPath, "application/json", r.old.Key, nil, maxOut, maxIn)
}

// lose asks and is dropped in the middle of the answer. At once it is told to wait, and then it may ask again.
func (r *renewingKey) lose(t *testing.T, cut int64) {
	t.Helper()
	if _, _, _, err := r.post(-1, cut); err == nil {
		t.Errorf("%s, cut in at %d: it was answered", r.proto, cut)
	}
	r.w.passes("the old key meanwhile", &r.old.tls, r.old.Key)
	if status, _, h, err := r.post(-1, -1); err != nil || status != http.StatusTooManyRequests || h.Get("Retry-After") == "" {
		t.Errorf("%s: at once again: %d %v, %v", r.proto, status, h, err)
	}
	r.ahead.Add(int64(gate.RenewalPause))
}

func (r *renewingKey) finish(t *testing.T) {
	t.Helper()
	status, answer, _, err := r.post(-1, -1)
	out, in := r.out.Load(), r.in.Load()
	var made api.RenewedKey
	if err != nil || status != http.StatusOK || json.Unmarshal(answer, &made) != nil {
		t.Fatalf("%s: in the end %d %s, %v", r.proto, status, answer, err)
	}
	if keys, certificates := r.w.live(r.old.Device.ID); keys != 2 || certificates != 1 {
		t.Errorf("%s: %d live keys and %d live certificates", r.proto, keys, certificates)
	}
	r.w.passes(r.proto+", the new key", &r.old.tls, made.Key)
	r.w.passes(r.proto+", the old key", &r.old.tls, r.old.Key)
	r.out.Store(out)
	r.in.Store(in)
}

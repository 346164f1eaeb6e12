package caddymodule_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// half is a key and a certificate that do not make a credential.
type half struct {
	key string
	crt *tls.Certificate
}

func (w *world) halves() map[string]half {
	w.t.Helper()
	account, _, acme := w.certified("acme")
	_, _, other := w.certified("other")
	second := w.credentialOf(w.device(account, "second", gate.Production))
	unknown, _, err := gate.NewKey(gate.Production, rand.Reader)
	must(w.t, err)
	_, _, revoked := w.certified("revoked")
	_, err = w.authority().RevokeKey(w.ben, revoked.KeyID, gate.KeyCompromise, "lost")
	must(w.t, err)
	return map[string]half{
		"an unknown key":                                    {unknown, &acme.tls},
		"a revoked key with its own certificate":            {revoked.Key, &revoked.tls},
		"the key of another customer":                       {other.Key, &acme.tls},
		"the key of another device of the same customer":    {second.Key, &acme.tls},
		"the right key with another customer's certificate": {acme.Key, &other.tls},
		"the right key with another device's certificate":   {acme.Key, &second.tls},
	}
}

var (
	identifier = regexp.MustCompile(`req_[0-9a-z]{26}`)
	date       = regexp.MustCompile(`(?i)(date: ?)[^\r\n]*`)
)

func TestTheHalvesOfACredentialCannotBeToldApart(t *testing.T) {
	w := newWorld(t)
	var first, firstFramed string
	for name, h := range w.halves() {
		t.Run(name, func(t *testing.T) {
			one := wholeAnswer(t, w.wire(t, "api.test", h.crt), get("/fhir/Patient/1", "api.test", h.key, ""))
			if first == "" {
				first = one
			}
			if diff := cmp.Diff(first, one); diff != "" {
				t.Errorf("the answers differ:\n%s", diff)
			}
			f := w.frames(t, "api.test", h.crt)
			a := f.ask(":method", "GET", ":scheme", "https", ":authority", "api.test", ":path", "/fhir/Patient/1", "authorization", "Bearer "+h.key)
			two := identifier.ReplaceAllString(fmt.Sprint(a.status, a.fields, a.body, a.goAway), "req")
			two = regexp.MustCompile(`Date:\[[^]]*\]`).ReplaceAllString(two, "Date")
			if firstFramed == "" {
				firstFramed = two
			}
			if diff := cmp.Diff(firstFramed, two); diff != "" {
				t.Errorf("the answers over HTTP/2 differ:\n%s", diff)
			}
			if a.status != 401 || a.goAway {
				t.Errorf("status %d, connection ended: %v", a.status, a.goAway)
			}
		})
	}
	if w.upstream.hits.Load() != 0 {
		t.Error("half a credential reached the upstream")
	}
}

// wholeAnswer is everything that the server said, byte by byte, without the identifier and the date; and then the connection must
// still be open.
func wholeAnswer(t *testing.T, c *wire, request string) string {
	t.Helper()
	var seen bytes.Buffer
	c.in = bufio.NewReader(&tee{c, &seen})
	resp, body := c.ask(request)
	if resp.StatusCode != http.StatusUnauthorized || resp.Close {
		t.Errorf("%d, close %v: %s", resp.StatusCode, resp.Close, body)
	}
	said := seen.String()
	if again, _ := c.ask(request); again.StatusCode != http.StatusUnauthorized {
		t.Error("the connection was not kept")
	}
	return date.ReplaceAllString(identifier.ReplaceAllString(said, "req"), "${1}")
}

// tee notes what is read.
type tee struct {
	wire *wire
	seen *bytes.Buffer
}

func (r *tee) Read(b []byte) (int, error) {
	n, err := r.wire.conn.Read(b)
	r.seen.Write(b[:n])
	return n, err
}

func TestAKeyThatShowsWhatIsWrongWithItIsToldSo(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	preprod, _, err := gate.NewKey(gate.Preprod, rand.Reader)
	must(t, err)
	client := w.client("h2", &acme.tls)
	for want, key := range map[string]string{
		"This key is for preprod; this site is production, where a key begins with orpk_.": preprod,
		"The key is damaged": acme.Key[:len(acme.Key)-1] + flip(acme.Key[len(acme.Key)-1]),
		"This is not a key of ours; one for production begins with orpk_.": "eyJhbGciOi",
	} {
		resp, body := w.get(client, "api.test", "/fhir/Patient/1", key)
		if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, want) {
			t.Errorf("want %q, got %d %s", want, resp.StatusCode, body)
		}
	}
}

func flip(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

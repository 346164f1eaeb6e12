package caddymodule_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// forged are header fields with which a client would like to be somebody else, or to have something else done than was judged.
var forged = []string{
	"Certgate-Account", "certgate-account", "CERTGATE-ORGANIZATION", "Certgate-Device", "Certgate-Behavior", "Certgate-Purpose",
	"Certgate-Request-Id", "Certgate-Anything", "Certgate_Account", "Certgate.Account", "certgate_device", "CERTGATE.DEVICE", "Certgate-_Account",
	"Client-Cert", "Client-Cert-Chain", "Client_Cert", "Client.Cert", "X-Client-Cert", "X-Client-Cert-Chain",
	"X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert", "X-SSL-Client-Cert", "X-SSL-Client-Verify", "X-Ssl-Cert", "Ssl-Client-Cert", "SSL-Client-Verify", "SSL_CLIENT_CERT",
	"X-Real-IP", "True-Client-IP", "X-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP", "Forwarded",
	"X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X_HTTP_Method_Override",
	"X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-User", "X-Forwarded-Method", "X-Forwarded-Uri",
	"X-Request-Id", "X-REQUEST-ID", "X_Request_Id", "Proxy", "Proxy-Authorization", "Proxy-Connection", "Keep-Alive", "X-Api-Key",
}

// arrived checks a request that reached the upstream: nothing forged, and exactly who calls.
func arrived(t *testing.T, r *http.Request, c *credential, behavior string) {
	t.Helper()
	for name, values := range r.Header {
		for _, v := range values {
			if strings.Contains(v, "forged") || strings.Contains(v, c.Key) {
				t.Errorf("%s: %s reached the upstream", name, v)
			}
		}
	}
	for _, name := range []string{"Authorization", "X-Api-Key", "Connection", "Trailer"} {
		if v, ok := r.Header[name]; ok {
			t.Errorf("%s: %v reached the upstream", name, v)
		}
	}
	if len(r.Trailer) > 0 {
		t.Errorf("trailers reached the upstream: %v", r.Trailer)
	}
	got := http.Header{}
	for name, values := range r.Header {
		if folded := strings.ToLower(name); strings.HasPrefix(folded, "certgate") || strings.HasPrefix(folded, "client") {
			got[name] = values
		}
	}
	id := r.Header.Get("X-Request-Id")
	if err := gate.CheckID(gate.DecisionPrefix, id); err != nil || len(r.Header["X-Request-Id"]) != 1 {
		t.Errorf("X-Request-Id %v: %v", r.Header["X-Request-Id"], err)
	}
	want := http.Header{
		"Certgate-Account": {string(c.Device.Account)}, "Certgate-Organization": {string(c.Device.Organization)}, "Certgate-Device": {string(c.Device.ID)},
		"Certgate-Behavior": {behavior}, "Certgate-Purpose": {"TREAT"}, "Certgate-Request-Id": {id},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func TestNothingForgedReachesTheUpstream(t *testing.T) {
	w := foundWorld(t)
	// Caddy drops names with _ and . itself; an operator may allow them.
	lax := strings.Replace(w.global(), "protocols h1 h2", "protocols h1 h2\n\t\texpected_underscore_headers Certgate_* Client_* Ssl_* X_*\n\t\texpected_dot_headers Certgate.* Client.*", 1)
	for name, global := range map[string]string{"usual": w.global(), "lax": lax} {
		w.mustLoad(global + w.site("api.test", requestMode, "certgate production {\n\t\tkey_header X-Api-Key\n\t}", w.proxy()))
		_, _, acme := w.certified("acme-" + name)
		for _, field := range forged {
			if strings.EqualFold(field, "X-Api-Key") {
				continue // two keys
			}
			t.Run(name+"/h1/"+field, func(t *testing.T) {
				lines := field + ": forged\n" + field + ": forged again\n" + strings.ToUpper(field) + ": forged\n"
				resp, body := w.wire(t, "api.test", &acme.tls).ask(get("/fhir/Patient/1", "api.test", acme.Key, lines))
				if resp.StatusCode != http.StatusOK {
					t.Fatalf("%d %s", resp.StatusCode, body)
				}
				arrived(t, w.upstream.last(t), acme, "fhir-query")
			})
			t.Run(name+"/h2/"+field, func(t *testing.T) {
				field := strings.ToLower(field)
				a := w.frames(t, "api.test", &acme.tls).ask(":method", "GET", ":scheme", "https", ":authority", "api.test", ":path", "/fhir/Patient/1",
					"authorization", "Bearer "+acme.Key, field, "forged", field, "forged again")
				switch {
				case a.status == 200:
					arrived(t, w.upstream.last(t), acme, "fhir-query")
				case slices.Contains([]string{"proxy-connection", "keep-alive"}, field): // RFC 9113 section 8.2.2: malformed
				default:
					t.Fatalf("%d %s", a.status, a.body)
				}
			})
		}
	}
}

func TestConnectionCannotNameOurHeaders(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	for _, value := range []string{
		"Certgate-Account, Certgate-Device, Certgate-Behavior, Certgate-Purpose, Certgate-Request-Id, X-Request-Id, Authorization, close",
		"certgate-account\nConnection: CERTGATE-ORGANIZATION, close",
		"close, certgate-account", "upgrade, Certgate-Account", ",,Certgate-Account;x", "keep-alive,\tCertgate-Account ", "X-Forwarded-For", "Host, Content-Length",
	} {
		t.Run(value, func(t *testing.T) {
			resp, body := w.wire(t, "api.test", &acme.tls).ask(get("/fhir/Patient/1", "api.test", acme.Key, "Connection: "+value+"\n"))
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			arrived(t, w.upstream.last(t), acme, "fhir-query")
			if w.upstream.last(t).Header.Get("X-Forwarded-For") != "127.0.0.1" {
				t.Error("the proxy's own header was deleted")
			}
		})
	}
}

func TestTrailersAreNotPassedOn(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	t.Run("h1", func(t *testing.T) {
		resp, body := w.wire(t, "api.test", &acme.tls).ask("POST /ihe/documents/1 HTTP/1.1\nHost: api.test\nAuthorization: Bearer " + acme.Key +
			"\nTE: gzip, trailers\nTransfer-Encoding: chunked\nTrailer: Certgate-Account, X-Check\n\n5\nhello\n0\nCertgate-Account: forged\nX-Check: forged\nAuthorization: forged\n\n")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		arrived(t, w.upstream.last(t), acme, "ihe-document-query")
		if te := w.upstream.last(t).Header["Te"]; len(te) > 0 && !cmp.Equal(te, []string{"trailers"}) {
			t.Errorf("Te: %v reached the upstream", te)
		}
	})
	t.Run("h2", func(t *testing.T) {
		resp, body := w.get(w.client("h2", &acme.tls), "api.test", "/ihe/documents/1", acme.Key, func(r *http.Request) {
			r.Method, r.Body = http.MethodPost, http.NoBody
			r.Body, r.ContentLength = readCloser{bytes.NewReader([]byte("hello"))}, -1
			r.Trailer = http.Header{"Certgate-Account": {"forged"}, "X-Check": {"forged"}}
		})
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		arrived(t, w.upstream.last(t), acme, "ihe-document-query")
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func TestTheKeyComesOnceAndInItsPlace(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production {\n\t\tkey_header x-api-key\n\t}", w.proxy()))
	_, _, acme := w.certified("acme")
	key := acme.Key
	ask := func(t *testing.T, path, lines string) (int, string) {
		t.Helper()
		resp, body := w.wire(t, "api.test", &acme.tls).ask("GET " + path + " HTTP/1.1\nHost: api.test\n" + lines + "\n")
		if resp.StatusCode == http.StatusOK {
			arrived(t, w.upstream.last(t), acme, "fhir-query")
		}
		return resp.StatusCode, body
	}
	for _, row := range []struct {
		name, query, lines string
		status             int
		code               string
	}{
		{"bearer", "", "Authorization: Bearer " + key + "\n", 200, ""},
		{"bearer in small letters", "", "authorization: bearer " + key + "\n", 200, ""},
		{"more spaces", "", "Authorization:   Bearer   " + key + "  \n", 200, ""},
		{"key header", "", "X-API-Key: " + key + "\n", 200, ""},
		{"key header in small letters", "", "x-api-key: " + key + "\n", 200, ""},
		{"both", "", "X-API-Key: " + key + "\nAuthorization: Bearer " + key + "\n", 400, "invalid-request"},
		{"key header and Basic", "", "X-API-Key: " + key + "\nAuthorization: Basic YTpi\n", 400, "invalid-request"},
		{"two Authorization", "", "Authorization: Bearer " + key + "\nAuthorization: Bearer " + key + "\n", 400, "invalid-request"},
		{"two key headers", "", "X-API-Key: " + key + "\nX-Api-Key: " + key + "\n", 400, "invalid-request"},
		{"two in one", "", "Authorization: Bearer " + key + ", Bearer " + key + "\n", 401, "invalid-token"},
		{"two words", "", "Authorization: Bearer " + key + " " + key + "\n", 401, "invalid-token"},
		{"scheme in the key header", "", "X-API-Key: Bearer " + key + "\n", 401, "invalid-token"},
		{"a tab", "", "Authorization: Bearer\t" + key + "\n", 401, "key-required"},
		{"a tab after it", "", "Authorization: Bearer " + key[:20] + "\t" + key[20:] + "\n", 401, "invalid-token"},
		{"a folded line", "", "Authorization: Bearer " + key[:20] + "\n " + key[20:] + "\n", 401, "invalid-token"},
		{"no key", "", "", 401, "key-required"},
		{"empty", "", "Authorization:\n", 401, "key-required"},
		{"scheme alone", "", "Authorization: Bearer\n", 401, "key-required"},
		{"Basic", "", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+key)) + "\n", 401, "key-required"},
		{"the bare key", "", "Authorization: " + key + "\n", 401, "key-required"},
		{"cookie", "", "Cookie: key=" + key + "\n", 401, "key-required"},
		{"X-Key", "", "X-Key: " + key + "\n", 401, "key-required"},
		{"oversized", "", "Authorization: Bearer " + key + strings.Repeat("a", 8000) + "\n", 401, "invalid-token"},
		{"query", "?access_token=" + key, "", 400, "invalid-request"},
		{"query under another name", "?q=" + key, "Authorization: Bearer " + key + "\n", 400, "invalid-request"},
		{"query in hexadecimal", "?q=%6f%72%70%6b_" + key[5:], "Authorization: Bearer " + key + "\n", 400, "invalid-request"},
		{"query name in hexadecimal", "?ACCESS%5ftoken=x", "Authorization: Bearer " + key + "\n", 400, "invalid-request"},
		{"harmless query", "?_id=1&name=a%26b", "Authorization: Bearer " + key + "\n", 200, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := w.upstream.hits.Load()
			status, body := ask(t, "/fhir/Patient/1"+row.query, row.lines)
			if status != row.status || !strings.Contains(body, row.code) {
				t.Errorf("%d %s, want %d %s", status, body, row.status, row.code)
			}
			if strings.Contains(body, key) {
				t.Errorf("the answer repeats the key: %s", body)
			}
			if reached := w.upstream.hits.Load() - before; (reached == 1) != (row.status == 200) {
				t.Errorf("%d requests reached the upstream", reached)
			}
		})
	}
}

func TestThePurposeIsStatedOnce(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	for lines, want := range map[string]int{
		"Purpose-Of-Use: TREAT\n":                              200,
		"purpose-of-use: treatment\n":                          200,
		"Purpose-Of-Use: TREAT\nPurpose-Of-Use: TREAT\n":       400,
		"Purpose-Of-Use: TREAT\nPURPOSE-OF-USE: HPAYMT\n":      400,
		"Purpose-Of-Use: TREAT, HPAYMT\n":                      400,
		"Purpose-Of-Use: HPAYMT\n":                             403,
		"Purpose-Of-Use: whatever\n":                           403,
		"Purpose-Of-Use: " + strings.Repeat("x", 4000) + "\n":  403,
		"Purpose_Of_Use: HPAYMT\nPurpose-Of-Use: treatment\n":  200,
		"Connection: purpose-of-use\nPurpose-Of-Use: HPAYMT\n": 403,
	} {
		if resp, body := w.wire(t, "api.test", &acme.tls).ask(get("/fhir/Patient/1", "api.test", acme.Key, lines)); resp.StatusCode != want {
			t.Errorf("%.80q: %d %s, want %d", lines, resp.StatusCode, body, want)
		}
	}
}

func TestTheUpstreamCanBeShownTheCertificate(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production {\n\t\tclient_cert\n\t}", w.proxy()))
	_, _, acme := w.certified("acme")
	lines := "Client-Cert: :Zm9yZ2Vk:\nClient-Cert-Chain: :Zm9yZ2Vk:\nConnection: client-cert\n"
	resp, body := w.wire(t, "api.test", &acme.tls).ask(get("/fhir/Patient/1", "api.test", acme.Key, lines))
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	header := w.upstream.last(t).Header
	// RFC 9440 section 2.1: one Byte Sequence with the DER of the end-entity certificate, in standard base64 with padding.
	want := []string{fmt.Sprintf(":%s:", base64.StdEncoding.EncodeToString(acme.tls.Certificate[0]))}
	if diff := cmp.Diff(want, header["Client-Cert"]); diff != "" {
		t.Errorf("Client-Cert (-want +got):\n%s", diff)
	}
	if chain, ok := header["Client-Cert-Chain"]; ok {
		t.Errorf("a forged Client-Cert-Chain reached the upstream: %v", chain)
	}
}

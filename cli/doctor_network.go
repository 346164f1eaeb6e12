package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/onerecord/certgate/api"
)

// examine looks from the inside out; what depends on something that failed is left out.
func (d *doctor) examine(ctx context.Context) {
	d.files()
	if d.reach(ctx, d.site) {
		d.askCheck(ctx)
	}
	if d.api != nil && d.reach(ctx, d.api) {
		d.askAPI(ctx)
	}
}

// reach looks up and connects to a site, unless a proxy does that.
func (d *doctor) reach(ctx context.Context, site *url.URL) bool {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	host, port := site.Hostname(), site.Port()
	if port == "" {
		port = "443"
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: site})
	if err != nil {
		d.add("proxy", api.LookWrong, "HTTPS_PROXY or HTTP_PROXY cannot be read as an address.", "Correct it, or unset it.")
		return false
	}
	if proxy != nil {
		d.add("proxy", api.LookNote, "Calls go through the proxy "+proxy.Host+", by HTTPS_PROXY or HTTP_PROXY.",
			"It must pass TLS through unopened: one that opens it takes your client certificate away. To go around it: NO_PROXY="+host)
		return true
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		d.add("dns", api.LookWrong, fmt.Sprintf("The name %s does not resolve.", host), "Check its spelling and this machine's name server.")
		return false
	}
	d.finef("dns", "%s is %s.", host, strings.Join(addresses[:min(len(addresses), 4)], ", "))
	c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		says := fmt.Sprintf("%s, port %s, cannot be reached.", host, port)
		if errors.Is(err, syscall.ECONNREFUSED) {
			says = fmt.Sprintf("%s refuses connections on port %s.", host, port)
		}
		d.add("tcp", api.LookWrong, says, "Check port and firewall; yours must let this machine call out to it.")
		return false
	}
	_ = c.Close()
	d.finef("tcp", "Port %s answers.", port)
	return true
}

// visit is one request to a site, and what its handshake showed.
type visit struct {
	resp   *http.Response
	body   []byte
	wanted *bool // whether the server names the CA of our certificate; nil: it asked for none
}

// maxDiagnosis bounds an answer that is read.
const maxDiagnosis = 1 << 20

// get sends one request with what the customer has.
func (d *doctor) get(ctx context.Context, address string) (*visit, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	v := new(visit)
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.roots, Time: func() time.Time { return d.now },
		GetClientCertificate: func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if d.pair == nil {
				return new(tls.Certificate), nil
			}
			wanted := info.SupportsCertificate(d.pair) == nil
			v.wanted = &wanted
			return d.pair, nil // whatever the server names: it shall say itself what is wrong
		}}
	transport := &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Date", d.now.UTC().Format(http.TimeFormat))
	if d.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+d.bearer)
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	v.resp = resp
	v.body, err = io.ReadAll(io.LimitReader(resp.Body, maxDiagnosis))
	return v, errors.Join(err, resp.Body.Close())
}

// call sends a request and explains why no answer came.
func (d *doctor) call(ctx context.Context, address string) *visit {
	v, err := d.get(ctx, address)
	if err != nil {
		says, do := explainHandshake(err)
		d.add("tls", api.LookWrong, says, do)
		return nil
	}
	if state := v.resp.TLS; state != nil {
		crt := state.PeerCertificates[0]
		d.finef("server", "%s, %s. Its certificate is by %s, for %d more days.", tls.VersionName(state.Version), v.resp.Proto,
			crt.Issuer.String(), int(crt.NotAfter.Sub(d.now)/(24*time.Hour)))
	}
	if v.resp.ProtoMajor < 2 {
		d.add("http", api.LookNote, "The connection is not HTTP/2.", "It works; but a proxy that opens TLS may be in between.")
	}
	if v.wanted != nil && !*v.wanted {
		d.add("certificate", api.LookNote, "The server does not name the CA of your certificate among those that it wants.", "Many clients send none then. Use the certificate that enrollment gave you.")
	}
	if via := v.resp.Header.Get("Via"); via != "" && !strings.Contains(via, "Caddy") {
		d.add("proxy", api.LookNote, "A proxy is in between: "+via+".", "If it opens TLS, your client certificate does not get through.")
	}
	if at, err := http.ParseTime(v.resp.Header.Get("Date")); err == nil {
		if off := d.now.Sub(at).Truncate(time.Second); off.Abs() > time.Minute {
			d.add("clock", api.LookNote, fmt.Sprintf("This machine's clock differs by %s from the server's.", off.Abs()), "Set it by a time server.")
		}
	}
	return v
}

// explainHandshake says why no answer came, and what to do.
func explainHandshake(err error) (says, do string) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "The server's certificate is by a CA that this machine does not know.", "Give --ca, or update the system's CAs. If a proxy opens TLS, its CA is what you see: go around it."
	case errors.As(err, &name):
		return "The server's certificate is for another name.", "Check the address; or something in between answers in its place."
	case errors.As(err, &invalid):
		return "The server's certificate is not valid now: " + invalid.Error() + ".", "Check this machine's clock; if it is right, tell OneRecord."
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "What answers does not speak TLS.", "Check port and proxy."
	case refusedInHandshake(err):
		return "The server refused the handshake: " + alertOf(err) + ".", "On the API that is about the client certificate: ask the customers' site with --url, which says why."
	case errors.Is(err, context.DeadlineExceeded):
		return "No answer came in time.", "A firewall may drop what belongs to TLS; try from another network."
	}
	return "No answer came: " + withoutAddress(err), "Try again; if it stays, from another network."
}

// alertOf is the alert's own words.
func alertOf(err error) string {
	_, alert, found := strings.Cut(err.Error(), "remote error: tls: ")
	if !found {
		return "without a reason"
	}
	return alert
}

// withoutAddress leaves out where the call went.
func withoutAddress(err error) string {
	if call, ok := errors.AsType[*url.Error](err); ok {
		err = call.Err
	}
	return message(err) + "."
}

// askCheck takes over what the gate sees.
func (d *doctor) askCheck(ctx context.Context) {
	v := d.call(ctx, d.site.JoinPath("check").String())
	if v == nil {
		return
	}
	var seen api.Look
	if err := json.Unmarshal(v.body, &seen); v.resp.StatusCode != http.StatusOK || err != nil || len(seen.Findings) == 0 {
		d.add("check", api.LookWrong, fmt.Sprintf("%s answered %d, and not as the customers' site of certgate does.", d.site.Host, v.resp.StatusCode), "Check --url; or something in between answers in its place.")
		return
	}
	for _, f := range seen.Findings {
		notGiven := f.About == "certificate" && d.certificate == "" || f.About == "key" && d.token == ""
		if notGiven && f.Result == api.LookWrong {
			continue // said above, as a note
		}
		f.About = "gate: " + f.About
		d.put(f)
	}
}

// askAPI asks the API for the caller's own standing.
func (d *doctor) askAPI(ctx context.Context) {
	v := d.call(ctx, d.api.JoinPath(api.WellKnown, "status").String())
	if v == nil {
		return
	}
	if v.resp.StatusCode == http.StatusOK {
		d.finef("api", "It knows you; key and certificate are good.")
		return
	}
	var p api.Problem
	if err := json.Unmarshal(v.body, &p); err != nil || p.Code == "" {
		d.add("api", api.LookWrong, fmt.Sprintf("%s answered %d, and not as certgate does.", d.api.Host, v.resp.StatusCode), "Check --api; or something in between answers in its place.")
		return
	}
	d.put(api.LookResult{About: "api", Result: api.LookWrong, Code: p.Code, Says: strings.TrimSpace(p.Title + ". " + p.Detail), Do: "See " + p.Type + "; when asking for help quote " + p.Instance + "."})
}

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/onerecord/certgate/api"
)

// call is one request of the customer's, as curl would send it.
type call struct {
	title  string
	method string // empty: GET
	path   string
	// certificate and key are file names in <data>/demo; empty: none is sent.
	certificate, privateKey, key string
	want                         int    // status
	code                         string // of the problem; empty where there is none
}

// demoCalls are shown in this order: what is missing is asked for one by one.
var demoCalls = []call{
	{title: "No certificate", path: "/fhir/Patient/1", key: acme.key, want: http.StatusForbidden, code: "certificate-required"},
	{title: "No key", path: "/fhir/Patient/1", certificate: acme.certificate, privateKey: acme.privateKey, want: http.StatusUnauthorized, code: "key-required"},
	{title: "Somebody else's key", path: "/fhir/Patient/1", certificate: acme.certificate, privateKey: acme.privateKey, key: beta.key,
		want: http.StatusUnauthorized, code: "invalid-token"},
	{title: "Not in the contract", method: http.MethodPost, path: "/ihe/documents/query", certificate: acme.certificate, privateKey: acme.privateKey, key: acme.key,
		want: http.StatusForbidden, code: "behavior-not-granted"},
	{title: "Certificate and key that belong together", path: "/fhir/Patient/1", certificate: acme.certificate, privateKey: acme.privateKey, key: acme.key,
		want: http.StatusOK},
}

// calls sends them all. An answer that is not the expected one ends the demo.
func (d *demo) calls(ctx context.Context) error {
	for _, c := range demoCalls {
		d.say.linef("\n%s", c.title)
		d.say.linef("  $ %s", d.curl(c))
		got, err := d.send(ctx, c)
		if err != nil {
			return err
		}
		d.say.linef("  %s", got.text)
		if got.status != c.want || got.code != c.code {
			return fmt.Errorf("this was to be %d %s; if the credential no longer works because it was revoked or has ended, start over in another directory: --data DIR", c.want, c.code)
		}
	}
	d.say.linef("\nStaff, with ben's certificate")
	d.say.linef("  $ curl --cacert %s --cert %s --key %s %s/v1/accounts", d.shown("ca.crt"), d.shown("staff.crt"), d.shown("staff.key"), site(d.ports.admin))
	d.say.linef("\nMetrics")
	d.say.linef("  $ curl http://localhost:%d/metrics", d.ports.metrics)
	return nil
}

// shown is a path in <data>/demo for a shell.
func (d *demo) shown(name string) string {
	path := d.file(name)
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// curl is the line that sends the same by hand.
func (d *demo) curl(c call) string {
	line := "curl --cacert " + d.shown("ca.crt")
	if c.method != "" {
		line += " -X " + c.method
	}
	if c.certificate != "" {
		line += " --cert " + d.shown(c.certificate) + " --key " + d.shown(c.privateKey)
	}
	if c.key != "" {
		line += ` -H "Authorization: Bearer $(cat ` + d.shown(c.key) + `)"`
	}
	return line + " " + site(d.ports.api) + c.path
}

// answer is what came back.
type answer struct {
	status int
	code   string
	text   string // one line
}

// maxAnswer bounds what is read of an answer; the upstream's are small.
const maxAnswer = 64 << 10

func (d *demo) send(ctx context.Context, c call) (answer, error) {
	p := profile{CA: d.file("ca.crt")}
	if c.certificate != "" {
		p.Certificate, p.Key = d.file(c.certificate), d.file(c.privateKey)
	}
	h, err := p.client()
	if err != nil {
		return answer{}, err
	}
	defer h.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, c.method, site(d.ports.api)+c.path, nil)
	if err != nil {
		return answer{}, err
	}
	if c.key != "" {
		key, err := os.ReadFile(d.file(c.key))
		if err != nil {
			return answer{}, err
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
	}
	resp, err := h.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer{}, err
	}
	return read(resp.StatusCode, body), nil
}

// read shortens an answer to one line.
func read(status int, body []byte) answer {
	a := answer{status: status}
	var p api.Problem
	if err := json.Unmarshal(body, &p); err == nil && p.Code != "" {
		a.code = p.Code
		a.text = fmt.Sprintf("%d %s: %s", status, p.Code, visible(p.Detail))
		return a
	}
	a.text = fmt.Sprintf("%d %s", status, visible(strings.TrimSpace(string(body))))
	return a
}

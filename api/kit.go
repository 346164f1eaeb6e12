package api

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Kit is what a customer is given to make its first calls with: its certificate, how certificates are used, and ready files for the usual
// languages. There is no secret in it: the files read client.key and key.txt, which their owner puts beside them.
type Kit struct {
	API         string // where the device calls, without a slash at the end
	Known       bool   // API is the site's address and no placeholder
	Public      string // the public site, without a slash at the end
	Device      string // slug path
	Environment gate.Environment
	Chain       []byte // PEM: the certificate, then its issuer
	NotBefore   time.Time
	NotAfter    time.Time
	Contact     string // whom to ask; may be empty
}

// unknownAPI stands in a kit where the configuration does not say where the API is. The name can never be anybody's (RFC 2606).
const unknownAPI = "https://api.invalid"

// kitMode is that of a kit's files: its directory will hold secrets.
const kitMode = 0o600

//go:embed templates/kit
var kitFiles embed.FS

var kitTemplates = template.Must(template.ParseFS(kitFiles, "templates/kit/*.tmpl"))

// newKit is the kit of what a link gave.
func newKit(h *authority.Handover, device string) *Kit {
	k := &Kit{API: h.APIURL, Known: h.APIURL != "", Public: h.PublicURL, Device: device, Environment: h.Device.Environment, Chain: h.Chain,
		NotBefore: h.Certificate.NotBefore, NotAfter: h.Certificate.NotAfter, Contact: h.Contact}
	if !k.Known {
		k.API = unknownAPI
	}
	return k
}

// kitName is the name of a device's kit. A slug path is made of letters, digits, hyphens and slashes, so the name needs no quoting.
func kitName(device string) string { return strings.ReplaceAll(device, "/", "-") + "-kit.zip" }

// Files are the kit's files by name; the same kit is the same bytes.
func (k *Kit) Files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, t := range kitTemplates.Templates() {
		var b bytes.Buffer
		if err := t.Execute(&b, k); err != nil {
			return nil, fmt.Errorf("write %s of the kit: %w", t.Name(), err)
		}
		files[strings.TrimSuffix(t.Name(), ".tmpl")] = b.Bytes()
	}
	certificate, rest := pem.Decode(k.Chain)
	if certificate == nil {
		return nil, errors.New("write the kit: its chain is not PEM")
	}
	files["client.crt"], files["certificate.crt"], files["issuer.crt"] = k.Chain, pem.EncodeToMemory(certificate), rest
	return files, nil
}

// Zip is the kit as one file; the same kit is the same bytes.
func (k *Kit) Zip() ([]byte, error) {
	files, err := k.Files()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: k.NotBefore.UTC()}
		header.SetMode(kitMode)
		f, err := z.CreateHeader(header)
		if err == nil {
			_, err = f.Write(files[name])
		}
		if err != nil {
			return nil, fmt.Errorf("write %s of the kit: %w", name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("write the kit: %w", err)
	}
	return b.Bytes(), nil
}

// kit gives whoever holds a redeemed link the kit of its device. It changes nothing and holds no secret; the token comes by POST all the
// same, so that no log has it.
func (p *Public) kit(w http.ResponseWriter, r *http.Request) {
	var in acknowledgement
	a, err := p.receive(w, r, &in, func(form url.Values) { in.Token = form.Get("token") })
	if err != nil {
		p.fail(w, r, err)
		return
	}
	got, err := a.Handover(in.Token)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	kit := newKit(got, devicePath(a.Directory(), got.Device))
	body, err := kit.Zip()
	if err != nil {
		p.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+kitName(kit.Device)+`"`)
	writeBody(w, answer{status: http.StatusOK, contentType: zipType, body: body})
}

// Kit takes the kit of what an enrollment link gave, from the public site, as a zip file without secrets.
func (c *Client) Kit(ctx context.Context, token string) ([]byte, error) {
	const address = "/enroll/kit"
	body, err := json.Marshal(acknowledgement{Token: token})
	if err != nil {
		return nil, fmt.Errorf("write the request to %s: %w", address, err)
	}
	response, err := c.exchange(ctx, outgoing{method: http.MethodPost, address: address, body: body})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	kit, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", address, err)
	}
	return kit, nil
}

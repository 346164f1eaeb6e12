package api_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// kitFiles unpacks a kit. None of its files may be readable by others, as their owner puts secrets beside them.
func kitFiles(t *testing.T, kit []byte) map[string]string {
	t.Helper()
	z := check[*zip.Reader](t)(zip.NewReader(bytes.NewReader(kit), int64(len(kit))))
	files := make(map[string]string)
	for _, f := range z.File {
		if f.Mode() != 0o600 || strings.ContainsAny(f.Name, `/\`) {
			t.Errorf("%s has mode %s", f.Name, f.Mode())
		}
		r := check[io.ReadCloser](t)(f.Open())
		files[f.Name] = string(check[[]byte](t)(io.ReadAll(r)))
	}
	return files
}

// testKit is a kit of made-up parts.
func testKit() *api.Kit {
	return &api.Kit{
		API: "https://api.example.com", Known: true, Public: gatetest.PublicURL, Device: "acme/main/prod-1", Environment: gate.Production,
		Chain:     []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"),
		NotBefore: gatetest.Epoch, NotAfter: gatetest.Epoch.Add(397 * 24 * time.Hour), Contact: "certification@example.com, +1 555 0100",
	}
}

func TestTheKitIsWhatItsGoldenFileSays(t *testing.T) {
	kit := check[[]byte](t)(testKit().Zip())
	if again := check[[]byte](t)(testKit().Zip()); !bytes.Equal(kit, again) {
		t.Error("the same kit is not the same bytes")
	}
	var archive txtar.Archive
	files := kitFiles(t, kit)
	for name, content := range files {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(content)})
	}
	slices.SortFunc(archive.Files, func(a, b txtar.File) int { return strings.Compare(a.Name, b.Name) })
	got, file := string(txtar.Format(&archive)), filepath.Join("testdata", "kit.txtar")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(check[[]byte](t)(os.ReadFile(file))), got); diff != "" {
		t.Errorf("%s (-want +got; go test ./api -update writes it anew):\n%s", file, diff)
	}
	if !json.Valid([]byte(files["postman.json"])) {
		t.Error("postman.json is no JSON")
	}
}

// Each way to call looks at the end of the certificate, waits as it is told, and names where to call and with what.
func TestEachFileOfTheKitDoesWhatAProgramShould(t *testing.T) {
	files := kitFiles(t, check[[]byte](t)(testKit().Zip()))
	for _, name := range []string{"curl.sh", "openssl.sh", "call.py", "call.mjs", "call.go", "Call.java", "Call.cs"} {
		for _, part := range []string{"https://api.example.com", "key.txt", "has ended", "less than 30|days < 30|< 30*24|FromDays(30)", "Retry-After", "API_CA"} {
			if !slices.ContainsFunc(strings.Split(part, "|"), func(p string) bool { return strings.Contains(files[name], p) }) {
				t.Errorf("%s does not speak of %s", name, part)
			}
		}
	}
	for name, content := range files {
		if strings.Contains(content, "PRIVATE KEY") || strings.Contains(content, "orpk_") {
			t.Errorf("%s holds a secret", name)
		}
	}
}

func TestAKitThatDoesNotKnowTheAPISaysSo(t *testing.T) {
	s := open(t)
	token, csr := s.released(t)
	client := &api.Client{Base: s.public.URL}
	_, err := client.Kit(ctx, token)
	wantKind(t, err, gate.Conflict) // nothing was taken yet
	_, err = client.Kit(ctx, token+"x")
	wantKind(t, err, gate.NotFound)
	got := check[*api.Redeemed](t)(client.Redeem(ctx, token, csr))
	events := s.Store().EventCount()
	files := kitFiles(t, check[[]byte](t)(client.Kit(ctx, token)))
	if files["client.crt"] != got.CertificateChain || files["certificate.crt"]+files["issuer.crt"] != got.CertificateChain {
		t.Errorf("the kit's certificates are not those that were given: %s", cmp.Diff(got.CertificateChain, files["client.crt"]))
	}
	if !strings.Contains(files["README.md"], "Put the address of the API where the files say https://api.invalid") {
		t.Error("README.md does not say that the address is missing")
	}
	for name, content := range files {
		if strings.Contains(content, got.Key) || strings.Contains(content, token) {
			t.Errorf("%s holds a secret", name)
		}
	}
	if s.Store().EventCount() != events {
		t.Error("taking the kit made an event")
	}
	if err := client.Acknowledge(ctx, token); err != nil {
		t.Fatal(err)
	}
	check[[]byte](t)(client.Kit(ctx, token)) // still
	s.Advance(gate.EnrollmentLifetime)
	_, err = client.Kit(ctx, token)
	wantKind(t, err, gate.Conflict)
}

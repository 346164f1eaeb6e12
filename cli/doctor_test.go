package cli_test

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/cli"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
	"github.com/onerecord/certgate/issuer"
)

// patient is somebody whom the doctor looks at: files, and a server to call.
type patient struct {
	*server
	t                          *testing.T
	dir, crt, key, token, root string
	credential                 *gatetest.Credential
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	s := newServer(t)
	p := &patient{server: s, t: t, dir: t.TempDir(), credential: s.MustProduction("acme")}
	der, err := issuer.MarshalKey(p.credential.TLS.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	p.crt = p.file("client.crt", chainPEM(p.credential.TLS.Certificate))
	p.key = p.file("client.key", issuer.KeyPEM(der))
	p.token = p.file("key.txt", []byte(p.credential.Key+"\n"))
	p.root = p.file("ca.crt", pemOf(s.public.Certificate()))
	return p
}

func chainPEM(ders [][]byte) (out []byte) {
	for _, der := range ders {
		out = append(out, issuer.CertificatePEM(der)...)
	}
	return out
}

// file writes a file that its owner alone may read.
func (p *patient) file(name string, text []byte) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// doctor runs the command and returns its exit code and all that it printed.
func (p *patient) doctor(args ...string) (int, string) {
	p.t.Helper()
	var out bytes.Buffer
	root := &cobra.Command{Use: "certgate", SilenceUsage: true, SilenceErrors: true}
	cli.AddTo(root, cli.Hooks{Now: p.Now})
	root.SetArgs(append([]string{"doctor", "--url", p.public.URL, "--ca", p.root}, args...))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(p.t.Context())
	if strings.Contains(out.String(), p.credential.Key) {
		p.t.Errorf("the key was printed:\n%s", out.String())
	}
	if exit, ok := errors.AsType[*cli.ExitError](err); ok {
		return exit.Code, out.String()
	}
	return 0, out.String()
}

// wants runs the doctor and compares what it says.
func (p *patient) wants(code int, says string, args ...string) {
	p.t.Helper()
	got, text := p.doctor(args...)
	if got != code || !strings.Contains(text, says) {
		p.t.Errorf("doctor %s: exit code %d, want %d, with %q:\n%s", strings.Join(args, " "), got, code, says, text)
	}
}

func (p *patient) all() []string {
	return []string{"--cert", p.crt, "--key", p.key, "--token-file", p.token}
}

func TestDoctorFindsAHealthyCustomerHealthy(t *testing.T) {
	p := newPatient(t)
	p.wants(0, "gate: certification The certification is in force", p.all()...)
	p.wants(0, "No client certificate was given")
	p.wants(0, `"about": "gate: contract"`, append(p.all(), "--json")...)
}

func TestDoctorSaysWhatIsWrongWithTheFiles(t *testing.T) {
	p := newPatient(t)
	crt, key := p.credential.TLS.Certificate, p.credential.Key
	other := readFile(t, p.root)
	open := p.file("open.key", readFile(t, p.key))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	p.wants(1, "may be read by others", "--cert", p.crt, "--key", open)
	p.wants(1, "did not issue certificate 1", "--cert", p.file("order.crt", append(issuer.CertificatePEM(crt[0]), other...)), "--key", p.key)
	if len(crt) > 1 {
		p.wants(1, "does not belong to the first certificate", "--cert", p.file("reverse.crt", chainPEM([][]byte{crt[1], crt[0]})), "--key", p.key)
	}
	p.wants(1, "holds a private key too", "--cert", p.file("both.crt", append(readFile(t, p.crt), readFile(t, p.key)...)), "--key", p.key)
	p.wants(1, "byte order mark", "--token-file", p.file("bom.txt", []byte("\xef\xbb\xbf"+key)))
	p.wants(0, "as Windows does", "--token-file", p.file("crlf.txt", []byte(key+"\r\n")))
	p.wants(1, "without \"Bearer\"", "--token-file", p.file("bearer.txt", []byte("Bearer "+key)))
	p.wants(1, "a character was lost or changed", "--token-file", p.file("typo.txt", []byte(key[:9]+flip(key[9])+key[10:])))
	p.wants(1, "The file is empty", "--token-file", p.file("empty.txt", []byte("\n")))
	p.wants(1, "It cannot be read", "--token-file", filepath.Join(p.dir, "nowhere.txt"))
	p.Advance(400 * 24 * time.Hour)
	p.wants(1, "expired on", "--cert", p.crt, "--key", p.key)
}

func flip(c byte) string {
	if c == 'x' {
		return "y"
	}
	return "x"
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDoctorExplainsTheNetwork(t *testing.T) {
	p := newPatient(t)
	run := func(code int, says string, args ...string) {
		t.Helper()
		p.wants(code, says, args...)
	}
	run(1, "by a CA that this machine does not know", "--ca", p.file("wrong.crt", chainPEM(p.credential.TLS.Certificate)))
	closed := httptest.NewServer(nil)
	address := strings.Replace(closed.URL, "http:", "https:", 1)
	run(1, "What answers does not speak TLS", "--url", address)
	closed.Close()
	run(1, "refuses connections", "--url", address)
	run(1, "not as the customers' site of certgate does", "--url", p.admin.URL, "--ca", p.file("admin.crt", pemOf(p.admin.Certificate())))
	run(2, "--url must be of the form", "--url", "http://connect.example.com")
	run(2, "belong together", "--cert", p.crt)
}

func TestDoctorAsksTheAPI(t *testing.T) {
	p := newPatient(t)
	served := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := p.credential.Request(r.Method, r.URL.Path)
		asked.Authorization, asked.Leaf = r.Header["Authorization"], p.leaf(r)
		call, err := p.Config.Identify(asked)
		if err != nil {
			t.Error(err)
			return
		}
		defer call.Done(authority.Outcome{})
		if !call.Allowed() {
			api.WriteRefusal(w, nil, api.Refusal{Reason: call.Reason, Instance: call.ID()})
			return
		}
		api.ServeOwn(w, r, call, p.Now())
	}))
	served.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	served.StartTLS()
	t.Cleanup(served.Close)
	p.wants(0, "key and certificate are good", append(p.all(), "--api", served.URL)...)
	if _, err := p.RevokeKey(p.Ben, p.credential.KeyID, gate.KeyCompromise, "test"); err != nil {
		t.Fatal(err)
	}
	p.wants(1, "code: invalid-token", append(p.all(), "--api", served.URL)...)
}

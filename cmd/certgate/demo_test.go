package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// given are the first ports that freePorts has given out: who got them may not listen yet, or be restarting.
var given sync.Map

// freePorts finds five ports in a row that nobody uses. They lie below those that systems give out by themselves, so that nobody gets one
// of them by chance between a stop and a start.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 1000 {
		first := 20_000 + 5*rand.IntN(2000)
		if _, taken := given.LoadOrStore(first, true); !taken && allFree(first) {
			return first
		}
	}
	t.Fatal("no five free ports in a row")
	return 0
}

func allFree(first int) bool {
	for port := first; port < first+5; port++ {
		for _, host := range []string{"127.0.0.1", "::1"} {
			l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
			if err != nil || l.Close() != nil {
				return false
			}
		}
	}
	return true
}

// trial is a directory that the demo has run in.
type trial struct {
	t    *testing.T
	dir  string
	port int
}

func (d trial) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "demo", name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

func (d trial) args(more ...string) []string {
	return append([]string{"demo", "--data", d.dir, "--port", strconv.Itoa(d.port)}, more...)
}

func TestDemoTakesACustomerFromNothingToItsFirstCall(t *testing.T) {
	d := trial{t, filepath.Join(t.TempDir(), "a dir"), freePorts(t)}
	r := try(t, d.args("--once")...)
	if r.code != 0 || !strings.Contains(r.stdout, "\nready\n") {
		t.Fatalf("code %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
	for _, line := range []string{"  403 certificate-required: ", "  401 key-required: ", "  401 invalid-token: ", "  403 behavior-not-granted: ", `  200 {"active":true`} {
		if !strings.Contains(r.stdout, "\n"+line) {
			t.Errorf("%q was not shown", line)
		}
	}
	d.filesAreThere()
	key := d.read("key.txt")
	for _, secret := range []string{strings.TrimSpace(key), strings.TrimSpace(d.read("recovery.txt")), strings.Fields(d.read("passwords.txt"))[1]} {
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Error("a secret was printed")
		}
	}

	second := d.start()
	if got := d.read("key.txt"); got != key {
		t.Error("the second run took another key")
	}
	d.theFilesWork()
	r = try(t, append(d.staff("cho"), "account", "suspend", "acme", "--why", "to see whether the next run says so")...)
	if r.code != 0 {
		t.Errorf("suspend: %+v", r)
	}
	if code := second.interrupt(); code != 0 {
		t.Errorf("after the interrupt: code %d", code)
	}

	r = try(t, d.args("--once")...)
	if r.code != 1 || !strings.Contains(r.stdout, "account-suspended") || !strings.Contains(r.stderr, "start over in another directory: --data DIR") || strings.Contains(r.stdout, "\nready\n") {
		t.Errorf("with a suspended customer: %+v", r)
	}
}

// filesAreThere checks what scripts rely on.
func (d trial) filesAreThere() {
	names := []string{"ca.crt", "client.crt", "client.key", "key.txt", "staff.crt", "staff.key", "urls.txt"}
	for _, person := range []string{"ben", "cho", "eve"} {
		for _, suffix := range []string{".crt", ".key", ".p12"} {
			names = append(names, "staff-"+person+suffix)
		}
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(d.dir, "demo", name))
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			d.t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if d.read("staff.crt") != d.read("staff-ben.crt") || d.read("staff.key") != d.read("staff-ben.key") {
		d.t.Error("staff.crt and staff.key are not ben's")
	}
	want := fmt.Sprintf("API=https://localhost:%d\nADMIN=https://localhost:%d\nPUBLIC=https://localhost:%d\nMETRICS=http://localhost:%d\n", d.port, d.port+1, d.port+2, d.port+4)
	if got := d.read("urls.txt"); got != want {
		d.t.Errorf("urls.txt is %q, want %q", got, want)
	}
}

// staff are the flags to act as one of the three.
func (d trial) staff(name string) []string {
	file := func(s string) string { return filepath.Join(d.dir, "demo", s) }
	return []string{"--admin-url", fmt.Sprintf("https://localhost:%d", d.port+1), "--cert", file("staff-" + name + ".crt"),
		"--key", file("staff-" + name + ".key"), "--ca", file("ca.crt")}
}

// theFilesWork calls all sites as somebody would by hand.
func (d trial) theFilesWork() {
	api, admin, public := fmt.Sprintf("https://localhost:%d", d.port), fmt.Sprintf("https://localhost:%d", d.port+1), fmt.Sprintf("https://localhost:%d", d.port+2)
	metrics := fmt.Sprintf("http://localhost:%d", d.port+4)
	for _, row := range []struct {
		certificate, key, url string
		want                  int
		in                    string
	}{
		{"client", "key.txt", api + "/fhir/Patient/1", 200, `"resourceType":"Patient"`},
		{"client", "key.txt", api + "/fhir/Patient/2", 404, "not-found"},
		{"client", "other-key.txt", api + "/fhir/Patient/1", 401, "invalid-token"},
		{"client", "", api + "/fhir/Patient/1", 401, "key-required"},
		{"", "key.txt", api + "/fhir/Patient/1", 403, "certificate-required"},
		{"client", "key.txt", api + "/.well-known/certgate/status", 200, "normal"},
		{"staff", "", admin + "/v1/accounts", 200, `"slug":"acme"`},
		{"", "", public + "/problems/key-required", 200, "key"},
		{"", "", metrics + "/metrics", 200, "certgate_requests_total"},
		{"", "", metrics + "/ready", 200, "true"},
	} {
		status, body := d.get(row.certificate, row.key, row.url)
		if status != row.want || !strings.Contains(body, row.in) {
			d.t.Errorf("%s with certificate %q and key %q: %d %s", row.url, row.certificate, row.key, status, body)
		}
	}
}

func (d trial) get(certificate, key, url string) (int, string) {
	d.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(d.read("ca.crt")))
	config := &tls.Config{RootCAs: roots}
	if certificate != "" {
		pair, err := tls.X509KeyPair([]byte(d.read(certificate+".crt")), []byte(d.read(certificate+".key")))
		if err != nil {
			d.t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(d.read(key)))
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// serving is a demo that serves.
type serving struct {
	t       *testing.T
	process *os.Process
	code    chan int
}

// start runs the demo until it is ready.
func (d trial) start() *serving {
	d.t.Helper()
	c := command(d.t, "certgate", d.args()...)
	out, err := c.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	s := &serving{d.t, c.Process, make(chan int, 1)}
	d.t.Cleanup(func() { _ = s.process.Kill() })
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if lines.Text() == "ready" {
				ready <- true
			}
		}
		_ = c.Wait()
		s.code <- c.ProcessState.ExitCode()
	}()
	select {
	case <-ready:
	case code := <-s.code:
		d.t.Fatalf("it ended with code %d", code)
	case <-time.After(time.Minute):
		d.t.Fatal("it was not ready within a minute")
	}
	return s
}

// interrupt stops it as a terminal would, and returns its exit code.
func (s *serving) interrupt() int {
	s.t.Helper()
	if err := s.process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	select {
	case code := <-s.code:
		return code
	case <-time.After(30 * time.Second):
		s.t.Fatal("it did not stop within 30 s")
		return 0
	}
}

func TestDemoSaysWhatIsInItsWay(t *testing.T) {
	d := trial{t, filepath.Join(t.TempDir(), "demo"), freePorts(t)}
	used, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port+2)))
	if err != nil {
		t.Fatal(err)
	}
	r := try(t, d.args("--once")...)
	if err := used.Close(); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("port %d cannot be used", d.port+2); r.code != 1 || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "--port N") {
		t.Errorf("a port in use: %+v", r)
	}
	if _, err := os.Stat(d.dir); err == nil {
		t.Error("a port was in use, and the directory was made all the same")
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(file, "below"), "/proc/demo"} {
		r = try(t, trial{t, dir, d.port}.args("--once")...)
		if r.code != 1 || !strings.Contains(r.stderr, dir) || !strings.Contains(r.stderr, "choose another directory with --data DIR") {
			t.Errorf("a directory that cannot be made: %+v", r)
		}
	}

	if r = try(t, d.args("--once")...); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if err := os.Remove(filepath.Join(d.dir, "demo", "staff-eve.key")); err != nil {
		t.Fatal(err)
	}
	r = try(t, d.args("--once")...)
	if r.code != 1 || !strings.Contains(r.stderr, "staff-eve.key is missing and cannot be made again; start over in another directory: --data DIR") {
		t.Errorf("a file of staff is missing: %+v", r)
	}
}

// A demo that was cut off goes on: what the customer has not stored is asked for again.
func TestDemoGoesOnWhereItWasCutOff(t *testing.T) {
	d := trial{t, filepath.Join(t.TempDir(), "demo"), freePorts(t)}
	if r := try(t, d.args("--once")...); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	key := d.read("key.txt")
	for _, name := range []string{"key.txt", "server.crt", "urls.txt", "caddy.log"} {
		if err := os.Remove(filepath.Join(d.dir, "demo", name)); err != nil {
			t.Fatal(err)
		}
	}
	if r := try(t, d.args("--once")...); r.code != 0 || !strings.Contains(r.stdout, "\nready\n") {
		t.Errorf("%+v", r)
	}
	d.filesAreThere()
	if d.read("key.txt") == key {
		t.Error("the lost key came back")
	}
	// Cut off while it made the directory: the staff's keys were not all stored, so nobody can act, and it is made anew.
	key = d.read("staff-ben.key")
	if err := os.WriteFile(filepath.Join(d.dir, "demo", "half"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := try(t, d.args("--once")...); r.code != 0 || !strings.Contains(r.stdout, "\nready\n") {
		t.Errorf("%+v", r)
	}
	d.filesAreThere()
	if d.read("staff-ben.key") == key {
		t.Error("a directory that was half made was gone on with")
	}
}

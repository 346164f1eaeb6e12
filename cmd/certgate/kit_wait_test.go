package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/onerecord/certgate/issuer"
)

// kitLines run each of the kit's files that can be run here.
var kitLines = []string{"sh curl.sh", "sh openssl.sh", "python3 call.py", "node call.mjs", "go run call.go", "sh keystore.sh && java Call.java"}

// waited is what a file says of its own waiting, and curl of its.
var waited = regexp.MustCompile(`waits \d s, as Retry-After says|returned error: 429`)

// waits has the customer throttled to a call in two seconds, and each file make two, that for openssl one right after another's: the second is
// told to wait, does, and passes.
func (d trial) waits(kit string) {
	demo := func(name string) string { return filepath.Join(d.dir, "demo", name) }
	admin := regexp.MustCompile(`(?m)^ADMIN=(\S+)$`).FindStringSubmatch(d.read("urls.txt"))[1]
	r := try(d.t, "account", "throttle", "acme", "--limit", "rate 1/2s", "--why", "to see them wait", "--admin-url", admin, "--ca", demo("ca.crt"),
		"--cert", demo("staff.crt"), "--key", demo("staff.key"))
	if r.code != 0 {
		d.t.Fatalf("%+v", r)
	}
	for _, line := range kitLines {
		paths := " /fhir/Patient/1 /fhir/Patient/1"
		if strings.Contains(line, "openssl") { // it asks all over again for all paths
			line, paths = "sh curl.sh /fhir/Patient/1 && "+line, " /fhir/Patient/1"
		}
		out, err := d.inKit(kit, line+paths)
		if err != nil || strings.Count(out, `"resourceType":"Patient"`) != 2 || !waited.MatchString(out) {
			d.t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}

// endsSoon gives each file a certificate that ends in ten days, and one that has ended: it says so before it calls, and does not call with the other.
func (d trial) endsSoon(kit string) {
	for name, row := range map[string]struct {
		left time.Duration
		says string
	}{"soon": {10*24*time.Hour - time.Hour, "renew it"}, "ended": {-time.Hour, "has ended"}} {
		dir := filepath.Join(d.t.TempDir(), name)
		for _, err := range []error{os.CopyFS(dir, os.DirFS(kit)), selfSigned(dir, row.left), os.RemoveAll(filepath.Join(dir, "client.p12"))} {
			if err != nil {
				d.t.Fatal(err)
			}
		}
		for _, line := range kitLines {
			out, err := d.inKit(dir, line+" /fhir/Patient/1")
			if err == nil || !strings.Contains(out, row.says) || row.left < 0 && strings.Contains(out, "/fhir/Patient/1") {
				d.t.Errorf("%s with a certificate %s from its end: %v\n%s", line, row.left, err, out)
			}
		}
	}
}

// selfSigned puts a pair into a kit whose certificate has so long to go.
func selfSigned(dir string, left time.Duration) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(left)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "client.key"), issuer.KeyPEM(private), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "client.crt"), issuer.CertificatePEM(der), 0o600)
}

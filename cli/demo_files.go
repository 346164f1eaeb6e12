package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// What lies in the demo's directory. The secret is outside certgate's own directory, as it must be; that both lie on one disk is good
// enough only for a demo.
const (
	demoStore  = "data"    // certgate's data directory
	demoSecret = "secret"  // its secret file
	demoKit    = "kit.age" // its recovery kit
	demoCaddy  = "caddy"   // Caddy's own
	demoFiles  = "demo"    // what is tried by hand
	// What a customer is given to make its first calls with, in demoFiles.
	demoClientKit = "kit"
	demoHalf      = "half" // in demoFiles, while founding
)

// demoStaff are who works there. Two are admins, because one alone can confirm nothing.
var demoStaff = []authority.Admin{
	{Name: "ben", Email: "ben@onerecord.example", Roles: []gate.Role{gate.Interviewer, gate.Operator}},
	{Name: "cho", Email: "cho@onerecord.example", Roles: []gate.Role{gate.Approver, gate.Admin}},
	{Name: "eve", Email: "eve@onerecord.example", Roles: []gate.Role{gate.Issuer, gate.Admin}},
}

// file is a path in <data>/demo.
func (d *demo) file(name string) string { return filepath.Join(d.dir, demoFiles, name) }

// prepareFiles makes the directory, or finds it as an earlier run left it.
func (d *demo) prepareFiles() error {
	if err := os.MkdirAll(filepath.Join(d.dir, demoFiles), 0o700); err != nil {
		return fmt.Errorf("cannot make %s: %w: choose another directory with --data DIR", d.dir, err)
	}
	// MkdirAll says nothing about a directory that is there and cannot be written to.
	probe, err := os.CreateTemp(d.file("."), ".probe-*")
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w: choose another directory with --data DIR", d.dir, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return err
	}
	if err := d.forgetHalf(); err != nil {
		return err
	}
	if exists(filepath.Join(d.dir, demoStore)) {
		d.say.didf("Goes on with what is in %s", d.dir)
		return errors.Join(d.staffIsThere(), d.serverCertificate())
	}
	if err := d.found(); err != nil {
		return err
	}
	d.say.didf("Made %s: two CAs, a secret, a recovery kit, and certificates for ben, cho and eve", d.dir)
	return d.serverCertificate()
}

// staffIsThere reports files without which nobody could act.
func (d *demo) staffIsThere() error {
	for _, person := range demoStaff {
		for _, suffix := range []string{".crt", ".key"} {
			if name := d.file("staff-" + person.Name + suffix); !exists(name) {
				return fmt.Errorf("%s is missing and cannot be made again; start over in another directory: --data DIR", name)
			}
		}
	}
	return nil
}

// foundedParts are what founding makes beside the files in <data>/demo.
func (d *demo) foundedParts() []string {
	return []string{filepath.Join(d.dir, demoStore), filepath.Join(d.dir, demoSecret), filepath.Join(d.dir, demoKit)}
}

// forgetHalf removes what a founding left that was cut off: nobody can act in it, because the staff's keys were not all stored. The
// marker was written when none of it existed, so what is there now is ours.
func (d *demo) forgetHalf() error {
	if !exists(d.file(demoHalf)) {
		return nil
	}
	for _, part := range d.foundedParts() {
		if err := os.RemoveAll(part); err != nil {
			return fmt.Errorf("start over after a run that was cut off: %w", err)
		}
	}
	return os.Remove(d.file(demoHalf))
}

// found makes certgate's data directory, as `certgate init` does, and stores what the staff receive.
func (d *demo) found() error {
	for _, part := range d.foundedParts() {
		if exists(part) {
			return fmt.Errorf("%s exists already, and not from here: choose another directory with --data DIR", part)
		}
	}
	if err := createFile(d.file(demoHalf), nil); err != nil {
		return err
	}
	if err := d.foundStaff(); err != nil {
		return err
	}
	return os.Remove(d.file(demoHalf))
}

func (d *demo) foundStaff() error {
	identity, recipient, err := certstore.NewIdentity()
	if err != nil {
		return err
	}
	if err := rewrite(d.file("recovery.txt"), []byte(identity+"\n")); err != nil {
		return err
	}
	badges, err := authority.Init(authority.Setup{
		DataDir: filepath.Join(d.dir, demoStore), SecretFile: filepath.Join(d.dir, demoSecret), KitFile: filepath.Join(d.dir, demoKit),
		Recipients: []string{recipient}, Admins: demoStaff,
	})
	if err != nil {
		return fmt.Errorf("%w\nto start over, choose another directory: --data DIR", err)
	}
	var passwords strings.Builder
	for _, b := range badges {
		for suffix, content := range map[string][]byte{".crt": b.Leaf, ".key": b.Key, ".p12": b.P12} {
			if err := rewrite(d.file("staff-"+b.Name+suffix), content); err != nil {
				return err
			}
		}
		fmt.Fprintf(&passwords, "staff-%s.p12 %s\n", b.Name, b.Password)
	}
	ben := badges[0]
	return errors.Join(rewrite(d.file("staff.crt"), ben.Leaf), rewrite(d.file("staff.key"), ben.Key),
		rewrite(d.file("passwords.txt"), []byte(passwords.String())))
}

// rewrite puts a file of mode 0600 in place of whatever was there, whole or not at all.
func rewrite(path string, content []byte) error {
	return errors.Join(remove(path), createFile(path, content))
}

// remove removes a file that may not be there.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Lifetime of the demo's server certificate, and what must be left of it. Browsers take no longer ones than 398 days.
const (
	serverLifetime = 397 * 24 * time.Hour
	serverLeft     = 7 * 24 * time.Hour
)

// serverCertificate makes the certificate of the sites for localhost, and a CA for it whose key is thrown away. It is made anew before
// it expires.
func (d *demo) serverCertificate() error {
	if pair, err := loadPair(d.file("server.crt"), d.file("server.key")); err == nil && exists(d.file("ca.crt")) &&
		d.now.Add(serverLeft).Before(pair.Leaf.NotAfter) {
		return nil
	}
	random := authority.Randomness()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return fmt.Errorf("make the server's CA: %w", err)
	}
	key, err := issuer.NewKey(random)
	if err != nil {
		return err
	}
	der, err := issuer.MarshalKey(key)
	if err != nil {
		return err
	}
	ca, leaf, err := d.serverTemplates()
	if err != nil {
		return err
	}
	caDER, err := x509.CreateCertificate(random, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return fmt.Errorf("make the server's CA: %w", err)
	}
	leafDER, err := x509.CreateCertificate(random, leaf, ca, key.Public(), caKey)
	if err != nil {
		return fmt.Errorf("make the server's certificate: %w", err)
	}
	return errors.Join(rewrite(d.file("server.key"), issuer.KeyPEM(der)), rewrite(d.file("server.crt"), issuer.CertificatePEM(leafDER)),
		rewrite(d.file("ca.crt"), issuer.CertificatePEM(caDER)))
}

func (d *demo) serverTemplates() (ca, leaf *x509.Certificate, err error) {
	from, to := d.now.Add(-time.Hour), d.now.Add(serverLifetime)
	ca = &x509.Certificate{Subject: pkix.Name{CommonName: "certgate demo server CA"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomains: []string{"localhost"}, PermittedDNSDomainsCritical: true}
	leaf = &x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}, NotBefore: from, NotAfter: to,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, c := range []*x509.Certificate{ca, leaf} {
		if c.SerialNumber, err = issuer.NewSerial(authority.Randomness()); err != nil {
			return nil, nil, err
		}
	}
	return ca, leaf, nil
}

// urls writes where the sites are, for scripts to source.
func (d *demo) urls(context.Context) error {
	return rewrite(d.file("urls.txt"), fmt.Appendf(nil, "API=%s\nADMIN=%s\nPUBLIC=%s\nMETRICS=http://localhost:%d\n",
		site(d.ports.api), site(d.ports.admin), site(d.ports.public), d.ports.metrics))
}

// site is the URL of one of the demo's sites.
func site(port int) string { return fmt.Sprintf("https://localhost:%d", port) }

package issuer

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

func bigInt(n int64) *big.Int { return big.NewInt(n) }

// listing is an entry of a list in a test.
func listing(serial int64, reason int, extra ...pkix.Extension) x509.RevocationListEntry {
	return x509.RevocationListEntry{SerialNumber: bigInt(serial), RevocationTime: now.Add(-time.Hour), ReasonCode: reason, ExtraExtensions: extra}
}

func TestAListIsSearchedForSerialNumbers(t *testing.T) {
	for name, key := range map[string]*foreignCA{"P-256": newForeignCA(t, newKey(t), nil), "RSA": newForeignCA(t, rsaKey(t, 2048), nil)} {
		der := key.list(t, func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{listing(1, 0), listing(128, 1), listing(255, 6), listing(1<<40, 4)}
		})
		list, err := ReadRevocationList(der, key.cert)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if list.Entries != 4 || list.Number.Int64() != 7 || !list.NextUpdate.Equal(now.Add(24*time.Hour).Truncate(time.Second)) {
			t.Errorf("%s: %+v", name, list)
		}
		got := map[int64]gate.RevocationReason{}
		for _, l := range list.Find(bigInt(2), bigInt(128), bigInt(255), bigInt(1<<40), bigInt(129)) {
			got[l.Serial.Int64()] = l.Reason
		}
		if len(got) != 3 || got[128] != gate.KeyCompromise || got[255] != gate.Unspecified || got[1<<40] != gate.Superseded {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestListsThatSayTooLittleAreRefused(t *testing.T) {
	ca, other := newForeignCA(t, newKey(t), nil), newForeignCA(t, newKey(t), nil)
	narrow := newForeignCA(t, newKey(t), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	renamed := newForeignCA(t, ca.key, func(c *x509.Certificate) { c.Subject.CommonName = "By another name" })
	with := func(id asn1.ObjectIdentifier, critical bool, value ...byte) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: value})
		}
	}
	entry := func(extra pkix.Extension) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{listing(1, 0, extra)}
		}
	}
	good := ca.list(t, nil)
	changed := bytes.Clone(good)
	changed[len(changed)-5] ^= 1
	for want, der := range map[string][]byte{
		"not signed by the CA: ":         other.list(t, nil),
		"verification failure":           changed,
		"lacks cRLSign":                  narrow.list(t, nil),
		"in the name of":                 renamed.list(t, nil),
		"delta list":                     ca.list(t, with(oidDelta, true, 2, 1, 1)),
		"indirect list":                  ca.list(t, with(oidIssuingPoint, true, 0x30, 3, 0x84, 1, 0xff)),
		"not about client certificates":  ca.list(t, with(oidIssuingPoint, true, 0x30, 3, 0x82, 1, 0xff)),
		"(issuing distribution point); ": ca.list(t, with(oidIssuingPoint, true, 0x30, 3, 0x85, 1, 0xff)),
		"covers a part":                  ca.list(t, with(oidIssuingPoint, true, 0x30, 4, 0xa0, 2, 0xa0, 0)),
		"some reasons only":              ca.list(t, with(oidIssuingPoint, true, 0x30, 4, 0x83, 2, 1, 2)),
		"point cannot be read":           ca.list(t, with(oidIssuingPoint, true, 0x30, 9, 0x84)),
		"1.2.3":                          ca.list(t, with(asn1.ObjectIdentifier{1, 2, 3}, true, 5, 0)),
		"twice":                          ca.list(t, with(oidCRLNumber, false, 2, 1, 1)),
		"entry 0 of the list: it is about a certificate of another CA": ca.list(t, entry(pkix.Extension{Id: oidCertificateOwner, Critical: true, Value: []byte{0x30, 0}})),
		"entry 0 of the list: it has a critical":                       ca.list(t, entry(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 99}, Critical: true, Value: []byte{5, 0}})),
		"takes a certificate off the list":                             ca.list(t, func(l *x509.RevocationList) { l.RevokedCertificateEntries = []x509.RevocationListEntry{listing(1, 8)} }),
		"no revocation list in DER":                                    good[:len(good)-1],
		"the list: it is cut off":                                      ca.cert.Raw,
		"at most 16777216":                                             make([]byte, MaxRevocationList+1),
	} {
		by := ca.cert
		if want == "lacks cRLSign" {
			by = narrow.cert
		}
		if list, err := ReadRevocationList(der, by); err == nil || list != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", want, list, err)
		}
	}
	if _, err := ReadRevocationList(ca.list(t, with(oidIssuingPoint, true, 0x30, 3, 0x81, 1, 0xff)), ca.cert); err != nil {
		t.Errorf("a list over user certificates alone: %v", err)
	}
	if _, err := ReadRevocationList(ca.list(t, with(asn1.ObjectIdentifier{1, 2, 3}, false, 5, 0)), ca.cert); err != nil {
		t.Errorf("an extension that is not critical: %v", err)
	}
}

// A list of 400,000 entries is some 15 MB, and hardly more is taken to read it.
func TestALargeListTakesLittleMemory(t *testing.T) {
	ca := newForeignCA(t, newKey(t), nil)
	const n = 400_000
	der := ca.list(t, func(l *x509.RevocationList) {
		for i := range int64(n) {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, listing(1<<20+i, 1))
		}
	})
	if len(der) > MaxRevocationList {
		t.Fatalf("%d bytes", len(der))
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	list, err := ReadRevocationList(der, ca.cert)
	if err != nil {
		t.Fatal(err)
	}
	found := list.Find(bigInt(1<<20+n-1), bigInt(5))
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 || len(found) != 1 || list.Entries != n {
		t.Errorf("%d bytes taken, %d found, %d entries", took, len(found), list.Entries)
	}
}

func TestWhatOpensslPublishesIsRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	config := "[ca]\ndefault_ca = own\n[own]\ndatabase = " + at("index.txt") + "\ncrlnumber = " + at("crlnumber") + "\ndefault_md = sha256\ndefault_crl_days = 1\ncrl_extensions = ext\n[ext]\nauthorityKeyIdentifier = keyid\n"
	index := "R\t370101000000Z\t260101000000Z,keyCompromise\t0ABC\tunknown\t/CN=engine\nR\t370101000000Z\t260101000000Z\tFF\tunknown\t/CN=other\nV\t370101000000Z\t\t0B\tunknown\t/CN=good\n"
	for name, text := range map[string]string{"openssl.cnf": config, "index.txt": index, "crlnumber": "1000\n"} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/O=Acme/CN=Acme CA", "-days", "30"},
		{"ca", "-gencrl", "-config", at("openssl.cnf"), "-cert", at("ca.pem"), "-keyfile", at("ca.key"), "-out", at("crl.pem")},
		{"crl", "-in", at("crl.pem"), "-outform", "DER", "-out", at("crl.der")},
	} {
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", args[0], err, out)
		}
	}
	text, err := os.ReadFile(at("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := ParseCertificatesPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	der, err := os.ReadFile(at("crl.der"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := ReadRevocationList(der, ca[0])
	if err != nil {
		t.Fatal(err)
	}
	if found := list.Find(bigInt(0xABC), bigInt(0xFF), bigInt(0xB)); len(found) != 2 || found[1].Reason != gate.KeyCompromise || list.Number.Int64() != 0x1000 {
		t.Errorf("%+v of %+v", found, list)
	}
}

// FuzzRevocationList feeds what a CA's web server may send. What is read here, crypto/x509 reads in the same way. Memory: the input, of at most
// 16 MiB, and 64 KiB.
func FuzzRevocationList(f *testing.F) {
	ca := kept(f, "ca")
	text, err := os.ReadFile("testdata/brought/list.pem")
	if err != nil {
		f.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if list, err := ReadRevocationList(block.Bytes, ca); err != nil || list.Entries != 3 {
		f.Fatalf("%+v, %v", list, err)
	}
	f.Add(block.Bytes)
	f.Add(block.Bytes[:len(block.Bytes)/2])
	f.Add(ca.Raw)
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, der []byte) {
		parts, err := splitList(der)
		if err != nil {
			return
		}
		if n := len(parts.before) + len(parts.after) + len(parts.trailer); n > maxListHeader || len(parts.tbs) > len(der) {
			t.Fatalf("%d bytes besides the entries", n)
		}
		if _, err := parts.header(); err != nil {
			return
		}
		ours, readable := 0, true
		var last listEntry
		for rest := parts.entries; len(rest) > 0; ours++ {
			if last, rest, err = nextEntry(rest); err != nil {
				readable = false
				break
			}
		}
		theirs, err := x509.ParseRevocationList(der)
		if readable && err == nil && len(theirs.RevokedCertificateEntries) == ours && ours > 0 {
			if s := theirs.RevokedCertificateEntries[ours-1].SerialNumber; s.Cmp(new(big.Int).SetBytes(last.serial)) != 0 {
				t.Fatalf("the last serial number is %x, and %x to crypto/x509", last.serial, s)
			}
		}
		if readable && err == nil && len(theirs.RevokedCertificateEntries) != ours {
			t.Fatalf("%d entries, and %d to crypto/x509", ours, len(theirs.RevokedCertificateEntries))
		}
		if list, err := ReadRevocationList(der, ca); err == nil && (theirs == nil || list.Entries != len(theirs.RevokedCertificateEntries)) {
			t.Fatal("a list is taken that crypto/x509 reads in another way")
		}
	})
}

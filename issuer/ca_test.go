package issuer

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestRootSignsOneLevelOfCAsForFifteenYears(t *testing.T) {
	root, _ := newHierarchy(t)
	c := root.Certificate
	if !selfSigned(c) || !c.IsCA || c.MaxPathLen != 1 {
		t.Errorf("self-signed=%t CA=%t pathLen=%d", selfSigned(c), c.IsCA, c.MaxPathLen)
	}
	if c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("key usage is %b", c.KeyUsage)
	}
	if want := time.Date(2041, 11, 24, 9, 30, 0, 0, time.UTC); !c.NotAfter.Equal(want) {
		t.Errorf("root ends %s, want %s", c.NotAfter, want)
	}
	if got := keyAlgorithm(c.PublicKey); got != "P-256" {
		t.Errorf("key is %s", got)
	}
}

func TestIssuingCASignsOnlyClientLeavesForFiveYears(t *testing.T) {
	root, issuing := newHierarchy(t)
	c := issuing.Certificate
	if err := checkIssuing(c, issuing.Signer, now); err != nil {
		t.Error(err)
	}
	if err := checkIssuedBy(c, root.Certificate); err != nil {
		t.Error(err)
	}
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("extended key usage is %v", c.ExtKeyUsage)
	}
	if want := time.Date(2031, 11, 24, 9, 30, 0, 0, time.UTC); !c.NotAfter.Equal(want) {
		t.Errorf("issuing CA ends %s, want %s", c.NotAfter, want)
	}
	if string(c.AuthorityKeyId) != string(root.Certificate.SubjectKeyId) || len(c.SubjectKeyId) != 20 {
		t.Errorf("key identifiers: authority %x, subject %x", c.AuthorityKeyId, c.SubjectKeyId)
	}
}

func TestIssuingCANeverOutlivesItsRoot(t *testing.T) {
	root, _ := newHierarchy(t)
	late := now.AddDate(12, 0, 0)
	issuing, err := NewIssuing(root, "Example Issuing 9", rand.Reader, late)
	if err != nil {
		t.Fatal(err)
	}
	if !issuing.Certificate.NotAfter.Equal(root.Certificate.NotAfter) {
		t.Errorf("issuing CA ends %s, root %s", issuing.Certificate.NotAfter, root.Certificate.NotAfter)
	}
	_, err = NewIssuing(root, "Example Issuing 10", rand.Reader, now.AddDate(14, 0, 0))
	wantError(t, err, `root "Example Root" ends at`, "at least 397 are needed")
}

func TestNewIssuingRefusals(t *testing.T) {
	root, issuing := newHierarchy(t)
	for _, tt := range []struct {
		name, ca string
		root     *CA
		now      time.Time
		want     string
	}{
		{"no root", "X", nil, now, "no root"},
		{"root without key", "X", &CA{Certificate: root.Certificate}, now, "no root"},
		{"an issuing CA as root", "X", issuing, now, "not self-signed"},
		{"same name as the root", "Example Root", root, now, "choose another"},
		{"empty name", "", root, now, "0 characters"},
		{"name too long", strings.Repeat("x", 65), root, now, "65 characters"},
		{"name with a line break", "a\nb", root, now, "not printable"},
		{"name with a space at the end", "a ", root, now, "space"},
		{"name that is no UTF-8", "a\xff", root, now, "UTF-8"},
		{"before the root begins", "X", root, now.Add(-time.Hour), "not valid before"},
		{"after the root ended", "X", root, now.AddDate(16, 0, 0), "expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewIssuing(tt.root, tt.ca, rand.Reader, tt.now)
			wantError(t, err, tt.want)
		})
	}
}

func TestSerialsAreSeventeenOctetsAndRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		serial := newSerial(t)
		if err := checkSerial(serial); err != nil {
			t.Fatal(err)
		}
		if n := len(serial.Bytes()); n != 17 {
			t.Fatalf("serial %x has %d octets", serial, n)
		}
		if seen[serial.String()] {
			t.Fatalf("serial %x came twice", serial)
		}
		seen[serial.String()] = true
	}
}

func TestFailingRandomnessIsAnError(t *testing.T) {
	broken := iotest.ErrReader(errors.New("no entropy"))
	_, err := NewSerial(broken)
	wantError(t, err, "no entropy")
	_, err = NewSerial(io.LimitReader(rand.Reader, 15))
	wantError(t, err, "unexpected EOF")
	_, err = NewRoot("Example Root", broken, now)
	wantError(t, err, "no entropy")
}

func TestProfilesHaveNames(t *testing.T) {
	for _, p := range Profiles() {
		if strings.HasPrefix(p.String(), "profile(") {
			t.Errorf("profile %d has no name", int(p))
		}
	}
}

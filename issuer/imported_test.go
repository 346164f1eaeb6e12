package issuer

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"
)

// importCase is a hierarchy that is good until a row edits it.
type importCase struct {
	root, issuing       *x509.Certificate // templates
	rootKey, issuingKey crypto.Signer
	givenKey            crypto.Signer // nil: the issuing CA's
	signedBy            *CA           // nil: the root
	selfSign            bool
}

func (c *importCase) run(t *testing.T) error {
	t.Helper()
	root := signAny(t, c.root, c.rootKey, nil)
	parent := root
	if c.signedBy != nil {
		parent = c.signedBy
	}
	if c.selfSign {
		parent = nil
	}
	issuing := signAny(t, c.issuing, c.issuingKey, parent)
	key := c.issuingKey
	if c.givenKey != nil {
		key = c.givenKey
	}
	gotRoot, ca, err := Import(CertificatePEM(root.Certificate.Raw), CertificatePEM(issuing.Certificate.Raw), keyPEM(t, key), now)
	if err == nil && (!gotRoot.Equal(root.Certificate) || !ca.Certificate.Equal(issuing.Certificate) || !samePublicKey(ca.Signer.Public(), key.Public())) {
		t.Error("Import returned something else than it was given")
	}
	if err != nil && (gotRoot != nil || ca != nil) {
		t.Error("Import returned a CA together with an error")
	}
	return err
}

func TestImport(t *testing.T) {
	foreign, _ := newHierarchy(t)
	rsa2048, err := rehearsalRSA()
	if err != nil {
		t.Fatal(err)
	}
	clientAuth := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, tt := range []struct {
		name string
		edit func(c *importCase)
		want string // "" is accepted
	}{
		{"as it is, without extended key usage", func(c *importCase) {}, ""},
		{"clientAuth", func(c *importCase) { c.issuing.ExtKeyUsage = clientAuth }, ""},
		{"clientAuth among others", func(c *importCase) {
			c.issuing.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		}, ""},
		{"any usage", func(c *importCase) { c.issuing.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, ""},
		{"exactly one leaf's life left", func(c *importCase) { c.issuing.NotAfter = now.Add(LeafLifetime) }, ""},
		{"P-384", func(c *importCase) { c.issuingKey = keyOn(t, elliptic.P384()) }, ""},

		{"another's key", func(c *importCase) { c.givenKey = newKey(t) }, "does not match the private key"},
		{"no CA", func(c *importCase) { c.issuing.IsCA, c.issuing.MaxPathLenZero = false, false }, `issuing CA "Old Issuing" is not a CA`},
		{"path length 1", func(c *importCase) { c.issuing.MaxPathLen, c.issuing.MaxPathLenZero = 1, false }, "must have path length 0"},
		{"no path length", func(c *importCase) { c.issuing.MaxPathLen, c.issuing.MaxPathLenZero = -1, false }, "must have path length 0"},
		{"serverAuth only", func(c *importCase) { c.issuing.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "without clientAuth"},
		{"an unknown usage only", func(c *importCase) { c.issuing.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }, "without clientAuth"},
		{"expired", func(c *importCase) { c.issuing.NotAfter = now.Add(-time.Second) }, "expired at"},
		{"not yet valid", func(c *importCase) { c.issuing.NotBefore = now.Add(time.Hour) }, "not valid before"},
		{"less than one leaf's life left", func(c *importCase) { c.issuing.NotAfter = now.Add(LeafLifetime - time.Second) }, "in 396 days; at least 397"},
		{"RSA-2048", func(c *importCase) { c.issuingKey = rsa2048 }, "weak key: the key is RSA-2048"},
		{"P-521", func(c *importCase) { c.issuingKey = keyOn(t, elliptic.P521()) }, "weak key: the key is P-521"},
		{"signed by another root", func(c *importCase) { c.signedBy = foreign }, "not signed by root"},
		{"signed by another root of the same name", func(c *importCase) {
			c.signedBy = signAny(t, rootTemplate(), newKey(t), nil)
		}, "not signed by root"},
		{"self-signed", func(c *importCase) { c.selfSign = true }, "self-signed; a root must not issue"},
		{"no keyCertSign", func(c *importCase) { c.issuing.KeyUsage = x509.KeyUsageCRLSign }, "lacks key usage keyCertSign"},
		{"no cRLSign", func(c *importCase) { c.issuing.KeyUsage = x509.KeyUsageCertSign }, "lacks key usage cRLSign"},
		{"unknown critical extension", func(c *importCase) {
			c.issuing.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}, "critical extensions"},

		{"root is no CA", func(c *importCase) { c.root.IsCA = false }, `root "Old Root" is not a CA`},
		{"root without keyCertSign", func(c *importCase) { c.root.KeyUsage = x509.KeyUsageCRLSign }, `root "Old Root" lacks key usage keyCertSign`},
		{"root with path length 0", func(c *importCase) { c.root.MaxPathLen, c.root.MaxPathLenZero = 0, true }, "allows no CA below it"},
		{"root expired", func(c *importCase) { c.root.NotAfter = now.Add(-time.Hour) }, `root "Old Root" expired`},
		{"root weak", func(c *importCase) { c.rootKey = rsa2048 }, `root "Old Root" has a weak key`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &importCase{root: rootTemplate(), issuing: issuingTemplate(), rootKey: newKey(t), issuingKey: newKey(t)}
			tt.edit(c)
			err := c.run(t)
			if tt.want != "" {
				wantError(t, err, tt.want)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestImportNeedsASubjectKeyIdentifier(t *testing.T) {
	_, issuing := newHierarchy(t)
	without := *issuing.Certificate
	without.SubjectKeyId = nil
	wantError(t, checkIssuing(&without, issuing.Signer, now), "lacks a subject key identifier")
}

func TestImportNamesAllThatIsWrongAtOnce(t *testing.T) {
	c := &importCase{root: rootTemplate(), issuing: issuingTemplate(), rootKey: newKey(t), issuingKey: newKey(t), givenKey: newKey(t)}
	c.root.NotAfter = now.Add(-time.Hour)
	c.issuing.KeyUsage = x509.KeyUsageDigitalSignature
	c.issuing.NotAfter = now.Add(time.Hour)
	wantError(t, c.run(t), `root "Old Root" expired`, "does not match", "keyCertSign", "cRLSign", "in 0 days")
}

func TestImportReadsOneCertificateAndOneKeyPerFile(t *testing.T) {
	root, issuing := newHierarchy(t)
	rootPEM, issuingPEM, key := CertificatePEM(root.Certificate.Raw), CertificatePEM(issuing.Certificate.Raw), keyPEM(t, issuing.Signer)
	both := append(bytes.Clone(issuingPEM), rootPEM...)
	for _, tt := range []struct {
		name               string
		root, issuing, key []byte
		want               string
	}{
		{"as made here", rootPEM, issuingPEM, key, ""},
		{"no root", nil, issuingPEM, key, "root certificate: the input is empty"},
		{"a chain as issuing", rootPEM, both, key, "issuing certificate: the file holds 2 certificates"},
		{"key as certificate", rootPEM, key, key, `issuing certificate: PEM block 1 is "PRIVATE KEY"`},
		{"certificate as key", rootPEM, issuingPEM, issuingPEM, "issuing key: the PEM block is"},
		{"the two exchanged", issuingPEM, rootPEM, key, "not self-signed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Import(tt.root, tt.issuing, tt.key, now)
			if tt.want != "" {
				wantError(t, err, tt.want)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

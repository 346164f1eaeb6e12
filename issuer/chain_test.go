package issuer

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"testing"
	"time"
)

func mustAnchors(t testing.TB, cas ...*CA) *Anchors {
	t.Helper()
	var certs []*x509.Certificate
	for _, ca := range cas {
		certs = append(certs, ca.Certificate)
	}
	anchors, err := NewAnchors(certs...)
	if err != nil {
		t.Fatal(err)
	}
	return anchors
}

// clientTemplate is a leaf as any CA might make it.
func clientTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: "client"},
		NotBefore:             now.AddDate(0, -1, 0),
		NotAfter:              now.AddDate(0, 11, 0),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func TestALeafAloneLeadsToItsIssuingCA(t *testing.T) {
	root, ca := newHierarchy(t)
	next, err := NewIssuing(root, "Example Issuing 2", rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issueLeaf(t, ca, goodRequest(t))
	chain, err := mustAnchors(t, next, ca).Verify(leaf, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if !chain.Anchor.Equal(ca.Certificate) || !chain.NotBefore.Equal(leaf.NotBefore) || !chain.NotAfter.Equal(leaf.NotAfter) {
		t.Errorf("got anchor %q, %s to %s", chain.Anchor.Subject.CommonName, chain.NotBefore, chain.NotAfter)
	}
	if _, err := mustAnchors(t, ca).Verify(leaf, []*x509.Certificate{ca.Certificate, root.Certificate}, now); err != nil {
		t.Errorf("with the whole chain: %v", err)
	}
}

func TestStrangersAreUntrusted(t *testing.T) {
	root, ca := newHierarchy(t)
	sibling, err := NewIssuing(root, "Example Issuing 2", rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	otherRoot, _ := newHierarchy(t)
	namesake, err := NewIssuing(otherRoot, "Example Issuing 1", rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	foreignServer := clientTemplate()
	foreignServer.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	foreignCritical := clientTemplate()
	foreignCritical.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	good := issueLeaf(t, ca, goodRequest(t))
	damaged := *good
	damaged.Signature = append([]byte{}, good.Signature...)
	damaged.Signature[10] ^= 1
	for _, tt := range []struct {
		name          string
		leaf          *x509.Certificate
		intermediates []*x509.Certificate
	}{
		{"none", nil, nil},
		{"sibling CA", issueLeaf(t, sibling, goodRequest(t)), nil},
		{"sibling CA with chain and root", issueLeaf(t, sibling, goodRequest(t)), []*x509.Certificate{sibling.Certificate, root.Certificate}},
		{"CA of the same name", issueLeaf(t, namesake, goodRequest(t)), []*x509.Certificate{namesake.Certificate}},
		{"self-signed", signAny(t, clientTemplate(), newKey(t), nil).Certificate, nil},
		{"the root itself", root.Certificate, []*x509.Certificate{root.Certificate}},
		{"foreign and for servers", signAny(t, foreignServer, newKey(t), namesake).Certificate, nil},
		{"foreign and with a critical extension", signAny(t, foreignCritical, newKey(t), namesake).Certificate, nil},
		{"damaged", &damaged, nil},
		{"too many others", good, make([]*x509.Certificate, maxIntermediates+1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chain, err := mustAnchors(t, ca).Verify(tt.leaf, tt.intermediates, now)
			if !errors.Is(err, ErrUntrusted) || chain.Anchor != nil {
				t.Errorf("got %v, %v", chain.Anchor, err)
			}
		})
	}
}

func TestCertificatesOfOursForOtherPurposesAreUnsuitable(t *testing.T) {
	_, ca := newHierarchy(t)
	unnarrowed := signAny(t, issuingTemplate(), newKey(t), signAny(t, rootTemplate(), newKey(t), nil))
	for _, tt := range []struct {
		name string
		ca   *CA
		edit func(c *x509.Certificate)
	}{
		{"serverAuth", unnarrowed, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{"serverAuth under a clientAuth CA", ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{"any usage", unnarrowed, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }},
		{"no extended key usage", unnarrowed, func(c *x509.Certificate) { c.ExtKeyUsage = nil }},
		{"key for encryption only", ca, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }},
		{"unknown critical extension", ca, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}},
		{"a CA", ca, func(c *x509.Certificate) { c.IsCA = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			template := clientTemplate()
			tt.edit(template)
			leaf := signAny(t, template, newKey(t), tt.ca).Certificate
			if _, err := mustAnchors(t, tt.ca).Verify(leaf, nil, now); !errors.Is(err, ErrUnsuitable) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("the anchor itself", func(t *testing.T) {
		if _, err := mustAnchors(t, ca).Verify(ca.Certificate, nil, now); !errors.Is(err, ErrUnsuitable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDatesAreReportedAndNotJudged(t *testing.T) {
	_, ca := newHierarchy(t)
	leaf := issueLeaf(t, ca, goodRequest(t))
	anchors := mustAnchors(t, ca)
	for _, at := range []time.Time{now.AddDate(-50, 0, 0), leaf.NotBefore, now, leaf.NotAfter, leaf.NotAfter.Add(time.Second), now.AddDate(50, 0, 0)} {
		chain, err := anchors.Verify(leaf, nil, at)
		if err != nil {
			t.Errorf("at %s: %v", at, err)
			continue
		}
		if !chain.NotBefore.Equal(leaf.NotBefore) || !chain.NotAfter.Equal(leaf.NotAfter) {
			t.Errorf("at %s: %s to %s", at, chain.NotBefore, chain.NotAfter)
		}
	}
}

func TestTheChainEndsWithTheFirstOfItsCertificates(t *testing.T) {
	root := signAny(t, rootTemplate(), newKey(t), nil)
	short := issuingTemplate()
	short.NotBefore, short.NotAfter = now.AddDate(0, -2, 0), now.AddDate(0, 0, -1)
	ca := signAny(t, short, newKey(t), root)
	leaf := signAny(t, clientTemplate(), newKey(t), ca).Certificate // ends after its CA
	chain, err := mustAnchors(t, ca).Verify(leaf, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if !chain.NotBefore.Equal(leaf.NotBefore) || !chain.NotAfter.Equal(ca.Certificate.NotAfter) {
		t.Errorf("%s to %s", chain.NotBefore, chain.NotAfter)
	}
}

func TestAnExpiredIntermediateIsSeenInTheDates(t *testing.T) {
	root := signAny(t, rootTemplate(), newKey(t), nil)
	upper := issuingTemplate()
	upper.Subject.CommonName = "Upper"
	upper.MaxPathLen, upper.MaxPathLenZero = 1, false
	anchor := signAny(t, upper, newKey(t), root)
	lower := issuingTemplate()
	lower.NotAfter = now.AddDate(0, 0, -1)
	between := signAny(t, lower, newKey(t), anchor)
	leaf := signAny(t, clientTemplate(), newKey(t), between).Certificate
	chain, err := mustAnchors(t, anchor).Verify(leaf, []*x509.Certificate{between.Certificate}, now)
	if err != nil {
		t.Fatal(err)
	}
	if !chain.Anchor.Equal(anchor.Certificate) || !chain.NotAfter.Equal(between.Certificate.NotAfter) {
		t.Errorf("anchor %q until %s", chain.Anchor.Subject.CommonName, chain.NotAfter)
	}
	if _, err := mustAnchors(t, anchor).Verify(leaf, nil, now); !errors.Is(err, ErrUntrusted) {
		t.Errorf("without the intermediate: %v", err)
	}
}

func TestCertificatesThatNeverOverlapAreNoChain(t *testing.T) {
	root := signAny(t, rootTemplate(), newKey(t), nil)
	old := issuingTemplate()
	old.NotAfter = now.AddDate(0, -2, 0) // before the leaf begins
	ca := signAny(t, old, newKey(t), root)
	leaf := signAny(t, clientTemplate(), newKey(t), ca).Certificate
	_, err := mustAnchors(t, ca).Verify(leaf, nil, now)
	if !errors.Is(err, ErrUntrusted) {
		t.Fatalf("got %v", err)
	}
	wantError(t, err, "never valid at the same time")
}

func TestARenewedAnchorIsPreferredToTheExpiredOne(t *testing.T) {
	root := signAny(t, rootTemplate(), newKey(t), nil)
	key := newKey(t)
	old := issuingTemplate()
	old.NotAfter = now.AddDate(0, 0, -1)
	expired, renewed := signAny(t, old, key, root), signAny(t, issuingTemplate(), key, root)
	leaf := signAny(t, clientTemplate(), newKey(t), expired).Certificate
	for _, anchors := range []*Anchors{mustAnchors(t, expired, renewed), mustAnchors(t, renewed, expired)} {
		chain, err := anchors.Verify(leaf, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		if !chain.Anchor.Equal(renewed.Certificate) {
			t.Errorf("anchor ends %s", chain.Anchor.NotAfter)
		}
	}
	// At a time when both are valid, either proves the chain.
	chain, err := mustAnchors(t, expired, renewed).Verify(leaf, nil, now.AddDate(0, 0, -2))
	if err != nil || !chain.Anchor.Equal(renewed.Certificate) {
		t.Errorf("got anchor until %v, %v", chain.NotAfter, err)
	}
}

func TestAnchorsAreIssuingCAsOnly(t *testing.T) {
	root, ca := newHierarchy(t)
	leaf := issueLeaf(t, ca, goodRequest(t))
	_, err := NewAnchors()
	if !errors.Is(err, ErrNoAnchors) {
		t.Errorf("no certificate: %v", err)
	}
	_, err = NewAnchors(ca.Certificate, nil)
	wantError(t, err, "missing")
	_, err = NewAnchors(ca.Certificate, root.Certificate)
	wantError(t, err, `"Example Root" cannot be a trust anchor: it is a root`)
	_, err = NewAnchors(leaf)
	wantError(t, err, "no CA that may sign certificates")
}

func TestNoAnchorsTrustNobody(t *testing.T) {
	_, ca := newHierarchy(t)
	leaf := issueLeaf(t, ca, goodRequest(t))
	var none *Anchors
	for _, anchors := range []*Anchors{none, {}} {
		if _, err := anchors.Verify(leaf, []*x509.Certificate{ca.Certificate}, now); !errors.Is(err, ErrNoAnchors) {
			t.Errorf("got %v", err)
		}
		if pool := anchors.Pool(); pool == nil || !pool.Equal(x509.NewCertPool()) {
			t.Error("Pool is nil, which the TLS stack takes for the system's roots")
		}
	}
}

func TestThePoolIsACopy(t *testing.T) {
	root, ca := newHierarchy(t)
	anchors := mustAnchors(t, ca)
	pool := anchors.Pool()
	pool.AddCert(root.Certificate)
	if anchors.Pool().Equal(pool) {
		t.Error("a change of the copy changed the anchors")
	}
}

func FuzzVerify(f *testing.F) {
	root, ca := newHierarchy(f)
	leaf := issueLeaf(f, ca, goodRequest(f))
	f.Add(leaf.Raw, ca.Certificate.Raw)
	f.Add(ca.Certificate.Raw, root.Certificate.Raw)
	f.Add(root.Certificate.Raw, []byte(nil))
	anchors := mustAnchors(f, ca)
	f.Fuzz(func(t *testing.T, leafDER, otherDER []byte) {
		got, err := x509.ParseCertificate(leafDER)
		if err != nil {
			return
		}
		var others []*x509.Certificate
		if other, err := x509.ParseCertificate(otherDER); err == nil {
			others = append(others, other)
		}
		chain, err := anchors.Verify(got, others, now)
		if err != nil {
			if !errors.Is(err, ErrUntrusted) && !errors.Is(err, ErrUnsuitable) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		// Nobody can forge a signature, so only what was issued gets through.
		if string(got.RawTBSCertificate) != string(leaf.RawTBSCertificate) || !chain.Anchor.Equal(ca.Certificate) {
			t.Errorf("accepted %q under %q", got.Subject, chain.Anchor.Subject)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	_, ca := newHierarchy(b)
	leaf := issueLeaf(b, ca, goodRequest(b))
	anchors := mustAnchors(b, ca)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := anchors.Verify(leaf, nil, now); err != nil {
			b.Fatal(err)
		}
	}
}

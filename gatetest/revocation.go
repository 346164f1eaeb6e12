package gatetest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"hash/crc32"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
)

// List makes the CA's revocation list over the serial numbers, from at on for a day, unless edit says otherwise. Reasons are keyCompromise.
func (ca *ForeignCA) List(number int64, at time.Time, edit func(*x509.RevocationList), serials ...*big.Int) []byte {
	ca.t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.Add(24 * time.Hour)}
	for _, s := range serials {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s, RevocationTime: at, ReasonCode: 1})
	}
	if edit != nil {
		edit(template)
	}
	by := *ca.Certificate
	by.KeyUsage |= x509.KeyUsageCRLSign // crypto/x509 asks for it; openssl does not
	der, err := x509.CreateRevocationList(authority.Randomness(), template, &by, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	return der
}

// ListServer serves a revocation list on loopback, as a CA's web server does: with an ETag, and 304 for whoever has it.
type ListServer struct {
	URL string

	mu     sync.Mutex
	answer http.HandlerFunc // guarded by mu
	asked  int              // guarded by mu
	spared int              // guarded by mu; answered with 304
}

// NewListServer begins to serve nothing.
func NewListServer(t testing.TB) *ListServer {
	t.Helper()
	s := &ListServer{answer: http.NotFound}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL + "/issuing.crl"
	return s
}

// Serve puts a list in the place of the one before.
func (s *ListServer) Serve(der []byte) {
	tag := fmt.Sprintf("\"%08x\"", crc32.ChecksumIEEE(der))
	s.Answer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/pkix-crl")
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			s.mu.Lock()
			s.spared++
			s.mu.Unlock()
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(der) // whoever asked is gone
	})
}

// Answer lets a handler answer from now on.
func (s *ListServer) Answer(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

// Asked is how often the server was asked, and how often it answered that nothing has changed.
func (s *ListServer) Asked() (asked, spared int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.spared
}

// ServeHTTP implements http.Handler.
func (s *ListServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	answer := s.answer
	s.mu.Unlock()
	answer(w, r)
}

// Request is a signing request made with the private key of a certificate, in PEM: it proves that the key is there.
func (ca *ForeignCA) Request(private any) []byte {
	ca.t.Helper()
	der, err := x509.CreateCertificateRequest(authority.Randomness(), &x509.CertificateRequest{}, private)
	if err != nil {
		ca.t.Fatal(err)
	}
	return pemOf("CERTIFICATE REQUEST", der)
}

// Reissue makes a further certificate for the key of one that was issued.
func (ca *ForeignCA) Reissue(crt tls.Certificate, edit func(*x509.Certificate)) *x509.Certificate {
	ca.t.Helper()
	ca.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(100 + ca.serial), Subject: crt.Leaf.Subject, NotBefore: crt.Leaf.NotBefore, NotAfter: crt.Leaf.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(authority.Randomness(), template, ca.Certificate, crt.Leaf.PublicKey, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return cert
}

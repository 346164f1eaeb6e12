package main

import (
	"crypto/x509"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/onerecord/certgate/gatetest"
	"github.com/onerecord/certgate/issuer"
)

// ownCA is a CA that a customer runs, with a web server for its revocation list.
//
//	ownca made FILE            makes it, and $CRL is where its list will lie
//	ownca issue DIR            makes DIR/client.crt and DIR/client.key
//	ownca publish N [DIR...]   publishes list N, on which the certificates of the directories are
//	ownca down                 lets the web server answer that it is busy
//	ownca asked                waits until the server has asked for what was due at the time that it is now
func (s *story) ownCA(ts *testscript.TestScript, _ bool, args []string) {
	switch args[0] {
	case "made":
		s.own, s.lists = gatetest.NewForeignCA(s.t, "Acme Private CA", s.time.now()), gatetest.NewListServer(s.t)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(s.own.PEM()), 0o600))
		ts.Setenv("CRL", s.lists.URL)
	case "issue":
		crt := s.own.Issue(nil)
		key, err := x509.MarshalPKCS8PrivateKey(crt.PrivateKey)
		ts.Check(err)
		ts.Check(os.MkdirAll(ts.MkAbs(args[1]), 0o700))
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[1]), "client.crt"), []byte(gatetest.PEM(crt.Leaf.Raw)), 0o600))
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[1]), "client.key"), issuer.KeyPEM(key), 0o600))
	case "publish":
		n, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		var serials []*big.Int
		for _, dir := range args[2:] {
			text, err := os.ReadFile(filepath.Join(ts.MkAbs(dir), "client.crt"))
			ts.Check(err)
			certs, err := issuer.ParseCertificatesPEM(text)
			ts.Check(err)
			serials = append(serials, certs[0].SerialNumber)
		}
		s.lists.Serve(s.own.List(n, s.time.now(), nil, serials...))
	case "down":
		s.lists.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	case "asked":
		now := s.time.now().Unix() // a moment that does not move on while it is waited for
		untilBy(ts, scraping, "look for revocation lists", func() bool {
			found := lastReading.FindStringSubmatch(s.scrape(ts))
			if found == nil {
				return false
			}
			at, err := strconv.ParseFloat(found[1], 64)
			return err == nil && int64(at) >= now
		})
	default:
		ts.Fatalf("ownca %s: made, issue, publish, down or asked", args[0])
	}
}

var lastReading = regexp.MustCompile(`(?m)^certgate_job_last_success_seconds\{job="foreign-crls"\} (\S+)$`)

package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// openssl has another program judge a customer's certificate, as a third party would: by the list that the URL in it leads to, under the CA that
// came with it. It waits until that is good or revoked.
func (s *story) openssl(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	chain, err := os.ReadFile(filepath.Join(dir, "client.crt"))
	ts.Check(err)
	_, issuer := pem.Decode(chain)
	ts.Check(os.WriteFile(filepath.Join(dir, "issuer.crt"), issuer, 0o600))
	want := map[string]string{"good": "client.crt: OK", "revoked": "certificate revoked"}[args[1]]
	if want == "" {
		ts.Fatalf("openssl WHO good or revoked, not %s", args[1])
	}
	var said bytes.Buffer
	until(ts, fmt.Sprintf("verdict %q by openssl", want), func() bool {
		c := exec.Command("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-crl_check", "-crl_download", "-attime", strconv.FormatInt(s.time.now().Unix(), 10),
			"-partial_chain", "-trusted", "issuer.crt", "client.crt")
		c.Dir = dir
		said.Reset()
		c.Stdout, c.Stderr = &said, &said
		err := c.Run()
		return strings.Contains(said.String(), want) && (err == nil) == (args[1] == "good")
	})
	_, err = ts.Stdout().Write(said.Bytes())
	ts.Check(err)
}

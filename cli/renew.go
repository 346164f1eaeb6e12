package cli

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/issuer"
)

// renewing is the customer's side of a renewal. Like an enrollment it may die anywhere and be run again with the same files: what is on disk
// is not asked for again, and what the server gave and was lost on the way is given again.
type renewing struct {
	url, cert, key, token, ca string
	certificate, secret       bool // what to renew

	until time.Time // until when the old key is good; zero if that is not known
}

func (t *tool) renewCommand() *cobra.Command {
	var r renewing
	c := &cobra.Command{
		Use:   "renew --url URL --cert FILE --key FILE --token-file FILE",
		Short: "Renews a certificate, a production key or both (for customers)",
		Long: `Renews the credential of a device with the certificate and the key that it has, on the site that it calls.

New files are written beside the old ones, for you alone and never over a file that exists: client.crt and client.key get
client.new.crt and client.new.key, key.txt gets key.new.txt. Nothing old is touched: the old certificate works to its own end, the
old key for 30 days, and each certificate goes with each key. The new files are tried before the command ends.
If it is interrupted, run it again with the same files.`,
		Example: `  certgate renew --url https://api.example.com --cert client.crt --key client.key --token-file key.txt --certificate --production-key`,
	}
	f := c.Flags()
	f.StringVar(&r.url, "url", "", "the site that the device calls, such as https://api.example.com")
	f.StringVar(&r.cert, "cert", "", "PEM file with the current certificate")
	f.StringVar(&r.key, "key", "", "PEM file with its private key")
	f.StringVar(&r.token, "token-file", "", "file with the current key, the one that is sent as Authorization: Bearer")
	f.StringVar(&r.ca, "ca", "", "PEM file with the CA of the server's certificate (default: the system's)")
	f.BoolVar(&r.certificate, "certificate", false, "renew the certificate, for a new key pair made here")
	f.BoolVar(&r.secret, "production-key", false, "renew the key")
	return require(t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		if !r.certificate && !r.secret {
			return usagef("say what to renew: --certificate, --production-key or both")
		}
		if u, err := url.Parse(r.url); err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" {
			return usagef("--url must be that of the site alone, such as https://api.example.com")
		}
		if err := r.run(cmd.Context()); err != nil {
			return err
		}
		return r.report(t, cmd)
	}), "url", "cert", "key", "token-file")
}

// fresh is the name of the new file beside an old one.
func fresh(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + ".new" + ext
}

func (r *renewing) run(ctx context.Context) error {
	secret, err := readSecret(r.token)
	if err != nil {
		return err
	}
	old, err := r.client(r.cert, r.key)
	if err != nil {
		return err
	}
	if r.certificate && !exists(fresh(r.cert)) {
		if err := r.renewCertificate(ctx, old, secret); err != nil {
			return fmt.Errorf("renew the certificate: %w", err)
		}
	}
	if r.secret && !exists(fresh(r.token)) {
		if err := r.renewKey(ctx, old, secret); err != nil {
			return fmt.Errorf("renew the key: %w", err)
		}
	}
	return r.try(ctx)
}

func (r *renewing) client(cert, key string) (*api.Client, error) {
	h, err := (&profile{Certificate: cert, Key: key, CA: r.ca}).client()
	if err != nil {
		return nil, err
	}
	return &api.Client{Base: strings.TrimSuffix(r.url, "/"), HTTP: h}, nil
}

func readSecret(path string) (string, error) {
	if err := checkPrivate(path); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the key: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// renewCertificate has the private key on disk before it asks, so that asking again asks for the same certificate.
func (r *renewing) renewCertificate(ctx context.Context, old *api.Client, secret string) error {
	key, err := r.newPrivateKey()
	if err != nil {
		return err
	}
	csr, err := x509.CreateCertificateRequest(authority.Randomness(), &x509.CertificateRequest{Subject: pkix.Name{CommonName: "certgate"}}, key)
	if err != nil {
		return fmt.Errorf("make the signing request: %w", err)
	}
	chain, err := old.RenewCertificate(ctx, secret, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))
	if err != nil {
		return err
	}
	if err := fits(chain, key); err != nil {
		return err
	}
	return createFile(fresh(r.cert), chain)
}

func (r *renewing) newPrivateKey() (crypto.Signer, error) {
	path := fresh(r.key)
	if exists(path) {
		return readKey(path)
	}
	key, err := issuer.NewKey(authority.Randomness())
	if err != nil {
		return nil, err
	}
	der, err := issuer.MarshalKey(key)
	if err != nil {
		return nil, err
	}
	return key, createFile(path, issuer.KeyPEM(der))
}

func (r *renewing) renewKey(ctx context.Context, old *api.Client, secret string) error {
	made, err := old.RenewKey(ctx, secret)
	if err != nil {
		return err
	}
	r.until = made.RetireAt
	return createFile(fresh(r.token), []byte(made.Key+"\n"))
}

// newFiles are what is to be used from now on.
func (r *renewing) newFiles() (cert, key, token string) {
	cert, key, token = r.cert, r.key, r.token
	if r.certificate {
		cert, key = fresh(r.cert), fresh(r.key)
	}
	if r.secret {
		token = fresh(r.token)
	}
	return cert, key, token
}

// try sees that the server takes what was written.
func (r *renewing) try(ctx context.Context) error {
	cert, key, token := r.newFiles()
	secret, err := readSecret(token)
	if err != nil {
		return err
	}
	c, err := r.client(cert, key)
	if err != nil {
		return err
	}
	if _, err := c.OwnStatus(ctx, secret); err != nil {
		return fmt.Errorf("the new files are written, but the server does not take %s with %s; go on with the old ones and ask OneRecord: %w", cert, token, err)
	}
	return nil
}

func (r *renewing) report(t *tool, cmd *cobra.Command) error {
	cert, key, token := r.newFiles()
	out := cmd.OutOrStdout()
	if r.certificate {
		text, err := os.ReadFile(cert)
		if err != nil {
			return fmt.Errorf("read the certificate: %w", err)
		}
		chain, err := issuer.ParseCertificatesPEM(text)
		if err != nil {
			return fmt.Errorf("read %s: %w", cert, err)
		}
		fmt.Fprintf(out, "private key  %s\ncertificate  %s  good until %s\n", key, cert, chain[0].NotAfter.UTC().Format("2006-01-02 15:04Z"))
	}
	if r.secret {
		fmt.Fprintf(out, "key          %s", token)
		if !r.until.IsZero() {
			fmt.Fprintf(out, "  deploy it before the old one ends on %s", r.until.UTC().Format("2006-01-02 15:04Z"))
		}
		fmt.Fprintln(out)
	}
	t.suggest(cmd, fmt.Sprintf(`curl --cert %s --key %s -H "Authorization: Bearer $(cat %s)" %s/...  (the server took these; put them in place of the old files, machine by machine)`,
		cert, key, token, strings.TrimSuffix(r.url, "/")))
	return nil
}

package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// enrollment is the customer's side of a one-time link: the key pair is made here and the private key stays here.
//
// It may die anywhere and be run again with the same files. The private key is on disk before the link is redeemed, so a second
// redemption asks for the same certificate; the certificate is written before the key, and the link acknowledged after both, so
// whatever is missing is what is asked for again.
type enrollment struct {
	client *api.Client // of the public site
	token  string

	keyOut, certOut, secretOut string
	kit                        string // directory, or file if it ends in .zip; empty: none
	own                        own    // a certificate of the customer's own; without its certificate: one of ours is taken
}

func (t *tool) enrollCommand() *cobra.Command {
	var link, ca string
	var e enrollment
	c := &cobra.Command{
		Use:   "enroll --kit DIR | --key-out FILE --cert-out FILE --secret-out FILE | --certificate FILE --key FILE --secret-out FILE | enroll DEVICE",
		Args:  cobra.MaximumNArgs(1),
		Short: "Takes a credential from an enrollment link (for customers); sends a new link for a device (for staff)",
		Long: `Takes a credential from the one-time link that OneRecord sent to your technical contact.

The key pair is made on this machine; only a signing request is sent. Three files are written, readable by you alone and never
over a file that exists: the private key, the certificate with its chain, and the key to send as Authorization: Bearer.
If it is interrupted, run it again with the same files.

With --kit DIR they are client.key, client.crt and key.txt there, and beside them are ready files for curl, openssl, Java, .NET, Python,
Node, Go and Postman; README.md says how they are used. With --kit FILE.zip the kit is one file, without the two secrets.

With --certificate the customer brings a certificate of its own CA, where OneRecord has allowed that CA for it, in place of one of ours:
with --key, its private key, which stays where it is, or --csr, a signing request made with that key. Everything that keeps the
certificate from being used is said at once. Only the key to send as Authorization: Bearer is made then.

The link is a secret, so it is read from a file or from standard input.

With a device an issuer sends its technical contact a new link, as where the certificate has run out and cannot renew itself: in
production by the certification that covers the device.`,
		Example: `  certgate enroll --link-file link.txt --kit prod-1
  certgate enroll --link-file link.txt --key-out client.key --cert-out client.crt --secret-out key.txt
  certgate enroll --link-file link.txt --certificate own.crt --key own.key --secret-out key.txt
  certgate enroll acme/main/prod-1`,
	}
	f := c.Flags()
	f.StringVar(&link, "link-file", "-", "file that holds the link; - is standard input")
	f.StringVar(&e.keyOut, "key-out", "", "file for the private key; one that exists is used")
	f.StringVar(&e.certOut, "cert-out", "", "file for the certificate and its chain, in PEM")
	f.StringVar(&e.secretOut, "secret-out", "", "file for the key that is sent as Authorization: Bearer")
	f.StringVar(&e.kit, "kit", "", "directory to make with everything that the first call needs, or a .zip file for the kit alone")
	f.StringVar(&e.own.certificate, "certificate", "", "PEM file with a certificate of your own CA, and after it those above it")
	f.StringVar(&e.own.key, "key", "", "with --certificate: PEM file with its private key")
	f.StringVar(&e.own.csr, "csr", "", "with --certificate: a signing request made with its private key, in place of --key")
	f.StringVar(&ca, "ca", "", "PEM file with the CA of the server's certificate (default: the system's)")
	f.StringVar(&t.flags.profile, "profile", "", "with a device: profile in the configuration file (or CERTGATE_PROFILE; default: default)")
	f.BoolVar(&t.flags.json, "json", false, "with a device: print the answer as JSON, as the API gave it")
	return t.leaf(t.changes(c), func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			t.flags.given.CA = ca
			return t.releaseAnew(cmd, args[0])
		}
		if err := e.allPlaces(); err != nil {
			return err
		}
		return t.take(cmd, &e, link, ca)
	})
}

// allPlaces is places, for a certificate of either kind.
func (e *enrollment) allPlaces() error {
	if e.own.certificate != "" {
		return e.own.places(e)
	}
	if e.own.key != "" || e.own.csr != "" {
		return usagef("--key and --csr are for a certificate of your own, which --certificate names")
	}
	return e.places()
}

// take takes the credential that the link in the file offers.
func (t *tool) take(cmd *cobra.Command, e *enrollment, link, ca string) error {
	text, err := readInput(cmd, link)
	if err != nil {
		return fmt.Errorf("read the link: %w", err)
	}
	base, token, err := parseLink(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	h, err := (&profile{CA: ca}).client()
	if err != nil {
		return err
	}
	e.client, e.token = &api.Client{Base: base, HTTP: h}, token
	if err := e.run(cmd.Context()); err != nil {
		return err
	}
	e.report(cmd, t)
	return nil
}

// report says where everything is, and what to do with it.
func (e *enrollment) report(cmd *cobra.Command, t *tool) {
	key, certificate := e.keyOut, e.certOut
	if e.own.certificate != "" {
		key, certificate = cmp.Or(e.own.key, "where you keep it"), e.own.certificate
	}
	fmt.Fprintf(cmd.OutOrStdout(), "private key  %s\ncertificate  %s\nkey          %s\n", key, certificate, e.secretOut)
	if e.kit == "" || isZip(e.kit) {
		t.suggest(cmd, fmt.Sprintf(`curl --cert %s --key %s -H "Authorization: Bearer $(cat %s)" https://API/...`, certificate, cmp.Or(e.keyOut, e.own.key, "FILE"), e.secretOut))
		return
	}
	fmt.Fprintf(cmd.OutOrStdout(), "kit          %s\n", e.kit)
	if e.own.certificate != "" {
		t.suggest(cmd, "put the private key into the kit as client.key, or a link to it; its README.md says how the files are used")
		return
	}
	t.suggest(cmd, "sh "+filepath.Join(e.kit, "curl.sh")+"  (what OneRecord sees of you; README.md there says the rest)")
}

// readInput reads a small file, or standard input for "-".
func readInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxInput))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxInput))
	return text, errors.Join(err, f.Close())
}

// maxInput bounds what is read from a file or standard input: the API takes eight mebibytes at most, of an import.
const maxInput = 8<<20 + 1

// parseLink splits an enrollment link. The token is a secret and stays out of errors.
func parseLink(link string) (base, token string, err error) { return parseLinkTo("/enroll", link) }

// parseLinkTo splits a link to a page of the public site.
func parseLinkTo(page, link string) (base, token string, err error) {
	before, token, found := strings.Cut(link, "#")
	base, isEnroll := strings.CutSuffix(before, page)
	u, err := url.Parse(base)
	if !found || token == "" || !isEnroll || err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return "", "", usagef("the link must be of the form https://connect.example.com%s#TOKEN, whole and alone", page)
	}
	return base, token, nil
}

// run takes the credential, and the kit.
func (e *enrollment) run(ctx context.Context) error {
	if e.own.certificate != "" {
		return e.own.run(ctx, e)
	}
	key, err := e.privateKey()
	if err != nil {
		return err
	}
	if !exists(e.secretOut) {
		if err := e.redeem(ctx, key); err != nil {
			return err
		}
	}
	return e.finish(ctx)
}

// finish says that everything is stored, and takes the kit.
func (e *enrollment) finish(ctx context.Context) error {
	if err := e.client.Acknowledge(ctx, e.token); err != nil {
		return fmt.Errorf("the credential is stored, but that could not be acknowledged; run this again: %w", err)
	}
	return e.takeKit(ctx)
}

// privateKey reads the private key or makes one. Without it no other file may be there: it would belong to another credential.
func (e *enrollment) privateKey() (crypto.Signer, error) {
	if exists(e.keyOut) {
		if exists(e.secretOut) && !exists(e.certOut) {
			return nil, fmt.Errorf("%s exists, but %s does not: they are not of one enrollment; choose other files", e.secretOut, e.certOut)
		}
		return readKey(e.keyOut)
	}
	for _, f := range []string{e.certOut, e.secretOut} {
		if exists(f) {
			return nil, fmt.Errorf("%s exists and is never written over; choose another file", f)
		}
	}
	return makeKey(e.keyOut)
}

func readKey(path string) (crypto.Signer, error) {
	if err := checkPrivate(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s holds no private key in PEM (PKCS #8)", path)
	}
	key, err := issuer.ParseKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return key, nil
}

func (e *enrollment) redeem(ctx context.Context, key crypto.Signer) error {
	csr, err := signingRequest(key)
	if err != nil {
		return err
	}
	got, err := e.client.Redeem(ctx, e.token, csr)
	if err != nil {
		return err
	}
	if err := fits([]byte(got.CertificateChain), key); err != nil {
		return err
	}
	if exists(e.certOut) {
		if old, err := os.ReadFile(e.certOut); err != nil || !bytes.Equal(old, []byte(got.CertificateChain)) {
			return fmt.Errorf("%s exists and is another certificate; choose another file", e.certOut)
		}
	} else if err := createFile(e.certOut, []byte(got.CertificateChain)); err != nil {
		return err
	}
	return createFile(e.secretOut, []byte(got.Key+"\n"))
}

// signingRequest asks for a certificate for the key, in PEM.
func signingRequest(key crypto.Signer) (string, error) {
	csr, err := x509.CreateCertificateRequest(authority.Randomness(), &x509.CertificateRequest{Subject: pkix.Name{CommonName: "certgate"}}, key)
	if err != nil {
		return "", fmt.Errorf("make the signing request: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})), nil
}

// fits reports whether the certificate is for our key: what does not fit is of no use, and somebody is between us and the server.
func fits(chain []byte, key crypto.Signer) error {
	certs, err := issuer.ParseCertificatesPEM(chain)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(certs[0].PublicKey) {
		return gate.Errorf(gate.Internal, "the server sent a certificate for another key; nothing was stored")
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// createFile makes a file with the content, as streamFile does.
func createFile(path string, content []byte) error {
	return streamFile(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// streamFile makes a file that did not exist, for its owner alone, whole or not at all, and sees that it is on disk.
func streamFile(path string, write func(io.Writer) error) error {
	if exists(path) {
		return fmt.Errorf("%s exists and is never written over; choose another file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".certgate-*") // mode 0600
	if err != nil {
		return err
	}
	if err = errors.Join(write(f), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package cli

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// badge is a new certificate of a member of staff on its way into a profile.
//
// It may die anywhere and be run again. The private key is on disk before anybody is asked for a certificate, so whoever asks again asks
// for the same one. Certificate and key then get files of their own, named after the certificate, and the profile is switched to them by
// replacing config.yaml: until then it names the old ones, which stay.
type badge struct {
	file    *profileFile
	name    string  // of the profile
	profile profile // as it will be, but for certificate and key
	p12     string  // file for both, for browsers; empty: none

	key crypto.Signer
}

func (b *badge) pending() string { return filepath.Join(b.file.dir(), b.name+".next.key") }

// request makes the key, or reads the one of an interrupted run, and returns a signing request for it.
func (b *badge) request() (string, error) {
	if b.p12 != "" && exists(b.p12) {
		return "", fmt.Errorf("%s exists and is never written over; choose another file with --p12", b.p12)
	}
	if err := os.MkdirAll(b.file.dir(), 0o700); err != nil {
		return "", fmt.Errorf("make the directory of the profiles: %w", err)
	}
	var err error
	if exists(b.pending()) {
		b.key, err = readKey(b.pending())
	} else {
		b.key, err = makeKey(b.pending())
	}
	if err != nil {
		return "", err
	}
	return signingRequest(b.key)
}

// keep stores the certificate with its key. It returns the password of the PKCS #12 file, which is told once and stored nowhere.
func (b *badge) keep(ctx context.Context, chain []byte) (password string, err error) {
	if err := fits(chain, b.key); err != nil {
		return "", err
	}
	certs, err := issuer.ParseCertificatesPEM(chain)
	if err != nil || len(certs) < 2 {
		return "", gate.Errorf(gate.Internal, "the server sent a certificate without its issuer; nothing was stored")
	}
	der, err := issuer.MarshalKey(b.key)
	if err != nil {
		return "", err
	}
	base := b.name + "-" + gate.FingerprintOf(certs[0].Raw).String()[:12]
	b.profile.Certificate, b.profile.Key = base+".crt", base+".key"
	for name, content := range map[string][]byte{b.profile.Certificate: chain, b.profile.Key: issuer.KeyPEM(der)} {
		if err := replaceFile(filepath.Join(b.file.dir(), name), content); err != nil { // what is there is of an interrupted run
			return "", err
		}
	}
	if b.p12 != "" {
		if password, err = writeP12(b.p12, b.key, certs); err != nil {
			return "", err
		}
	}
	if err := b.works(ctx); err != nil {
		return "", fmt.Errorf("the new certificate is in %s, but does not work there, so the profile was not changed; run this again: %w", b.file.dir(), err)
	}
	if err := b.file.set(b.name, b.profile); err != nil {
		return "", err
	}
	return password, os.Remove(b.pending())
}

// works asks the admin site who the new certificate makes us.
func (b *badge) works(ctx context.Context) error {
	p := b.profile
	p.resolve(b.file.dir())
	h, err := p.client()
	if err != nil {
		return err
	}
	_, err = (&api.Client{Base: p.AdminURL, HTTP: h}).WhoAmI(ctx)
	return err
}

// writeP12 makes the file that browsers import.
func writeP12(path string, key crypto.Signer, chain []*x509.Certificate) (password string, err error) {
	var drawn [18]byte
	if _, err := io.ReadFull(authority.Randomness(), drawn[:]); err != nil {
		return "", fmt.Errorf("draw a password: %w", err)
	}
	password = base64.RawURLEncoding.EncodeToString(drawn[:])
	p12, err := issuer.PKCS12(key, chain[0], chain[1], password)
	if err != nil {
		return "", err
	}
	return password, createFile(path, p12)
}

func (t *tool) staffEnroll() *cobra.Command {
	var link string
	var force bool
	var b badge
	c := &cobra.Command{
		Use: "enroll --admin-url URL", Short: "Takes your certificate from the one-time link that was mailed to you",
		Long: `Takes your certificate from the one-time link that was mailed to you when a second admin confirmed you.

The key is made on this machine and stays here; only a signing request is sent. Key and certificate are written beside the profiles,
readable by you alone, with a NAME.p12 for your browser whose password is printed once, and a profile is made that uses them. If it is
interrupted, run it again: the link gives the same certificate for the same key.

The link is a secret, so it is read from a file or from standard input.`,
		Example: "  certgate staff enroll --admin-url https://admin.example.com --link-file link.txt",
	}
	f := c.Flags()
	f.StringVar(&link, "link-file", "-", "file that holds the link; - is standard input")
	f.StringVar(&b.p12, "p12", "", "file for the .p12 (default: PROFILE.p12 in this directory)")
	f.BoolVar(&force, "force", false, "replace the profile if there is one of that name")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		client, token, err := t.prepareEnroll(cmd, &b, link, force)
		if err != nil {
			return err
		}
		csr, err := b.request()
		if err != nil {
			return err
		}
		got, err := client.RedeemStaffLink(cmd.Context(), token, csr)
		if err != nil {
			return err
		}
		password, err := b.keep(cmd.Context(), []byte(got.CertificateChain))
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s, with roles %s, until %s\nprofile %s in %s\n%s  password: %s\n", got.Name, joined(got.Roles), got.NotAfter.UTC().Format("2 January 2006"),
			b.name, b.file.path, b.p12, password)
		t.suggest(cmd, "certgate whoami"+profileFlag(b.name))
		return nil
	})
}

// prepareEnroll reads what enrolling needs, and refuses before anything is made.
func (t *tool) prepareEnroll(cmd *cobra.Command, b *badge, link string, force bool) (client *api.Client, token string, err error) {
	if b.name, err = t.profileName(); err != nil {
		return nil, "", err
	}
	if b.file, err = openProfiles(); err != nil {
		return nil, "", err
	}
	if err := checkProfileName(b.name); err != nil {
		return nil, "", err
	}
	if b.file.has(b.name) && !force {
		return nil, "", usagef("there is a profile %s in %s already; name another with --profile, or replace it with --force", b.name, b.file.path)
	}
	b.p12 = cmp.Or(b.p12, b.name+".p12")
	b.profile = profile{AdminURL: cmp.Or(t.flags.given.AdminURL, os.Getenv("CERTGATE_ADMIN_URL")), CA: cmp.Or(t.flags.given.CA, os.Getenv("CERTGATE_CA"))}
	if b.profile.CA != "" {
		if b.profile.CA, err = filepath.Abs(b.profile.CA); err != nil {
			return nil, "", err
		}
	}
	if err := b.profile.checkURL(); err != nil {
		return nil, "", err
	}
	text, err := readInput(cmd, link)
	if err != nil {
		return nil, "", fmt.Errorf("read the link: %w", err)
	}
	base, token, err := parseLinkTo(authority.StaffLinkPath, strings.TrimSpace(string(text)))
	if err != nil {
		return nil, "", err
	}
	h, err := (&profile{CA: b.profile.CA}).client()
	return &api.Client{Base: base, HTTP: h}, token, err
}

func (t *tool) staffRenew() *cobra.Command {
	var b badge
	c := &cobra.Command{
		Use: "renew", Short: "Gets you another certificate for a new key, with the one that you have",
		Long: `Gets you another certificate for a new key, with the one that you have, and switches your profile to it.

You stay who you are, with the roles that you have, so no second admin is needed; all admins and you are told. The old certificate stays
good until its own end, and at most two may be used at a time. If it is interrupted, run it again: until the new certificate has been seen to
work your profile names the old one. It does not work with one that has expired; then two admins send you a link.`,
	}
	c.Flags().StringVar(&b.p12, "p12", "", "file for a .p12 with the new certificate, for your browser (default: none)")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		if t.flags.given.Certificate != "" || t.flags.given.Key != "" || os.Getenv("CERTGATE_CERT") != "" || os.Getenv("CERTGATE_KEY") != "" {
			return usagef("renew switches a profile to the new certificate; make one of your files first: certgate profile add NAME")
		}
		client, err := t.prepareRenew(&b)
		if err != nil {
			return err
		}
		csr, err := b.request()
		if err != nil {
			return err
		}
		person, err := client.RenewMyself(cmd.Context(), csr)
		if err != nil {
			return err
		}
		for _, crt := range person.Certificates {
			if fits([]byte(crt.Certificate), b.key) != nil {
				continue
			}
			password, err := b.keep(cmd.Context(), []byte(crt.Certificate))
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "renewed until %s; profile %s uses it\n", crt.NotAfter.UTC().Format("2 January 2006"), b.name)
			if password != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  password: %s\n", b.p12, password)
			}
			return nil
		}
		return gate.Errorf(gate.Internal, "the server did not send the certificate; nothing was changed here")
	})
}

func (t *tool) prepareRenew(b *badge) (client *api.Client, err error) {
	if b.name, err = t.profileName(); err != nil {
		return nil, err
	}
	if b.file, err = openProfiles(); err != nil {
		return nil, err
	}
	if !b.file.has(b.name) {
		return nil, usagef("there is no profile %q in %s; make one with certgate profile add", gate.Clip(b.name, 60), b.file.path)
	}
	if err := checkProfileName(b.name); err != nil {
		return nil, err
	}
	if b.profile, err = t.profile(); err != nil {
		return nil, err
	}
	return t.client()
}

// profileFlag names a profile on a command line, unless it is the default.
func profileFlag(name string) string {
	if name == defaultProfile {
		return ""
	}
	return " --profile " + name
}

// makeKey makes a key and writes it to a file that does not exist.
func makeKey(path string) (crypto.Signer, error) {
	key, err := issuer.NewKey(authority.Randomness())
	if err != nil {
		return nil, err
	}
	der, err := issuer.MarshalKey(key)
	return key, errors.Join(err, createFile(path, issuer.KeyPEM(der)))
}

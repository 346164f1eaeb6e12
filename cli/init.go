package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// founding are the flags of init.
type founding struct {
	setup                       authority.Setup
	admins                      []string
	out                         string
	rootFile, caFile, caKeyFile string
}

func (t *tool) initCommand() *cobra.Command {
	f := founding{setup: authority.Setup{Now: t.hooks.Now}}
	c := &cobra.Command{
		Use:   "init --kit FILE --recovery age1... --admin NAME=MAIL --admin NAME=MAIL",
		Short: "Makes a data directory, its secret, the CAs and the two first admins",
		Long: `Makes everything that certgate needs before it first runs, and refuses to touch anything that exists:

- the data directory, encrypted with the secret in the secret file; keep the two on different disks if you can;
- the CAs of customers and of staff, each with a standby. Their roots' keys are not kept here;
- a certificate for each of the two first admins, as NAME.p12. Its password is printed once;
- the recovery kit: the secret and all CA keys, encrypted to the recovery recipients.

The directories for the secret, the kit and the NAME.p12 must be there already.

Without the kit, losing the secret means losing everything, and no CA can ever be renewed: every customer would have to enroll
again. Whoever has the kit and an identity that opens it can issue certificates. Make an identity with age-keygen, keep it
offline, and move the kit off this machine.`,
		Example: `  certgate init --kit kit.age --recovery age1... --admin cho=cho@example.com --admin eve=eve@example.com`,
	}
	fl := c.Flags()
	fl.StringVar(&f.setup.DataDir, "data", "/var/lib/certgate", "data directory to make")
	fl.StringVar(&f.setup.SecretFile, "secret-file", "/etc/certgate/secret", "file for the secret, outside the data directory")
	fl.StringVar(&f.setup.KitFile, "kit", "", "file for the recovery kit")
	fl.StringArrayVar(&f.setup.Recipients, "recovery", nil, "age public key (age1...) that can open the kit; may be repeated")
	fl.StringArrayVar(&f.admins, "admin", nil, "NAME=MAIL of a first admin; twice")
	fl.StringVar(&f.out, "out", ".", "directory for the admins' NAME.p12")
	fl.StringVar(&f.rootFile, "customers-root", "", "PEM file with the root of an existing customers' CA")
	fl.StringVar(&f.caFile, "customers-issuing", "", "PEM file with its issuing CA")
	fl.StringVar(&f.caKeyFile, "customers-key", "", "PEM file with the issuing CA's private key")
	return require(t.leaf(c, func(cmd *cobra.Command, _ []string) error { return t.found(cmd, &f) }), "kit", "recovery", "admin")
}

func (t *tool) found(cmd *cobra.Command, f *founding) error {
	for _, a := range f.admins {
		name, mail, found := strings.Cut(a, "=")
		if !found {
			return usagef("--admin %q must be of the form NAME=MAIL, such as cho=cho@example.com", gate.Clip(a, 80))
		}
		f.setup.Admins = append(f.setup.Admins, authority.Admin{Name: name, Email: mail})
	}
	if err := errors.Join(f.readImported(), f.badgesAreFree()); err != nil {
		return err
	}
	badges, err := authority.Init(f.setup)
	if err != nil {
		return flagError(err)
	}
	out := cmd.OutOrStdout()
	for _, b := range badges {
		path := f.badge(b.Name)
		if err := createFile(path, b.P12); err != nil {
			return fmt.Errorf("%w\nthe data directory was made, but nobody can act in it: remove %s, %s and %s, and run this again", err,
				f.setup.DataDir, f.setup.SecretFile, f.setup.KitFile)
		}
		fmt.Fprintf(out, "%s  password: %s\n", path, b.Password)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "made %s, %s and %s\nThe passwords are shown this once. If the kit is lost and then the secret, everything is lost: move the kit off this machine.\n",
		f.setup.DataDir, f.setup.SecretFile, f.setup.KitFile)
	first := badges[0].Name
	t.suggest(cmd,
		fmt.Sprintf("openssl pkcs12 -in %s -nodes -nokeys -out %s.crt && (umask 077; openssl pkcs12 -in %s -nodes -nocerts -out %s.key)", f.badge(first), first, f.badge(first), first),
		"start Caddy, then: certgate whoami --admin-url https://ADMIN --cert "+first+".crt --key "+first+".key")
	return nil
}

func (f *founding) badge(name string) string { return filepath.Join(f.out, name+".p12") }

// readImported reads an existing hierarchy, of which all three parts are needed.
func (f *founding) readImported() error {
	var in authority.Imported
	given := 0
	for _, part := range []struct {
		flag, path string
		into       *[]byte
	}{{"customers-root", f.rootFile, &in.Root}, {"customers-issuing", f.caFile, &in.Issuing}, {"customers-key", f.caKeyFile, &in.Key}} {
		if part.path == "" {
			continue
		}
		text, err := os.ReadFile(part.path)
		if err != nil {
			return fmt.Errorf("--%s: %w", part.flag, err)
		}
		*part.into = text
		given++
	}
	switch given {
	case 0:
		return nil
	case 3:
		f.setup.Imported = &in
		return checkPrivate(f.caKeyFile)
	}
	return usagef("--customers-root, --customers-issuing and --customers-key belong together: give all three, or none to have a CA made")
}

// badgesAreFree looks before anything is made, because afterwards it would be too late.
func (f *founding) badgesAreFree() error {
	for _, a := range f.setup.Admins {
		if path := f.badge(a.Name); exists(path) {
			return gate.Errorf(gate.Exists, "%s exists already; init never overwrites: choose another directory with --out", path)
		}
	}
	if info, err := os.Stat(f.out); err != nil || !info.IsDir() {
		return usagef("--out %s is not a directory", f.out)
	}
	return nil
}

// flagError names the flag in an error that names a field.
func flagError(err error) error {
	e, ok := errors.AsType[*gate.Error](err)
	if !ok || e.Field == "" {
		return err
	}
	flag, rest, _ := strings.Cut(e.Field, ".")
	if rest != "" {
		rest += ": "
	}
	return &gate.Error{Kind: e.Kind, Text: "--" + flag + ": " + rest + e.Text}
}

package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// staffRecover is the only command on staff that works on the store's files.
func (t *tool) staffRecover() *cobra.Command {
	var r authority.Recovery
	var out string
	c := &cobra.Command{
		Use: "recover --name NAME --email MAIL", Short: "Makes an admin for 24 hours on the server itself, when all admins are locked out",
		Long: `Makes an admin for 24 hours, for when every admin is locked out. It is run on the server, with certgate stopped, by whoever may read
the data directory and its secret; it refuses while the server runs.

It writes NAME.p12, whose password is printed once. The certificate and the role end after 24 hours. The log keeps it forever, and
everybody on the staff is told by mail when the server next starts.

Nobody confirms anything alone: if no other admin is left, two people run it, once each. Then start the server and send the locked out
new links: certgate staff propose cho --link, and confirm it as the other.`,
		Example: "  certgate staff recover --data /var/lib/certgate --secret-file /etc/certgate/secret --name cho-recovery --email cho@example.com",
	}
	f := c.Flags()
	f.StringVar(&r.DataDir, "data", "/var/lib/certgate", "data directory")
	f.StringVar(&r.SecretFile, "secret-file", "/etc/certgate/secret", "file with the secret")
	f.StringVar(&r.Name, "name", "", "name of the new admin, which nobody has had")
	f.StringVar(&r.Email, "email", "", "mail address")
	f.StringVar(&out, "out", ".", "directory for NAME.p12")
	return require(t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		if err := gate.CheckSlug(r.Name); err != nil { // before it becomes the name of a file
			return flagError(gate.InField("name", err))
		}
		path := filepath.Join(out, r.Name+".p12")
		var password string
		r.Keep = func(b authority.Badge) error {
			password = b.Password
			return createFile(path, b.P12)
		}
		until, err := authority.Recover(r)
		if err != nil {
			return flagError(err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s  password: %s\n%s is an admin until %s\n", path, password, r.Name, until.Format("2 January 2006, 15:04 UTC"))
		t.suggest(cmd,
			fmt.Sprintf("openssl pkcs12 -in %s -nodes -nokeys -out %s.crt && (umask 077; openssl pkcs12 -in %s -nodes -nocerts -out %s.key)", path, r.Name, path, r.Name),
			"start Caddy, then: certgate staff propose NAME --link --admin-url https://ADMIN --cert "+r.Name+".crt --key "+r.Name+".key  (another admin confirms)")
		return nil
	}), "name", "email")
}

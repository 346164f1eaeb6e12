package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

func (t *tool) profileCommand() *cobra.Command {
	c := t.group(&cobra.Command{Use: "profile", Short: "Which server you ask, and as whom: list, show, use, add, remove"},
		t.profileList(), t.profileShow(), t.profileAdd(),
		t.leaf(&cobra.Command{Use: "use NAME", Short: "Makes a profile the one that is used where none is named", Args: arguments("NAME")},
			func(cmd *cobra.Command, args []string) error {
				f, err := openProfiles()
				if err != nil {
					return err
				}
				if err := f.use(args[0]); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is used\n", args[0])
				t.suggest(cmd, "certgate whoami")
				return nil
			}),
		t.leaf(&cobra.Command{Use: "remove NAME", Short: "Forgets a profile; the files that it names stay", Args: arguments("NAME")},
			func(cmd *cobra.Command, args []string) error {
				f, err := openProfiles()
				if err != nil {
					return err
				}
				if err := f.remove(args[0]); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is forgotten; its certificate and key are still there\n", args[0])
				return nil
			}),
	)
	c.PersistentFlags().BoolVar(&t.flags.json, "json", false, "print JSON")
	return c
}

// profiles are those of the file as tables show them.
func (t *tool) profiles() ([]object, error) {
	file, path, err := readProfiles()
	if err != nil {
		return nil, err
	}
	used, err := t.profileName()
	if err != nil {
		return nil, err
	}
	var list []object
	for _, name := range slices.Sorted(maps.Keys(file.Profiles)) {
		p := file.Profiles[name]
		p.resolve(filepath.Dir(path))
		o := object{"name": name, "admin_url": p.AdminURL, "certificate": p.Certificate, "key": p.Key, "used": name == used}
		if p.CA != "" {
			o["ca"] = p.CA
		}
		if pair, err := loadPair(p.Certificate, p.Key); err != nil {
			o["problem"] = err.Error()
		} else {
			o["person"], o["ends"] = pair.Leaf.Subject.CommonName, pair.Leaf.NotAfter.UTC().Format("2006-01-02T15:04:05Z")
		}
		list = append(list, o)
	}
	return list, nil
}

func (t *tool) profileList() *cobra.Command {
	return t.leaf(&cobra.Command{Use: "list", Short: "Lists the profiles, and when their certificates end"}, func(cmd *cobra.Command, _ []string) error {
		list, err := t.profiles()
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), append([]object{}, list...))
		}
		return printTable(cmd.OutOrStdout(), []column{{"NAME", "name"}, {"USED", "used"}, {"PERSON", "person"}, {"ADMIN", "admin_url"}, {"ENDS", "ends"}, {"PROBLEM", "problem"}}, list)
	})
}

func (t *tool) profileShow() *cobra.Command {
	c := &cobra.Command{Use: "show NAME", Short: "Shows a profile", Args: arguments("NAME")}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		list, err := t.profiles()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(o object) bool { return o["name"] == args[0] })
		if i < 0 {
			return usagef("there is no profile %q in %s", args[0], configPath())
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), list[i])
		}
		body, err := json.Marshal(list[i])
		if err != nil {
			return err
		}
		return printDetail(cmd.OutOrStdout(), body)
	})
}

func (t *tool) profileAdd() *cobra.Command {
	var p profile
	var force bool
	c := &cobra.Command{
		Use: "add NAME --admin-url URL --cert FILE --key FILE", Short: "Makes a profile of files that you have", Args: arguments("NAME"),
		Long:    "Makes a profile of files that you have. They stay where they are. With a one-time link, certgate staff enroll makes files and profile.",
		Example: "  certgate profile add default --admin-url https://admin.example.com --cert ben.crt --key ben.key",
	}
	f := c.Flags()
	f.StringVar(&p.AdminURL, "admin-url", "", "URL of the admin site")
	f.StringVar(&p.Certificate, "cert", "", "PEM file with your client certificate and its chain")
	f.StringVar(&p.Key, "key", "", "PEM file with its private key")
	f.StringVar(&p.CA, "ca", "", "PEM file with the CA of the server's certificate (default: the system's)")
	f.BoolVar(&force, "force", false, "replace the profile if there is one of that name")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		for _, path := range []*string{&p.Certificate, &p.Key, &p.CA} {
			if *path == "" {
				continue
			}
			absolute, err := filepath.Abs(*path)
			if err != nil {
				return err
			}
			*path = absolute
		}
		if err := p.check(); err != nil {
			return err
		}
		if _, err := p.client(); err != nil { // which reads the files
			return err
		}
		file, err := openProfiles()
		if err != nil {
			return err
		}
		if file.has(args[0]) && !force {
			return usagef("there is a profile %s in %s already; replace it with --force", args[0], file.path)
		}
		if err := file.set(args[0], p); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "profile %s is in %s\n", args[0], file.path)
		t.suggest(cmd, "certgate whoami"+profileFlag(args[0]))
		return nil
	}), "admin-url", "cert", "key")
}

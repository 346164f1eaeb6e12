package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

func (t *tool) organizationCommand() *cobra.Command {
	var in api.NewOrganization
	create := t.verb(verb{
		use: "create ACCOUNT/SLUG", short: "Adds an organization to an account", example: `  certgate organization create acme/lab --name "Acme Laboratory"`,
		flags: func(c *cobra.Command) { c.Flags().StringVar(&in.Name, "name", "", "name of the organization") },
		needs: []string{"name"},
		do: func(args []string, _ string) (change, error) {
			var err error
			if in.Account, in.Slug, err = splitPath("ACCOUNT/SLUG", args[0]); err != nil {
				return change{}, err
			}
			return change{path: "/v1/organizations", body: in,
				done: func(o object) string { return "made organization " + o.text("path") + " (" + o.text("id") + ")" },
				next: func(o object) []string {
					return []string{"certgate device create " + o.text("path") + "/prod-1 --name NAME --environment production --address any"}
				}}, nil
		},
	})
	return t.connected(t.group(&cobra.Command{Use: "organization", Short: "Subdivisions of customers: create, list"},
		create,
		t.lister(lists{use: "list", short: "Lists organizations", path: "/v1/organizations", byAccount: true, columns: []column{
			{"ORGANIZATION", "path"}, {"NAME", "name"}, {"STATE", "state"}, {"ID", "id"}}}),
		t.shower("show ORGANIZATION", "Shows an organization", "/v1/organizations/%s"),
	))
}

// splitPath splits the slug path of something new at its last slash.
func splitPath(form, path string) (above, slug string, err error) {
	i := strings.LastIndexByte(path, '/')
	if i < 1 || i == len(path)-1 {
		return "", "", usagef("%q must be of the form %s", path, form)
	}
	return path[:i], path[i+1:], nil
}

package cli

import (
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) deviceCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "device", Short: "Calling systems: create, list, release, suspend; sandbox keys"},
		t.deviceCreate(),
		t.lister(lists{use: "list", short: "Lists devices", path: "/v1/devices", byAccount: true, columns: []column{
			{"DEVICE", "path"}, {"NAME", "name"}, {"ENVIRONMENT", "environment"}, {"STATE", "state"}, {"ID", "id"}}}),
		t.shower("show DEVICE", "Shows a device", "/v1/devices/%s"),
		t.deviceThrottle(), t.deviceSuspend(),
		t.verb(verb{
			use: "release DEVICE", short: "Lets the customer take a pre-production credential",
			long: "Sends a one-time link to the technical contact of a pre-production device's account. A production device is released by the\n" +
				"certification that covers it: certgate certification release.",
			do: func(args []string, _ string) (change, error) {
				return change{path: pathTo("/v1/devices/%s/release", args[0]), done: released,
					next: func(object) []string { return []string{"certgate credential enrollments --device " + args[0]} }}, nil
			}}),
		t.verb(verb{
			use: "key DEVICE", short: "Issues a key to a sandbox device and prints it, once",
			long:    "Issues a key to a sandbox device. The key stands alone on standard output, so that it can be piped; it is shown this once.",
			example: "  certgate device key acme/main/sandbox-1 > key.txt",
			do: func(args []string, _ string) (change, error) {
				return change{path: pathTo("/v1/devices/%s/keys", args[0]), bare: "key",
					done: func(o object) string { return "issued " + o.text("id") + "; the key is shown this once" }}, nil
			}}),
	))
}

// released says what a release did.
func released(o object) string {
	return "released until " + o.text("expires_at") + " (" + o.text("id") + "); the link goes to the technical contact with " + o.text("notice")
}

func (t *tool) deviceCreate() *cobra.Command {
	var in api.NewDevice
	var environment, purpose string
	var addresses, behaviors, purposes []string
	return t.verb(verb{
		use: "create ACCOUNT/ORGANIZATION/SLUG", short: "Adds a calling system to an organization",
		example: "  certgate device create acme/main/prod-1 --name \"Gateway 1\" --environment production --address 203.0.113.0/24\n" +
			"  certgate device create acme/main/sandbox-1 --name Sandbox --environment sandbox --address any",
		flags: func(c *cobra.Command) {
			f := c.Flags()
			f.StringVar(&in.Name, "name", "", "name of the system")
			f.StringVar(&environment, "environment", "", "sandbox, preprod or production")
			f.StringArrayVar(&addresses, "address", nil, "network from which it may call, such as 203.0.113.0/24, or any; repeat for more")
			f.StringVar(&purpose, "default-purpose", "", "purpose of a request that names none: TREAT, HPAYMT, HOPERAT or PATRQT")
			f.StringArrayVar(&behaviors, "behavior", nil, "outside production: only these behaviors (default: all)")
			f.StringArrayVar(&purposes, "purpose", nil, "outside production: only these purposes (default: all)")
		},
		needs: []string{"name", "environment", "address"},
		do: func(args []string, _ string) (change, error) {
			var err error
			if in.Organization, in.Slug, err = splitPath("ACCOUNT/ORGANIZATION/SLUG", args[0]); err != nil {
				return change{}, err
			}
			if in.Environment, err = gate.ParseEnvironment(environment); err != nil {
				return change{}, &usageError{err}
			}
			if in.Addresses, err = parseAddresses(addresses); err != nil {
				return change{}, err
			}
			in.DefaultPurpose = gate.Purpose(purpose)
			if len(behaviors)+len(purposes) > 0 {
				in.Grant = &gate.Grant{Behaviors: behaviors, Purposes: purposesOf(purposes)}
			}
			return change{path: "/v1/devices", body: in,
				done: func(o object) string { return "made device " + o.text("path") + " (" + o.text("id") + ")" },
				next: func(o object) []string { return []string{afterDevice(in.Environment, o.text("path"))} }}, nil
		},
	})
}

// afterDevice is what a new device needs first.
func afterDevice(e gate.Environment, path string) string {
	switch e {
	case gate.Sandbox:
		return "certgate device key " + path
	case gate.Preprod:
		return "certgate device release " + path
	case gate.Production, gate.NoEnvironment:
	}
	account, _, _ := strings.Cut(path, "/")
	return "certgate certification request " + account + " --device " + path + " --behavior NAME --purpose TREAT --hosting TEXT --key-storage TEXT"
}

func parseAddresses(list []string) (out gate.Addresses, err error) {
	for _, text := range list {
		if text == "any" {
			out.Any = true
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return out, usagef("--address %q must be a network such as 203.0.113.0/24 (one address is 203.0.113.7/32), or any", gate.Clip(text, 60))
		}
		out.These = append(out.These, p)
	}
	return out, nil
}

func purposesOf(list []string) []gate.Purpose {
	out := make([]gate.Purpose, len(list))
	for i, p := range list {
		out[i] = gate.Purpose(p)
	}
	return out
}

func (t *tool) deviceSuspend() *cobra.Command {
	var until string
	return t.verb(verb{
		use: "suspend DEVICE", short: "Refuses all calls of a device from the next request on", reason: true,
		flags: func(c *cobra.Command) { untilFlag(c, &until) },
		do: func(args []string, why string) (change, error) {
			end, err := parseUntil(until)
			return impose(gate.DeviceSubject, args[0], api.NewRemediation{Measure: gate.Suspend, Until: end, Why: why}), err
		},
	})
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/cli"
)

// TestMain lets tests run the whole program as a process of its own, and Caddy as xcaddy would build it.
func TestMain(m *testing.M) {
	testscript.Main(clean{m}, map[string]func(){"certgate": program, "caddy": caddycmd.Main})
}

// command is a program, with a home directory of its own.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(name, args...)
	// The race detector would let each program linger for a second.
	c.Env = append(os.Environ(), "HOME="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	return c
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// try runs certgate to its end.
func try(t *testing.T, args ...string) result {
	t.Helper()
	return end(t, command(t, "certgate", args...))
}

func end(t *testing.T, c *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

func TestAWrongCommandLineEndsWith2(t *testing.T) {
	for _, args := range [][]string{
		{"dmeo"}, {"demo", "--bogus"}, {"demo", "more"}, {"--bogus"}, {"account"}, {"account", "list", "--bogus"}, {"demo", "--port", "70000"},
		// Caddy's commands that would replace the binary are not there.
		{"upgrade"}, {"add-package", "x"}, {"remove-package", "x"},
	} {
		r := try(t, args...)
		if r.code != exitUsage || r.stdout != "" || r.stderr == "" {
			t.Errorf("%q: code %d, stdout %q, stderr %q", args, r.code, r.stdout, r.stderr)
		}
	}
}

func TestCaddyIsThereWithCertgatesModules(t *testing.T) {
	r := try(t, "list-modules")
	for _, module := range []string{"certgate", "http.handlers.certgate", "http.handlers.certgate_admin", "tls.ca_pool.source.certgate", "http.handlers.reverse_proxy"} {
		if !strings.Contains(r.stdout, module+"\n") {
			t.Errorf("module %s is not there", module)
		}
	}
	if r := try(t, "version"); r.code != 0 || !strings.HasPrefix(r.stdout, "certgate ") || !strings.Contains(r.stdout, "Caddy v2.") {
		t.Errorf("version: %+v", r)
	}
	if r := try(t, "validate", "--config", "/nowhere/Caddyfile"); r.code != 1 || r.stderr == "" {
		t.Errorf("validate: %+v", r)
	}
	if r := try(t, "--help"); r.code != 0 || !strings.Contains(r.stdout, "To operate certgate:") || !strings.Contains(r.stdout, "certgate demo") {
		t.Errorf("help: %+v", r)
	}
}

// The same commands are there in a Caddy that has certgate as a plugin, with the same exit codes and each message once.
func TestCaddyHasTheCommandsToo(t *testing.T) {
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"certgate", "account", "list", "--bogus"}, 2, "certgate: unknown flag: --bogus\nsee: caddy certgate account list --help\n"},
		{[]string{"certgate", "account", "creat"}, 2, "certgate: \"creat\" is not a command of caddy certgate account\nsee: caddy certgate account --help\n"},
		{[]string{"certgate", "account", "show"}, 2, "certgate: ACCOUNT is missing\nsee: caddy certgate account show --help\n"},
		{[]string{"certgate", "whoami", "--admin-url", "https://a.example", "--cert", "/nowhere", "--key", "/nowhere"}, 1,
			"certgate: read the private key: stat /nowhere: no such file or directory\n"},
		{[]string{"certgate", "account", "suspend", "acme", "--why", "x", "--dry-run", "--admin-url", "https://a.example", "--cert", "/nowhere", "--key", "/nowhere"}, 1,
			"certgate: read the private key: stat /nowhere: no such file or directory\n"},
		// Where a text names a command, it is one that works here.
		{[]string{"certgate", "audit", "verify", "--export", "/nowhere"}, 2,
			"certgate: --key is missing: the log's verifier key, which caddy certgate audit key prints; keep it elsewhere than the log\nsee: caddy certgate audit verify --help\n"},
	} {
		if r := end(t, command(t, "caddy", row.args...)); r.code != row.code || r.stderr != row.want {
			t.Errorf("%q: %+v", row.args, r)
		}
	}
}

// Caddy's own completion knows the commands below it.
func TestShellsCompleteTheCommandsOfBoth(t *testing.T) {
	for _, args := range [][]string{{"certgate", "__complete", "account", "susp"}, {"caddy", "__complete", "certgate", "account", "susp"}} {
		if r := end(t, command(t, args[0], args[1:]...)); r.code != 0 || !strings.HasPrefix(r.stdout, "suspend\tRefuses all calls") {
			t.Errorf("%q: %+v", args, r)
		}
	}
	for _, args := range [][]string{{"certgate", "completion", "bash"}, {"certgate", "completion", "zsh"}, {"certgate", "completion", "fish"}, {"caddy", "completion", "bash"}} {
		if r := end(t, command(t, args[0], args[1:]...)); r.code != 0 || !strings.Contains(r.stdout, "__complete") {
			t.Errorf("%q: code %d, %d bytes, %s", args, r.code, len(r.stdout), r.stderr)
		}
	}
	if r := try(t, "help", "scripting"); r.code != 0 || !strings.Contains(r.stdout, "Exit codes:") {
		t.Errorf("help scripting: %+v", r)
	}
}

func TestExitCodesOfBothAreKept(t *testing.T) {
	wrapped := func(code int, err error) error {
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, err })(new(cobra.Command), nil)
	}
	for want, err := range map[int]error{
		1: errors.New("plain"),
		2: wrapped(2, nil),
		3: wrapped(3, errors.New("failed")),
		4: &cli.ExitError{Code: 4, Err: errors.New("conflict")},
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: code %d, want %d", err, got, want)
		}
	}
	if got := exitCode(fmt.Errorf("%w", errors.ErrUnsupported)); got != 1 {
		t.Errorf("another error: code %d", got)
	}
}

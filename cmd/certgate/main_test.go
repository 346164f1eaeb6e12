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

// TestMain lets tests run the whole program as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"certgate": main})
}

// command is the program, with a home directory of its own.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command("certgate", args...)
	// The race detector would let each program linger for a second.
	c.Env = append(os.Environ(), "HOME="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	return c
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

func run1(t *testing.T, args ...string) result {
	t.Helper()
	c := command(t, args...)
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
		r := run1(t, args...)
		if r.code != exitUsage || r.stdout != "" || r.stderr == "" {
			t.Errorf("%q: code %d, stdout %q, stderr %q", args, r.code, r.stdout, r.stderr)
		}
	}
}

func TestCaddyIsThereWithCertgatesModules(t *testing.T) {
	r := run1(t, "list-modules")
	for _, module := range []string{"certgate", "http.handlers.certgate", "http.handlers.certgate_admin", "tls.ca_pool.source.certgate", "http.handlers.reverse_proxy"} {
		if !strings.Contains(r.stdout, module+"\n") {
			t.Errorf("module %s is not there", module)
		}
	}
	if r := run1(t, "version"); r.code != 0 || !strings.HasPrefix(r.stdout, "certgate ") || !strings.Contains(r.stdout, "Caddy v2.") {
		t.Errorf("version: %+v", r)
	}
	if r := run1(t, "validate", "--config", "/nowhere/Caddyfile"); r.code != 1 || r.stderr == "" {
		t.Errorf("validate: %+v", r)
	}
	if r := run1(t, "--help"); r.code != 0 || !strings.Contains(r.stdout, "To operate certgate:") || !strings.Contains(r.stdout, "certgate demo") {
		t.Errorf("help: %+v", r)
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

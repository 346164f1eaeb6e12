package cli

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/gate"
)

// Exit codes, for scripts.
const (
	exitFailed      = 1 // failed, or refused by the server as wrong
	exitUsage       = 2 // unknown flag or command, missing argument
	exitNotFound    = 3
	exitConflict    = 4 // the state does not allow it, the name is taken, or the record has changed
	exitForbidden   = 5 // the role is missing, or the certificate is not accepted
	exitUnreachable = 6 // the server cannot be reached or cannot answer now
)

// exitCodes is the one table from what went wrong to the exit code.
var exitCodes = map[gate.Kind]int{
	gate.Internal:     exitFailed,
	gate.Invalid:      exitFailed,
	gate.NotFound:     exitNotFound,
	gate.Forbidden:    exitForbidden,
	gate.Conflict:     exitConflict,
	gate.Exists:       exitConflict,
	gate.Stale:        exitConflict,
	gate.Unauthorized: exitForbidden,
	gate.ShuttingDown: exitUnreachable,
}

// ExitError is how a failed command leaves: its message has been printed.
type ExitError struct {
	Code int
	Err  error
}

// Error implements error.
func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *ExitError) Unwrap() error { return e.Err }

// usageError is a mistake on the command line itself.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// usagef makes a usageError.
func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// exitCode is the code for err, which is not nil.
func exitCode(err error) int {
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if refusedInHandshake(err) {
		return exitForbidden
	}
	if kind := gate.KindOf(err); kind != gate.Internal {
		return exitCodes[kind]
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return exitUnreachable
	}
	return exitFailed
}

// refusedInHandshake reports whether the server ended the TLS handshake with an alert: with us that is about the client certificate.
func refusedInHandshake(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" && strings.Contains(op.Error(), "tls: ")
}

// fail prints what went wrong and makes the error to leave with.
func (t *tool) fail(cmd *cobra.Command, err error) error {
	code, out := exitCode(err), cmd.ErrOrStderr()
	fmt.Fprintf(out, "certgate: %s\n", visible(t.typed(message(err))))
	switch {
	case code == exitUsage:
		fmt.Fprintf(out, "see: %s --help\n", cmd.CommandPath())
	case refusedInHandshake(err):
		fmt.Fprintln(out, "the server refused the client certificate; see --cert and --key, and whether a second admin has confirmed it")
	}
	return t.exit(code, err)
}

// message says it for people: of a call without an answer, where it went is enough.
func message(err error) string {
	call, ok := errors.AsType[*url.Error](err)
	if !ok || gate.KindOf(err) != gate.Internal {
		return err.Error()
	}
	where := call.URL
	if u, err := url.Parse(call.URL); err == nil {
		where = u.Scheme + "://" + u.Host
	}
	_, hint, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSpace(fmt.Sprintf("no answer from %s: %s\n%s", where, call.Err, hint))
}

func (t *tool) exit(code int, err error) error {
	if t.hooks.Exit != nil {
		return t.hooks.Exit(code, err)
	}
	return &ExitError{Code: code, Err: err}
}

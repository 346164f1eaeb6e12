package gate

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure a change met, for callers that must tell one from another: the API turns it into a status, the
// command line into an exit code. A Kind is itself an error, so errors.Is(err, gate.NotFound) works.
type Kind int

// The kinds, a closed list.
const (
	Internal     Kind = iota // ours; its text goes to the log and never to a client
	Invalid                  // the request cannot be understood or breaks a rule of form; names the field
	NotFound                 // no such record
	Forbidden                // the actor lacks the role, or separation of duties forbids it
	Conflict                 // the state does not allow it now; says which state, and what would
	Exists                   // that name is taken
	Stale                    // If-Match does not match: somebody changed the record since it was read
	Unauthorized             // the actor is not known
	ShuttingDown             // we cannot take changes now (shutting down, store closed)
	kindCount
)

var kindNames = [...]string{"internal", "invalid", "not-found", "forbidden", "conflict", "exists", "stale", "unauthorized", "unavailable"}

// Error implements error.
func (k Kind) Error() string { return kindNames[k] }

// Kinds lists them all, for tests that walk the list.
func Kinds() []Kind {
	all := make([]Kind, kindCount)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// Error is a failure with a text that its caller may read: it says what was wrong and what to do, and holds no secret.
type Error struct {
	Kind  Kind
	Field string // JSON path of the input at fault, such as "contacts[0].email"; empty if none
	Text  string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Text
	}
	return e.Text
}

// Unwrap makes errors.Is(err, e.Kind) hold.
func (e *Error) Unwrap() error { return e.Kind }

// Errorf makes an Error of the given kind.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// FieldErrorf makes an Invalid error about one field of the input.
func FieldErrorf(field, format string, args ...any) error {
	return &Error{Kind: Invalid, Field: field, Text: fmt.Sprintf(format, args...)}
}

// InField puts a field's name in front of err, if err is an Error without one; nil stays nil.
func InField(field string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	inner := *e
	if inner.Field == "" {
		inner.Field = field
	} else {
		inner.Field = field + "." + inner.Field
	}
	return &inner
}

// KindOf returns the kind of err, Internal if it has none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return Internal
}

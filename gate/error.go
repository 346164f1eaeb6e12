package gate

import (
	"errors"
	"fmt"
	"strings"
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

// Faults are all that is wrong with one input: never empty, in the order of the input. It is of the kind of the first.
type Faults []*Error

// Error implements error: one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, e := range f {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each of them.
func (f Faults) Unwrap() []error {
	list := make([]error, len(f))
	for i, e := range f {
		list[i] = e
	}
	return list
}

// Add notes what is wrong, if err is an Error or Faults, and returns any other error.
func (f *Faults) Add(err error) error {
	if more, ok := errors.AsType[Faults](err); ok {
		*f = append(*f, more...)
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		*f = append(*f, e)
		return nil
	}
	return err
}

// Err is nil without a fault, the one if there is one, else all of them.
func (f Faults) Err() error {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return f[0]
	}
	return f
}

// InField puts a field's name in front of err, if err is an Error without one, or of each of Faults; nil stays nil.
func InField(field string, err error) error {
	if list, ok := errors.AsType[Faults](err); ok {
		out := make(Faults, len(list))
		for i, e := range list {
			out[i] = e.in(field)
		}
		return out
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	return e.in(field)
}

func (e *Error) in(field string) *Error {
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

package api

import (
	"errors"
	"net/http"

	"github.com/onerecord/certgate/gate"
)

// statusError is an error that HTTP has a status of its own for, such as 413. Its kind is that of the error inside.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// unreadable is a request that cannot be understood at all, unlike one that says something wrong.
func unreadable(format string, args ...any) error {
	return &statusError{http.StatusBadRequest, gate.Errorf(gate.Invalid, format, args...)}
}

// problemOf translates an error. Only the text of a gate.Error may be read by a client; of any other error only its kind shows.
func problemOf(err error, id, base string) *Problem {
	kind := gate.KindOf(err)
	code := kind.Error()
	p := &Problem{Type: problemType(base, code), Title: pages[code].Title, Status: StatusOfKind(kind), Detail: pages[code].Detail, Instance: id, Code: code}
	if kind == gate.Internal {
		return p
	}
	if e, ok := errors.AsType[*gate.Error](err); ok {
		p.Detail, p.Field = e.Error(), e.Field
	}
	if several, ok := errors.AsType[gate.Faults](err); ok {
		for _, e := range several {
			p.Errors = append(p.Errors, Fault{Detail: e.Error(), Field: e.Field})
		}
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		p.Status = e.status
	}
	if e, ok := errors.AsType[*currentError](err); ok {
		p.Current = e.current.view
	}
	return p
}

// report hands on an error that the answer does not tell.
func report(onError func(*http.Request, error, string), r *http.Request, err error, id string) {
	if onError != nil && gate.KindOf(err) == gate.Internal {
		onError(r, err, id)
	}
}

func notFound(id string) *Problem {
	return problemOf(gate.Errorf(gate.NotFound, "there is nothing at this address"), id, "")
}

func starting() *Problem {
	return problemOf(gate.Errorf(gate.ShuttingDown, "certgate is starting; try again in a moment"), "", "")
}

// methodNotAllowed sets Allow, as RFC 9110 section 15.5.6 demands, and makes the problem.
func methodNotAllowed(w http.ResponseWriter, id, allow string) *Problem {
	w.Header().Set("Allow", allow)
	return problemOf(&statusError{http.StatusMethodNotAllowed, gate.Errorf(gate.Invalid, "this address answers %s only", allow)}, id, "")
}

// reads reports whether the request only asks.
func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

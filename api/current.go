package api

import (
	"errors"

	"github.com/onerecord/certgate/gate"
)

// currentError is a change that does not fit the state, with what it was asked of as it stands: whoever came second sees at once what the
// first has done, and need not ask.
type currentError struct {
	err     error
	current *shown
}

func (e *currentError) Error() string { return e.err.Error() }
func (e *currentError) Unwrap() error { return e.err }

// subjects find what the address of a change names, by the name of the place in it.
var subjects = map[string]func(x *exchange, ref string) (*shown, error){
	"account":       (*exchange).showAccount,
	"certification": (*exchange).showCertification,
	"contract":      (*exchange).showContract,
	"credential":    (*exchange).showCredential,
	"device":        (*exchange).showDevice,
	"enrollment":    (*exchange).showEnrollment,
	"host":          (*exchange).showHost,
	"incident":      (*exchange).showIncident,
	"notice":        (*exchange).showNotice,
	"person":        (*exchange).showPerson,
	"version":       (*exchange).showRuling,
	"remediation":   (*exchange).showRemediation,
}

// asItStands adds to a conflict what the address names. Where that cannot be shown, the error is enough.
func (x *exchange) asItStands(err error) error {
	if kind := gate.KindOf(err); kind != gate.Conflict && kind != gate.Stale {
		return err
	}
	if _, found := errors.AsType[*currentError](err); found {
		return err
	}
	for name, find := range subjects {
		ref := x.r.PathValue(name)
		if ref == "" {
			continue
		}
		if found, missing := find(x, ref); missing == nil && found.etag != "" {
			x.w.Header().Set("ETag", `"`+found.etag+`"`)
			return &currentError{err, found}
		}
	}
	return err
}

package authority

import (
	"errors"
	"slices"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// By says who asks for a change, and under which conditions.
type By struct {
	gate.Actor
	// IfMatch is the ETag that the record must still have; empty or * for any.
	IfMatch string
	// Once makes the change happen at most once: its identifier is remembered in the same commit.
	Once *Once
	// Try carries the change out up to its commit and no further; see DryRun. Nil: it is meant.
	Try *DryRun

	spare bool // the last usable credential of a device is not to end by this
}

// names reports whether the actor says which version of the record was read.
func (by By) names() bool { return by.IfMatch != "" && by.IfMatch != "*" }

// Once identifies a write that may be sent again: the client's Idempotency-Key under its actor, and a hash of what was sent.
type Once struct {
	ID   string
	Hash gate.Fingerprint
}

// DoneError says that a write with the same Idempotency-Key was carried out before; Object names the record that its answer shows.
type DoneError struct{ Object string }

// Error implements error.
func (e *DoneError) Error() string {
	return "this request was carried out before; its result is " + e.Object
}

// change commits records, notices and event together and judges every call in flight anew before it returns, also after an error:
// a commit that failed may still have denied something.
func (a *Authority) change(by By, f func(tx *certstore.Tx) (gate.Event, error)) (gate.Event, error) {
	guarded := func(tx *certstore.Tx) (gate.Event, error) {
		if err := errors.Join(by.stands(a.dir, a.now()), by.first(tx)); err != nil {
			return gate.Event{}, err
		}
		event, err := f(tx)
		if err != nil {
			return event, err
		}
		if err := a.admits(by, event.Verb); err != nil {
			return gate.Event{}, err
		}
		event.By, event.At = by.Actor, a.moment()
		if by.Once != nil {
			certstore.Put(tx, &gate.Mark{ID: by.Once.ID, Hash: by.Once.Hash, Object: event.Object, At: event.At})
		}
		return event, nil
	}
	if by.Try != nil {
		return a.try(by, guarded)
	}
	event, err := a.store.Update(guarded)
	a.flights.sweep(a.dir, a.now())
	a.noteNotices(event, err)
	return event, err
}

// stands refuses a staff member who has lost a role since the request began. Who may act is asked before the body is read, and the
// sender decides how long that takes: whoever is disabled meanwhile must not finish what was begun.
func (by By) stands(dir *certstore.Directory, now time.Time) error {
	if by.Staff == "" {
		return nil
	}
	person, err := dir.Staff(string(by.Staff))
	if err != nil || !person.Active(now) {
		return gate.Errorf(gate.Unauthorized, "%s may not act any more", by.Name)
	}
	for _, role := range by.Roles {
		if !slices.Contains(person.Roles, role) {
			return gate.Errorf(gate.Forbidden, "%s has not been %s since a moment ago; nothing was changed", by.Name, role)
		}
	}
	return nil
}

// first finds out whether the same write was carried out before.
func (by By) first(tx *certstore.Tx) error {
	if by.Once == nil {
		return nil
	}
	mark, err := certstore.Get[gate.Mark](tx, by.Once.ID)
	switch {
	case errors.Is(err, gate.NotFound):
		return nil
	case err != nil:
		return err
	case mark.Hash != by.Once.Hash:
		return gate.FieldErrorf("Idempotency-Key", "was used before with another request; use a new key for a new request")
	}
	return &DoneError{Object: mark.Object}
}

// load reads the record that a change is about and checks that it is still what the actor saw.
func load[T any, P interface {
	*T
	gate.Record
}](tx *certstore.Tx, by By, id string) (P, error) {
	r, err := certstore.Get[T, P](tx, id)
	if err != nil {
		return nil, err
	}
	if by.names() && by.IfMatch != certstore.ETag(r) {
		return nil, gate.Errorf(gate.Stale, "%s %s has changed since you read it; read it again and repeat the change if it still fits", r.RecordKind(), id)
	}
	return r, nil
}

// act is what the actor does at now, as records keep it.
func (a *Authority) act(by By, why string) gate.Act {
	return gate.Act{By: by.Staff, At: a.moment(), Why: why}
}

// certgate itself, when a job changes something.
var system = By{Actor: gate.Actor{Name: "certgate"}}

// customer is whoever holds an enrollment link or a credential.
var customer = By{Actor: gate.Actor{Name: "customer"}}

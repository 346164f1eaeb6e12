package authority

import (
	"fmt"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// RecoveryLifetime is how long an admin lasts who was made on the server itself: long enough to make new certificates for others, with a
// second such admin if need be, and too short to stay unseen.
const RecoveryLifetime = 24 * time.Hour

// operatorOfTheMachine is whoever has the data directory and its secret: nobody else is there to ask.
var operatorOfTheMachine = By{Actor: gate.Actor{Name: "recovery"}}

// Recovery is what Recover needs. The options are those of Open, for a data directory that no other process has open.
type Recovery struct {
	Options

	Name, Email string
	// Keep is given the badge before the store takes it over, and must have it on disk when it returns: a process that dies in between leaves
	// a file that opens nothing, instead of an admin whose key nobody has.
	Keep func(Badge) error
}

// Recover makes one admin for RecoveryLifetime, for when every admin is locked out. It needs the data directory and its secret, and refuses
// while the server runs. The event and the record say what it was, and everybody on the staff is owed a notice, which goes out when the
// server next starts. One such admin confirms nothing alone; two people run it once each, or with an admin who is left.
func Recover(r Recovery) (until time.Time, err error) {
	r.NoJobs = true
	a, err := Open(r.Options)
	if err != nil {
		return time.Time{}, err
	}
	defer func() {
		if closed := a.Close(); err == nil {
			err = closed
		}
	}()
	return a.recover(r)
}

func (a *Authority) recover(r Recovery) (time.Time, error) {
	until := a.moment().Add(RecoveryLifetime)
	s := &gate.Staff{ID: gate.StaffID(a.newID(gate.StaffPrefix)), Name: r.Name, Email: r.Email, Roles: []gate.Role{gate.Admin}, CreatedAt: a.moment(), Until: &until}
	if err := s.Check(); err != nil {
		return until, err
	}
	if _, err := a.dir.Staff(s.Name); err == nil {
		return until, &gate.Error{Kind: gate.Exists, Field: "name", Text: fmt.Sprintf("staff member %s exists already; choose another name, such as %s-recovery", s.Name, s.Name)}
	}
	signer, ca, err := a.signer(gate.Operators)
	if err != nil {
		return until, err
	}
	badge, err := makeBadge(foundedCA{record: ca, ca: signer}, s, staffLeaf{now: a.moment(), random: a.random, until: until})
	if err != nil {
		return until, err
	}
	if err := r.Keep(badge); err != nil {
		return until, err
	}
	_, err = a.change(operatorOfTheMachine, func(tx *certstore.Tx) (gate.Event, error) {
		certstore.Put(tx, s)
		event := gate.Event{Verb: gate.StaffRecovered, Object: string(s.ID), Detail: fmt.Sprintf("%s, admin until %s", s.Name, until.Format(time.RFC3339))}
		return event, a.tellStaff(tx, operatorOfTheMachine, event, s)
	})
	return until, err
}

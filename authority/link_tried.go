package authority

import (
	"sync"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// refusedLinks counts the refusals of each link that were written down. Who holds a link could otherwise fill the log with them.
type refusedLinks struct {
	mu   sync.Mutex
	seen map[string]int  // guarded by mu; of links that exist
	told map[string]bool // guarded by mu; those that were tried with another public key, of which staff heard
}

func (r *refusedLinks) admit(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = make(map[string]int)
	}
	r.seen[id]++
	return r.seen[id] <= gate.EnrollmentRedemptions
}

// tell reports whether staff must be told of a link: once is enough.
func (r *refusedLinks) tell(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.told[id]
}

func (r *refusedLinks) wasTold(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == nil {
		r.told = make(map[string]bool)
	}
	r.told[id] = true
}

// redemptionRefused writes an event: a link that is tried after it was used, or with another public key, may be in wrong hands. Of another key
// staff are told, as only the customer can say which of the two is theirs. That it cannot be written changes nothing for who was refused.
func (a *Authority) redemptionRefused(id gate.EnrollmentID, publicKey gate.Fingerprint, why error) {
	if kind := gate.KindOf(why); kind != gate.Conflict && kind != gate.Invalid || !a.refused.admit(string(id)) {
		return
	}
	other := false
	_, err := a.change(customer, func(tx *certstore.Tx) (gate.Event, error) {
		e, err := certstore.Get[gate.Enrollment](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		event := gate.Event{Verb: gate.EnrollmentRefused, Account: e.Account, Object: string(e.ID), Detail: gate.Clip(oneLine(why), 400)}
		other = e.Redemptions > 0 && e.PublicKey != publicKey && a.refused.tell(string(id))
		if other {
			err = a.tellOfOtherKey(tx, e)
		}
		return event, err
	})
	if err != nil {
		a.log.Error("a refused redemption could not be written down", zap.String("enrollment", string(id)), zap.Error(err))
	} else if other {
		a.refused.wasTold(string(id))
	}
}

// tellOfOtherKey tells those of the staff who may release and stop that a link which was redeemed is in two hands.
func (a *Authority) tellOfOtherKey(tx *certstore.Tx, e *gate.Enrollment) error {
	d, err := certstore.Get[gate.Device](tx, string(e.Device))
	if err != nil {
		return err
	}
	path, err := a.devicePath(d)
	if err != nil {
		return err
	}
	people := a.dir.People()
	to := append(gate.StaffRecipients(people, gate.ReleaseIt, a.now()), gate.StaffRecipients(people, gate.Stop, a.now())...)
	_, err = a.notifyStaff(tx, gate.LinkTriedNotice, to, notify.Data{Noun: "enrollment link", Name: path, Environment: d.Environment.String(), Case: e.Certification,
		Verb: "tried", From: a.moment(), Made: string(e.Certificate), Former: string(e.Key)})
	return err
}

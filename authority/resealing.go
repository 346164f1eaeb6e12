package authority

import (
	"errors"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// errFresh undoes a change in which there was nothing to do.
var errFresh = errors.New("nothing is sealed under a former secret")

// linksAtOnce bounds how many sealed links are read and written in one commit.
const linksAtOnce = 200

// reseal seals anew whatever lies sealed under the former secret: keys of CAs, peppers, what outlives the secret, links in notices.
func (a *Authority) reseal() error {
	if err := a.resealLinks(); err != nil {
		return err
	}
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		again := &resealing{tx: tx, log: a.log}
		if err := again.all(); err != nil {
			return gate.Event{}, err
		}
		if !again.changed {
			return gate.Event{}, errFresh
		}
		return gate.Event{Verb: gate.SecretResealed, Object: gate.SecretID, Detail: "keys of CAs and peppers"}, nil
	})
	if errors.Is(err, errFresh) {
		return nil
	}
	return err
}

// resealing is what one commit seals anew.
type resealing struct {
	tx      *certstore.Tx
	log     *zap.Logger
	changed bool
}

// seal seals one value anew; did says whether it was under the former secret. What neither secret opens was lost before, and is left as it is.
func (r *resealing) seal(label string, value *[]byte) (did bool) {
	if len(*value) == 0 {
		return false
	}
	again, did, err := r.tx.Reseal(label, *value)
	if err != nil {
		r.log.Error("something that lies sealed cannot be opened; it is left as it is", zap.String("label", label), zap.Error(err))
		return false
	}
	*value = again
	r.changed = r.changed || did
	return did
}

func (r *resealing) all() error {
	for p, err := range certstore.All[gate.Pepper](r.tx) {
		if err != nil {
			return err
		}
		if r.seal(pepperLabel(p.Version), &p.Sealed) {
			certstore.Put(r.tx, p)
		}
	}
	for ca, err := range certstore.All[gate.CA](r.tx) {
		if err != nil {
			return err
		}
		did := r.seal(caLabel(ca.Fingerprint), &ca.SealedKey)
		if ca.Request != nil {
			did = r.seal(requestLabel(ca.Request.PublicKey), &ca.Request.SealedKey) || did
		}
		if did {
			certstore.Put(r.tx, ca)
		}
	}
	s, err := certstore.Get[gate.Secret](r.tx, gate.SecretID)
	if err != nil {
		return err
	}
	if r.seal(certstore.LastingLabel, &s.Lasting) {
		certstore.Put(r.tx, s)
	}
	return nil
}

// resealLinks does so to links. That is no change of state: who reads the notice sees what it was.
func (a *Authority) resealLinks() error {
	var ids []string
	err := a.store.View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if n.SealedLink != nil {
				ids = append(ids, n.RecordID())
			}
		}
		return nil
	})
	for len(ids) > 0 && err == nil {
		some := ids[:min(len(ids), linksAtOnce)]
		ids = ids[len(some):]
		err = a.store.Bookkeep(func(tx *certstore.Tx) error {
			again := &resealing{tx: tx, log: a.log}
			for _, id := range some {
				n, err := certstore.Get[gate.Notice](tx, id)
				if err != nil {
					return err
				}
				if again.seal(linkLabel(n.ID), &n.SealedLink) {
					certstore.Put(tx, n)
				}
			}
			return nil
		})
	}
	return err
}

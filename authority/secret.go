package authority

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Secret is what is known of the secret, as it stands.
func (a *Authority) Secret() *gate.Secret {
	if s := a.dir.Secret(); s != nil {
		return s
	}
	return a.firstSecret()
}

// firstSecret is that of a store that was made before its secret could change: it has been the same since its first pepper.
func (a *Authority) firstSecret() *gate.Secret {
	var since time.Time
	if peppers := a.dir.Peppers(); len(peppers) > 0 {
		since = peppers[0].CreatedAt
	}
	return &gate.Secret{Version: 1, Since: since}
}

// secret reads the record that a change is about, as load does.
func (a *Authority) secret(tx *certstore.Tx, by By) (*gate.Secret, error) {
	s, err := load[gate.Secret](tx, by, gate.SecretID)
	if !errors.Is(err, gate.NotFound) {
		return s, err
	}
	s = a.firstSecret()
	if by.names() && by.IfMatch != certstore.ETag(s) {
		return nil, gate.Errorf(gate.Stale, "the secret has changed since you read it; read it again and repeat the change if it still fits")
	}
	return s, nil
}

// SecretRotation is a change of the secret that somebody wishes for.
type SecretRotation struct {
	Change gate.SecretChange
	// Recipients are the age public keys of new recovery kits; empty: those of before.
	Recipients []string
	Why        string
}

// RotateSecret proposes a change of the secret or the pepper; a second admin must confirm it.
func (a *Authority) RotateSecret(by By, in SecretRotation) (*gate.Secret, error) {
	if err := by.May(gate.ManageSecret); err != nil {
		return nil, err
	}
	if len(in.Recipients) > 0 {
		if err := certstore.CheckRecipients(in.Recipients); err != nil {
			return nil, gate.FieldErrorf("recipients", "%s", err)
		}
	}
	var out gate.Secret
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		s, err := a.secret(tx, by)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = s.Propose(gate.SecretProposal{Change: in.Change, Recipients: in.Recipients, Act: a.act(by, in.Why)}); err != nil {
			return gate.Event{}, err
		}
		event := gate.Event{Verb: gate.PepperRotationProposed, Object: out.RecordID(), Why: in.Why}
		if in.Change == gate.RotateSecret {
			event.Verb = gate.SecretRotationProposed
			if err := a.canReplaceSecret(); err != nil {
				return gate.Event{}, err
			}
		}
		certstore.Put(tx, &out)
		return event, nil
	})
	return &out, err
}

// ConfirmSecret makes the change that another admin proposed: a new pepper at once; the rotation of the secret begins, and a job carries it
// through.
func (a *Authority) ConfirmSecret(by By) (*gate.Secret, error) {
	if err := by.May(gate.ManageSecret); err != nil {
		return nil, err
	}
	pepper, err := a.drawPepper()
	if err != nil {
		return nil, err
	}
	var out gate.Secret
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		s, err := a.secret(tx, by)
		if err != nil {
			return gate.Event{}, err
		}
		if s.Proposal != nil {
			if err := a.stillMay(s.Proposal.Act.By, gate.ManageSecret); err != nil {
				return gate.Event{}, err
			}
		}
		if out, err = s.Confirm(a.act(by, ""), by.names()); err != nil {
			return gate.Event{}, err
		}
		var event gate.Event
		if s.Proposal.Change == gate.RotatePepper {
			event, err = a.addPepper(tx, pepper, s.Proposal.Act.Why)
		} else {
			event, err = a.beginRotation(tx, &out)
		}
		certstore.Put(tx, &out)
		return event, err
	})
	if err != nil {
		return nil, err
	}
	if err := a.loadPeppers(); err != nil { // cannot happen: it was sealed a moment ago
		a.log.Error("the new pepper is not in use until certgate is started again", zap.Error(err))
	}
	return &out, nil
}

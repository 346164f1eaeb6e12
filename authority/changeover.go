package authority

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// canReplaceSecret says why the secret file could not be replaced by this process, before anything depends on it.
func (a *Authority) canReplaceSecret() error {
	if a.options.SecretFile == "" {
		return gate.Errorf(gate.Conflict, "this store has no secret file, so there is no secret to rotate")
	}
	if a.store.Rotating() {
		return gate.Errorf(gate.Conflict, "a rotation of the secret is coming to its end; try again in a moment")
	}
	held, err := certstore.ReadSecret(a.options.SecretFile)
	if err == nil && !a.store.Uses(held.Secret) {
		err = fmt.Errorf("the secret file %s holds another secret than the one that certgate was started with; put that back", a.options.SecretFile)
	}
	if err == nil {
		err = certstore.SecretReplaceable(a.options.SecretFile)
	}
	if err != nil {
		return gate.Errorf(gate.Conflict, "%s", err)
	}
	return nil
}

// beginRotation puts into the record what outlives the secret. The rest is the job's: from here on a death only delays it.
func (a *Authority) beginRotation(tx *certstore.Tx, s *gate.Secret) (gate.Event, error) {
	if err := a.canReplaceSecret(); err != nil {
		return gate.Event{}, err
	}
	if s.Lasting == nil {
		var err error
		if s.Lasting, err = tx.SealLasting(); err != nil {
			return gate.Event{}, err
		}
	}
	return gate.Event{Verb: gate.SecretRotationBegan, Object: s.RecordID(), Why: s.Rotation.Why, Detail: fmt.Sprintf("version %d", s.Version)}, nil
}

// carryRotation brings a rotation that was confirmed to its end, from wherever it is: certstore's rekey.go has the steps. Each of them is done
// already or not, and doing one again changes nothing, so a restart needs to know no more than this.
func (a *Authority) carryRotation(ctx context.Context, _ time.Time) error {
	if a.Secret().Rotation == nil && !a.store.Rotating() {
		return nil
	}
	if a.quarantine.Load() != nil {
		return errNotNow
	}
	err := a.enterSecret()
	if err == nil {
		err = a.rekeyUsage()
	}
	if err == nil {
		err = a.reseal()
	}
	for more := true; more && err == nil; {
		if ctx.Err() != nil {
			return errNotNow
		}
		more, err = a.store.Remake()
	}
	if err == nil {
		err = a.endRotation()
	}
	if errors.Is(err, certstore.ErrBusy) {
		return errNotNow
	}
	return err
}

// enterSecret draws the new secret unless the file holds it already, and lets the store use it.
func (a *Authority) enterSecret() error {
	held, err := certstore.ReadSecret(a.options.SecretFile)
	if err != nil {
		return err
	}
	used := held.Secret // what the store must use now, or the file is another's
	if held.Former != nil && !a.store.Rotating() {
		used = *held.Former
	}
	if !a.store.Uses(used) {
		return fmt.Errorf("the secret file %s does not hold the secret that is in use; put back the file that certgate wrote, or the rotation cannot go on", a.options.SecretFile)
	}
	if held.Former == nil && a.store.Rotating() {
		return nil // the end was near, and its last step is to come
	}
	if held.Former == nil {
		held.Former = &used
		if _, err := io.ReadFull(a.random, held.Secret[:]); err != nil {
			return fmt.Errorf("draw the secret: %w", err)
		}
		if err := certstore.ReplaceSecret(a.options.SecretFile, held); err != nil {
			return err
		}
	}
	return a.store.Rekey(held.Secret)
}

// rewrapUsage encrypts the keys of usage in dir under the secret as it is, and returns the key that opens it.
func (a *Authority) rewrapUsage(dir string) ([]byte, error) {
	key, former := a.store.UsageKeys()
	if former == nil || a.store.Dir() == "" {
		return key, nil
	}
	return certstore.Rewrap(dir, key, former)
}

// rekeyUsage does so while usage is open.
func (a *Authority) rekeyUsage() error {
	key, _ := a.store.UsageKeys()
	if string(key) == string(a.usageKey) {
		return nil
	}
	if err := a.usage.Reopen(a.rewrapUsage); err != nil {
		return fmt.Errorf("encrypt the keys of usage under the new secret: %w", err)
	}
	a.usageKey = key
	return nil
}

// endRotation says that nothing is left of the former secret, and forgets it.
func (a *Authority) endRotation() error {
	if a.Secret().Rotation != nil {
		if _, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
			s, err := certstore.Get[gate.Secret](tx, gate.SecretID)
			if err != nil {
				return gate.Event{}, err
			}
			s.Rotation = nil
			certstore.Put(tx, s)
			return gate.Event{Verb: gate.SecretRotated, Object: s.RecordID(), Detail: fmt.Sprintf("version %d", s.Version)}, nil
		}); err != nil {
			return err
		}
	}
	held, err := certstore.ReadSecret(a.options.SecretFile)
	if err != nil {
		return err
	}
	if held.Former != nil {
		held.Former = nil
		if err := certstore.ReplaceSecret(a.options.SecretFile, held); err != nil {
			return err
		}
	}
	return a.store.Forget()
}

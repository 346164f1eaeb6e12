package gate

import (
	"slices"
	"time"
)

// Secret is what is known of the secret from which the keys of the store are derived. The secret itself lies in its file, outside.
type Secret struct {
	Version int       `json:"version"` // from 1; one more with each rotation
	Since   time.Time `json:"since"`   // when this version began
	// Recipients are the age public keys to which recovery kits are encrypted. Whoever holds the identity of one can read everything, so
	// only two people change them, with a rotation.
	Recipients []string `json:"recipients,omitempty"`
	// Lasting holds, sealed, what was derived from the first secret and outlives it; empty before the first rotation.
	Lasting  []byte          `json:"lasting,omitempty"`
	Proposal *SecretProposal `json:"proposal,omitempty"`
	// Rotation is the confirmation of the rotation that goes on; nil: none does, and nothing is left of the version before.
	Rotation *Act `json:"rotation,omitempty"`
	// Kit is when, and by whom, a recovery kit with this version was last taken; nil: never, but for the one that init wrote with the first.
	Kit *Act `json:"kit,omitempty"`
}

// SecretChange is what is proposed for the secret, and takes two people.
type SecretChange string

// The changes that a second person must confirm, a closed list.
const (
	RotateSecret SecretChange = "secret" // everything in the store is encrypted and authenticated under a new secret
	RotatePepper SecretChange = "pepper" // keys that are made from then on are hashed under a new pepper
)

// SecretProposal is a change of the secret that waits for a second admin.
type SecretProposal struct {
	Change SecretChange `json:"change"`
	// Recipients take the place of those that recovery kits have been encrypted to; empty: they stay. Only with RotateSecret.
	Recipients []string `json:"recipients,omitempty"`
	Act        Act      `json:"act"`
	Replaced   bool     `json:"replaced,omitempty"` // another stood here before, as with [Proposal]
}

// SecretID is the identifier of the one record of the secret.
const SecretID = "secret"

// SecretChanges lists them all.
func SecretChanges() []SecretChange { return []SecretChange{RotateSecret, RotatePepper} }

// Propose asks for a change; a second person must confirm it.
func (s Secret) Propose(p SecretProposal) (Secret, error) {
	if !slices.Contains(SecretChanges(), p.Change) {
		return s, FieldErrorf("change", "%q: must be %s", Clip(string(p.Change), 40), join(SecretChanges(), " or "))
	}
	if err := CheckReason(p.Act.Why); err != nil {
		return s, err
	}
	if err := s.may(&p); err != nil {
		return s, err
	}
	p.Replaced = s.Proposal != nil
	s.Proposal = &p
	return s, nil
}

// may says why the change cannot be made now.
func (s *Secret) may(p *SecretProposal) error {
	switch {
	case p.Change == RotatePepper && len(p.Recipients) > 0:
		return FieldErrorf("recipients", "belong to a rotation of the secret: recovery kits do not hold the pepper")
	case p.Change == RotateSecret && s.Rotation != nil:
		return Errorf(Conflict, "a rotation of the secret, confirmed at %s, goes on; see certgate secret status", s.Rotation.At.UTC().Format(time.RFC3339))
	case p.Change == RotateSecret && len(p.Recipients) == 0 && len(s.Recipients) == 0:
		return FieldErrorf("recipients", "are missing: this store does not know to whom recovery kits are encrypted; give the age1... lines of the identities that are kept offline")
	}
	return nil
}

// Confirm takes the proposal that another person made, by the rules of [Staff.Confirm]: the secret without it, and if it is rotated, with its next
// version, the rotation begun. A new pepper is the caller's to make.
func (s Secret) Confirm(act Act, named bool) (Secret, error) {
	switch p := s.Proposal; {
	case p == nil:
		return s, Errorf(Conflict, "there is no rotation to confirm")
	case p.Act.By == act.By:
		return s, Errorf(Forbidden, "you proposed this; a second admin must confirm it")
	case p.Replaced && !named:
		return s, errSwapped
	}
	p := s.Proposal
	if err := s.may(p); err != nil {
		return s, err
	}
	s.Proposal = nil
	if p.Change == RotateSecret {
		s.Version, s.Since, s.Kit = s.Version+1, act.At, nil
		if len(p.Recipients) > 0 {
			s.Recipients = p.Recipients
		}
		act.Why = p.Act.Why
		s.Rotation = &act
	}
	return s, nil
}

// KitDue reports whether the recovery kit is of an earlier version.
func (s *Secret) KitDue() bool { return s.Version > 1 && s.Kit == nil }

// Outlived reports whether the key is hashed under an older pepper than the newest and can still be used, now or once what it waits for has come.
func (k *Key) Outlived(newest int, now time.Time) bool {
	s := k.State(now)
	return k.Pepper < newest && (s.Live() || s == Waiting || s == NotYetValid)
}

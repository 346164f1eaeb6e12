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
	Recipients []string        `json:"recipients,omitempty"`
	Proposal   *SecretProposal `json:"proposal,omitempty"`
}

// SecretChange is what is proposed for the secret, and takes two people.
type SecretChange string

// The changes that a second person must confirm, a closed list.
const (
	RotatePepper SecretChange = "pepper" // keys that are made from then on are hashed under a new pepper
)

// SecretProposal is a change of the secret that waits for a second admin.
type SecretProposal struct {
	Change   SecretChange `json:"change"`
	Act      Act          `json:"act"`
	Replaced bool         `json:"replaced,omitempty"` // another stood here before, as with [Proposal]
}

// SecretID is the identifier of the one record of the secret.
const SecretID = "secret"

// SecretChanges lists them all.
func SecretChanges() []SecretChange { return []SecretChange{RotatePepper} }

// Propose asks for a change; a second person must confirm it.
func (s Secret) Propose(p SecretProposal) (Secret, error) {
	if !slices.Contains(SecretChanges(), p.Change) {
		return s, FieldErrorf("change", "%q: must be %s", Clip(string(p.Change), 40), join(SecretChanges(), " or "))
	}
	if err := CheckReason(p.Act.Why); err != nil {
		return s, err
	}
	p.Replaced = s.Proposal != nil
	s.Proposal = &p
	return s, nil
}

// Confirm takes the proposal that another person made, by the rules of [Staff.Confirm]: the secret without it, to which the change is to be made.
func (s Secret) Confirm(act Act, named bool) (Secret, error) {
	switch p := s.Proposal; {
	case p == nil:
		return s, Errorf(Conflict, "there is no rotation to confirm")
	case p.Act.By == act.By:
		return s, Errorf(Forbidden, "you proposed this; a second admin must confirm it")
	case p.Replaced && !named:
		return s, errSwapped
	}
	s.Proposal = nil
	return s, nil
}

// Outlived reports whether the key is hashed under an older pepper than the newest and can still be used, now or once what it waits for has come.
func (k *Key) Outlived(newest int, now time.Time) bool {
	s := k.State(now)
	return k.Pepper < newest && (s.Live() || s == Waiting || s == NotYetValid)
}

package authority

import (
	"encoding/hex"
	"fmt"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// RecoveryKit makes a recovery kit with the secret as it is and the keys of the CAs that the store has, encrypted to the recipients on record: whoever
// asks for it cannot open it. The roots' keys are in the kit that init wrote, and nowhere else.
func (a *Authority) RecoveryKit(by By) ([]byte, *gate.Secret, error) {
	if err := by.May(gate.ManageSecret); err != nil {
		return nil, nil, err
	}
	var text []byte
	var out *gate.Secret
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		var err error
		if out, err = a.secret(tx, by); err != nil {
			return gate.Event{}, err
		}
		if text, err = a.sealKit(tx, out); err != nil {
			return gate.Event{}, err
		}
		act := a.act(by, "")
		out.Kit = &act
		certstore.Put(tx, out)
		return gate.Event{Verb: gate.RecoveryKitMade, Object: out.RecordID(), Detail: fmt.Sprintf("version %d of the secret", out.Version)}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return text, out, nil
}

func (a *Authority) sealKit(tx *certstore.Tx, s *gate.Secret) ([]byte, error) {
	if len(s.Recipients) == 0 {
		return nil, gate.Errorf(gate.Conflict, "this store does not know to whom recovery kits are encrypted; a rotation of the secret names them: certgate secret rotate --recovery age1...")
	}
	if a.options.SecretFile == "" {
		return nil, gate.Errorf(gate.Conflict, "this store has no secret file, so there is nothing to recover it with")
	}
	held, err := certstore.ReadSecret(a.options.SecretFile)
	if err != nil {
		return nil, err
	}
	switch {
	case !a.store.Uses(held.Secret), s.Rotation != nil && held.Former == nil && !a.store.Rotating():
		return nil, gate.Errorf(gate.Conflict, "the new secret is not in use yet; try again in a moment")
	}
	kit := certstore.Kit{CreatedAt: a.moment(), Secret: hex.EncodeToString(held.Secret[:]),
		Settings: map[string]string{"data_dir": a.options.DataDir, "secret_file": a.options.SecretFile}}
	for ca, err := range certstore.All[gate.CA](tx) {
		if err != nil {
			return nil, err
		}
		if len(ca.SealedKey) == 0 || ca.Retired != nil {
			continue
		}
		der, err := tx.Unseal(caLabel(ca.Fingerprint), ca.SealedKey)
		if err != nil {
			return nil, err
		}
		kit.Keys = append(kit.Keys, certstore.KitKey{Name: nameOf(ca), Certificate: string(issuer.CertificatePEM(ca.DER)), Key: string(issuer.KeyPEM(der))})
	}
	return certstore.SealKit(kit, s.Recipients)
}

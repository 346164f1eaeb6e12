package certstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// logName is what signs the log: who it is and how. Both come from the secret, so they are what they were after a restore, a log that was
// made before checkpoints existed has them too, and an older copy of the store cannot draw others.
type logName struct {
	origin, vkey string
	sign         func(audit.Checkpoint) ([]byte, error)
	seal         func(audit.DossierSeal) ([]byte, error)
}

// nameLog makes the log's name from the seed of its key. The instance in it is a part of the hash of the seed, which tells nothing about the
// seed, and no two instances share one.
func nameLog(seed [32]byte) (logName, error) {
	id := sha256.Sum256(append([]byte(originLabel), seed[:]...))
	origin := "certgate/" + hex.EncodeToString(id[:8])
	signer, vkey, err := audit.NewKey(origin, seed)
	if err != nil {
		return logName{}, fmt.Errorf("make the key that signs checkpoints: %w", err)
	}
	return logName{
		origin: origin, vkey: vkey,
		sign: func(c audit.Checkpoint) ([]byte, error) { return c.Sign(signer) },
		seal: func(s audit.DossierSeal) ([]byte, error) { return s.Sign(signer) },
	}, nil
}

// Origin is the name of the store's log: "certgate/" and the instance.
func (s *Store) Origin() string { return s.lasting.log.origin }

// Vkey is the line by which others recognize the log's checkpoints; see [audit.NewKey]. It is public.
func (s *Store) Vkey() string { return s.lasting.log.vkey }

// SignCheckpoint signs what the log is, as of now, keeps that and returns it. Where a checkpoint of this many events is kept already it is that
// one, with its time. It is bookkeeping: no event says so.
func (s *Store) SignCheckpoint(now time.Time) (audit.Checkpoint, []byte, error) {
	var signed []byte
	// Signed while no other change can run, and after what was in doubt has been reread: what is signed is on disk.
	err := s.change(writesNothing, func(tx *Tx) (*gate.Event, error) {
		var err error
		if signed, _, err = tx.read(checkpointKey(s.head.Events)); err != nil || signed != nil {
			return nil, err
		}
		c := audit.Checkpoint{Origin: s.Origin(), Size: s.head.Events, Root: audit.Hash(s.head.Root), Time: now.UTC()}
		if c.Loss, err = lossLine(tx); err != nil {
			return nil, err
		}
		if signed, err = s.lasting.log.sign(c); err != nil {
			return nil, err
		}
		return nil, tx.keep(c.Size, signed)
	})
	if err != nil {
		return audit.Checkpoint{}, nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	c, err := s.OpenCheckpoint(signed)
	return c, signed, err
}

// SealDossier signs what a dossier holds, with the key of the log.
func (s *Store) SealDossier(seal audit.DossierSeal) ([]byte, error) { return s.lasting.log.seal(seal) }

// lossLine is what every checkpoint says of the latest loss that people have accepted: whoever compares two checkpoints then sees why the later
// one does not continue the earlier. Empty without one.
func lossLine(tx *Tx) (string, error) {
	var latest *gate.Loss
	for l, err := range All[gate.Loss](tx) {
		if err != nil {
			return "", err
		}
		if l.Accepted != nil && (latest == nil || l.Event > latest.Event) {
			latest = l
		}
	}
	if latest == nil {
		return "", nil
	}
	return fmt.Sprintf("event %d kept %d of %d", latest.Event, latest.Lost.Kept, latest.Lost.Size), nil
}

// OpenCheckpoint reads a checkpoint that this log's key has signed.
func (s *Store) OpenCheckpoint(signed []byte) (audit.Checkpoint, error) {
	verifiers, err := audit.ParseKey(s.Vkey())
	if err != nil {
		return audit.Checkpoint{}, err
	}
	return audit.ParseCheckpoint(signed, verifiers)
}

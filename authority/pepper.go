package authority

import (
	"fmt"
	"io"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// PepperUse is one version of the pepper and what still hangs on it.
type PepperUse struct {
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	// Keys can still be used, or will be; Tokens are those of them that were imported from before.
	Keys   int `json:"keys"`
	Tokens int `json:"tokens"`
}

// Peppers are all versions, oldest first, with the keys under each.
func (a *Authority) Peppers() []PepperUse {
	now, place := a.now(), make(map[int]int)
	var list []PepperUse
	for _, p := range a.dir.Peppers() {
		place[p.Version] = len(list)
		list = append(list, PepperUse{Version: p.Version, CreatedAt: p.CreatedAt})
	}
	for _, k := range a.dir.Keys("") {
		i, known := place[k.Pepper]
		if !known || !k.Outlived(k.Pepper+1, now) {
			continue
		}
		list[i].Keys++
		if k.Imported != nil {
			list[i].Tokens++
		}
	}
	return list
}

// NewestPepper is the version under which keys are hashed that are made now.
func (a *Authority) NewestPepper() int { return int(a.macs.newest.Load()) }

func (a *Authority) drawPepper() (pepper [32]byte, err error) {
	if _, err := io.ReadFull(a.random, pepper[:]); err != nil {
		return pepper, fmt.Errorf("draw the pepper: %w", err)
	}
	return pepper, nil
}

// addPepper puts a new version behind the others. Keys that are there keep theirs: nobody but their owners has them, so they cannot be hashed anew.
func (a *Authority) addPepper(tx *certstore.Tx, pepper [32]byte, why string) (gate.Event, error) {
	next := &gate.Pepper{Version: 1, CreatedAt: a.moment()}
	for p, err := range certstore.All[gate.Pepper](tx) {
		if err != nil {
			return gate.Event{}, err
		}
		next.Version = max(next.Version, p.Version+1)
	}
	var err error
	if next.Sealed, err = tx.Seal(pepperLabel(next.Version), pepper[:]); err != nil {
		return gate.Event{}, err
	}
	certstore.Put(tx, next)
	return gate.Event{Verb: gate.PepperRotated, Object: gate.SecretID, Why: why, Detail: fmt.Sprintf("pepper %d", next.Version)}, nil
}

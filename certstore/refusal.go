package certstore

import (
	"errors"
	"fmt"

	"github.com/onerecord/certgate/gate"
)

// Refusals to open or make a store. The errors that wrap them say which directory and what to do.
var (
	// ErrMissing says that there is no store in the data directory.
	ErrMissing = errors.New("there is no store")
	// ErrLocked says that another process, or this one, has the store open.
	ErrLocked = errors.New("the store is in use")
	// ErrWrongSecret says that the store was written with another secret.
	ErrWrongSecret = errors.New("the secret is not this store's")
	// ErrDamaged says that what lies in the store is not what was written; what is wrong is named.
	ErrDamaged = errors.New("the store is damaged")
	// ErrExists says that a store, or what remains of one, stands where one was to be made.
	ErrExists = errors.New("a store exists already")
	// ErrClosed is what everything returns after Close. Its kind is gate.ShuttingDown.
	ErrClosed = gate.Errorf(gate.ShuttingDown, "the store is closed: certgate is shutting down")
)

// errReread refuses changes after a commit that failed, until the store has been read again. Its kind is gate.ShuttingDown.
var errReread = gate.Errorf(gate.ShuttingDown, "the store must be reread")

func missing(dir string) error {
	return fmt.Errorf("%w in %s: make one with certgate init, or bring one back with certgate restore", ErrMissing, dir)
}

func locked(dir string) error {
	return fmt.Errorf("%w: another certgate is running on %s; use caddy reload to change its configuration, or stop it", ErrLocked, dir)
}

func wrongSecret(dir string) error {
	return fmt.Errorf("%w: %s was written with another one; give the secret_file that was made with it, or take the secret from the recovery kit",
		ErrWrongSecret, dir)
}

func damaged(dir string, what error) error {
	return fmt.Errorf("%w: %s: %w; restore it from a backup with certgate restore, and do not delete files: they may still be needed",
		ErrDamaged, dir, what)
}

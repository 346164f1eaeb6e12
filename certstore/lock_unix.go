//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package certstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockDir takes the lock on the directory that Badger would take when it opens it, so that its files can be looked at before that
// without another process writing them. It holds against this process too, until it is closed.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open the store's directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = fmt.Errorf("lock %s: %w", dir, err)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = locked(dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

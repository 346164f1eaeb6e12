package usage

import (
	"errors"
	"fmt"
)

// DiskFloor is how many bytes must be free on the disk before anything is written. Badger writes into files that it maps, and a disk that is
// full then kills the process; so below the floor counts wait in memory, which is bounded, and the gate goes on.
const DiskFloor = 256 << 20

// ErrDiskLow says that so little is free on the disk that nothing was written. What was counted waits.
var ErrDiskLow = errors.New("there is too little space on the disk of data_dir to write usage: counts wait in memory, and are lost if certgate stops; free some space")

// checkDisk is asked before anything is written. What cannot be measured is not held up.
func (s *Store) checkDisk() error {
	if s.free == nil {
		return nil
	}
	if free, err := s.free(); err == nil && free < DiskFloor {
		return fmt.Errorf("%w (%d MiB are free, %d are needed)", ErrDiskLow, free>>20, DiskFloor>>20)
	}
	return nil
}

// Free is how many bytes are free on the disk; an error where that is not known.
func (s *Store) Free() (int64, error) {
	if s.free == nil {
		return 0, errors.ErrUnsupported
	}
	return s.free()
}

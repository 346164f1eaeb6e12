//go:build linux || darwin || freebsd

package usage

import (
	"fmt"
	"math"
	"syscall"
)

// freeIn is how many bytes of the disk on which a directory lies are free for us.
func freeIn(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask what is free in %s: %w", dir, err)
	}
	return int64(min(float64(s.Bavail)*float64(s.Bsize), math.MaxInt64/2)), nil
}

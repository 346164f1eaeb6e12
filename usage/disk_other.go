//go:build !(linux || darwin || freebsd)

package usage

import "errors"

func freeIn(string) (int64, error) { return 0, errors.ErrUnsupported }

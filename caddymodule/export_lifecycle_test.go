package caddymodule

import "path/filepath"

// References is how many configurations use the data directory; 0 if it is not open.
func References(dir string) int {
	n, _ := pool.References(filepath.Clean(dir))
	return n
}

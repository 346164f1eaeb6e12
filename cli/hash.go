package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// hashFile is the SHA-256 of a file as 64 hexadecimal digits. It reads as it goes: recordings are larger than memory.
func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", usagef("cannot be hashed: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("hash %s: %w", name, err)
	}
	if n == 0 {
		return "", usagef("%s is empty; is it the right file?", name)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

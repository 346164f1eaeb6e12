package certstore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ReadSecret reads the secret file: 64 hexadecimal digits and a newline. A file that others may read, or that is no such file, is refused.
// No error holds what the file does.
func ReadSecret(path string) (secret [32]byte, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return secret, fmt.Errorf("there is no secret file %s: certgate init makes it; "+
			"if it is lost, the recovery kit holds the secret (certgate restore)", path)
	}
	if err != nil {
		return secret, fmt.Errorf("read the secret file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return secret, fmt.Errorf("read the secret file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return secret, fmt.Errorf("the secret file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return secret, fmt.Errorf("the secret file %s may be used by others (mode %04o): run chmod 600 %s, and think about who may have read it",
			path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 200))
	if err != nil {
		return secret, fmt.Errorf("read the secret file: %w", err)
	}
	digits := strings.TrimSuffix(string(text), "\n")
	if len(digits) != hex.EncodedLen(len(secret)) {
		return secret, fmt.Errorf("the secret file %s has %d characters in its line, not %d hexadecimal digits: "+
			"use the file that certgate init made", path, len(digits), hex.EncodedLen(len(secret)))
	}
	if _, err := hex.Decode(secret[:], []byte(digits)); err != nil {
		// What hex says would show a character of the secret.
		return [32]byte{}, fmt.Errorf("the secret file %s has characters that are no hexadecimal digits: use the file that certgate init made", path)
	}
	return secret, nil
}

// WriteSecret makes the secret file, readable by its owner alone. It never writes over a file: whatever was encrypted with what stands there
// would be lost.
func WriteSecret(path string, secret [32]byte) error {
	return createFile(path, []byte(hex.EncodeToString(secret[:])+"\n"), "secret file")
}

// createFile makes a file of mode 0600 that did not exist, synced; what it is called in errors is what.
func createFile(path string, content []byte, what string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the %s %s exists already and is not written over: move it away or choose another path", what, path)
	}
	if err != nil {
		return fmt.Errorf("make the %s: %w", what, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the %s: %w", what, errors.Join(err, os.Remove(path)))
	}
	return syncDir(filepath.Dir(path))
}

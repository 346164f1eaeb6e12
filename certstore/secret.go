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

// Secrets is what the secret file holds.
type Secrets struct {
	Secret [32]byte
	// Former is the secret before, while a rotation goes on; nil: none does.
	Former *[32]byte
}

// ReadSecret reads the secret file: 64 hexadecimal digits and a newline, and while a rotation goes on a second such line with the former secret. A
// file that others may read, or that is no such file, is refused. No error holds what the file does.
func ReadSecret(path string) (Secrets, error) {
	text, err := readSecretFile(path)
	if err != nil {
		return Secrets{}, err
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > 2 {
		return Secrets{}, fmt.Errorf("the secret file %s has %d lines; it has one, and a second while the secret is being rotated: "+
			"use the file that certgate made", path, len(lines))
	}
	var read [2][32]byte
	for i, digits := range lines {
		if len(digits) != hex.EncodedLen(len(read[i])) {
			return Secrets{}, fmt.Errorf("the secret file %s has %d characters in its line, not %d hexadecimal digits: "+
				"use the file that certgate init made", path, len(digits), hex.EncodedLen(len(read[i])))
		}
		if _, err := hex.Decode(read[i][:], []byte(digits)); err != nil {
			// What hex says would show a character of the secret.
			return Secrets{}, fmt.Errorf("the secret file %s has characters that are no hexadecimal digits: use the file that certgate init made", path)
		}
	}
	switch {
	case len(lines) == 1:
		return Secrets{Secret: read[0]}, nil
	case read[0] == read[1]:
		return Secrets{}, fmt.Errorf("the secret file %s has the same line twice; the second one is the former secret, while it is being rotated", path)
	}
	return Secrets{Secret: read[0], Former: &read[1]}, nil
}

func readSecretFile(path string) (text string, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no secret file %s: certgate init makes it; "+
			"if it is lost, the recovery kit holds the secret (certgate restore)", path)
	}
	if err != nil {
		return "", fmt.Errorf("read the secret file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read the secret file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("the secret file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("the secret file %s may be used by others (mode %04o): run chmod 600 %s, and think about who may have read it",
			path, mode, path)
	}
	read, err := io.ReadAll(io.LimitReader(f, 200))
	if err != nil {
		return "", fmt.Errorf("read the secret file: %w", err)
	}
	return string(read), nil
}

// nextSuffix is put behind the name of the file that is to take the secret file's place.
const nextSuffix = ".certgate-next"

// ReplaceSecret puts a new file in the place of the secret file, synced: at any moment there is one or the other, whole. What an earlier attempt
// left is removed.
func ReplaceSecret(path string, s Secrets) error {
	target, err := freeSecret(path)
	if err != nil {
		return err
	}
	text := hex.EncodeToString(s.Secret[:]) + "\n"
	if s.Former != nil {
		text += hex.EncodeToString(s.Former[:]) + "\n"
	}
	if err := createFile(target+nextSuffix, []byte(text), "secret file"); err != nil {
		return err
	}
	if err := os.Rename(target+nextSuffix, target); err != nil {
		return fmt.Errorf("replace the secret file: %w", errors.Join(err, os.Remove(target+nextSuffix)))
	}
	return syncDir(filepath.Dir(target))
}

// SecretReplaceable says why the secret file could not be replaced; nil: it could.
func SecretReplaceable(path string) error {
	target, err := freeSecret(path)
	if err != nil {
		return err
	}
	err = createFile(target+nextSuffix, nil, "secret file")
	if err == nil {
		err = os.Remove(target + nextSuffix)
	}
	if err != nil {
		return fmt.Errorf("the directory of the secret file must be writable for the user that runs certgate while the secret is rotated: %w", err)
	}
	return nil
}

// freeSecret finds the file that is to be replaced, which may stand behind a link, and makes room for the next.
func freeSecret(path string) (target string, err error) {
	target, err = filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("find the secret file: %w", err)
	}
	if err := os.Remove(target + nextSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("remove what an earlier rotation left beside the secret file: %w", err)
	}
	return target, nil
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

package certstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/onerecord/certgate/gate"
)

// Revocation lists of customers' CAs are too large for records, public, and signed by those CAs. Each lies in Dir/crl; the record says which
// it must be. One that is missing is fetched again.
const listName = "crl"

func listFile(dir string, ca gate.Fingerprint) string {
	return filepath.Join(dir, listName, ca.String()+".crl")
}

// WriteList keeps the latest list of a CA in the data directory.
func WriteList(dir string, ca gate.Fingerprint, der []byte) error {
	name := listFile(dir, ca)
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return fmt.Errorf("make the directory of revocation lists: %w", err)
	}
	if err := replaceFile(name, der, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// ReadList reads the list that the record names; nil if there is none, or another. Larger ones than most bytes are not read.
func ReadList(dir string, list *gate.RevocationList, most int64) ([]byte, error) {
	f, err := os.Open(listFile(dir, list.CA))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the revocation list of %s: %w", list.CA, err)
	}
	der, err := io.ReadAll(io.LimitReader(f, most+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the revocation list of %s: %w", list.CA, err)
	}
	if gate.FingerprintOf(der) != list.Hash {
		return nil, nil
	}
	return der, nil
}

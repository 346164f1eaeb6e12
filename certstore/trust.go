package certstore

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/onerecord/certgate/gate"
)

// CA certificates are public, and lie beside the store in Dir/trust as well, because Caddy reads a trust pool while it provisions, when the
// store may be open in the configuration that is still running. The store rules: what differs is rewritten from it.
const trustName = "trust"

// TrustFile is where the trusted CAs of an audience lie.
func TrustFile(dir string, audience gate.Audience) (string, error) {
	if audience != gate.Customers && audience != gate.Operators {
		return "", fmt.Errorf("trust %q: must be %s or %s", gate.Clip(string(audience), 40), gate.Customers, gate.Operators)
	}
	return filepath.Join(dir, trustName, string(audience)+".pem"), nil
}

// ReadTrust reads the CA certificates of an audience from the data directory. A file that is missing, empty, or holds anything but CA
// certificates is an error: an empty pool must never come to mean the system's roots.
func ReadTrust(dir string, audience gate.Audience) ([]*x509.Certificate, error) {
	name, err := TrustFile(dir, audience)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: make the data directory with certgate init", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the trusted CAs: %w", err)
	}
	list, err := parseTrust(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; a start of certgate writes it anew from the store, and certgate init makes both", name, err)
	}
	return list, nil
}

func parseTrust(text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for len(bytes.TrimSpace(text)) > 0 {
		block, rest := pem.Decode(text)
		if block == nil || block.Type != "CERTIFICATE" || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN ")) {
			return nil, fmt.Errorf("after %d certificates comes something that is no PEM block CERTIFICATE", len(list))
		}
		c, err := parseCA(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list, text = append(list, c), rest
	}
	if len(list) == 0 {
		return nil, errors.New("it is empty")
	}
	return list, nil
}

func parseCA(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if !c.BasicConstraintsValid || !c.IsCA {
		return nil, fmt.Errorf("%q is not a CA certificate", c.Subject)
	}
	return c, nil
}

// WriteTrust writes the CA certificates of an audience into the data directory, unless the file holds them already; changed says which it
// was. It puts a new file in the old one's place, so a reader sees one or the other whole.
func WriteTrust(dir string, audience gate.Audience, ders [][]byte) (changed bool, err error) {
	name, err := TrustFile(dir, audience)
	if err != nil {
		return false, err
	}
	if len(ders) == 0 {
		return false, fmt.Errorf("write %s: no certificates; an empty pool would trust nobody", name)
	}
	var text bytes.Buffer
	for i, der := range ders {
		if _, err := parseCA(der); err != nil {
			return false, fmt.Errorf("write %s: certificate %d: %w", name, i+1, err)
		}
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return false, fmt.Errorf("write %s: %w", name, err)
		}
	}
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, text.Bytes()) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return false, fmt.Errorf("make the trust directory: %w", err)
	}
	if err := replaceFile(name, text.Bytes(), 0o644); err != nil {
		return false, fmt.Errorf("write %s: %w", name, err)
	}
	return true, nil
}

// replaceFile puts a synced new file in the place of name.
func replaceFile(name string, content []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

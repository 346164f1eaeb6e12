package certstore

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

func FuzzCheckTable(f *testing.F) {
	dir := made(f)
	good, err := os.ReadFile(tables(f, dir)[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{})
	name := filepath.Join(f.TempDir(), "000001.sst")
	f.Fuzz(func(t *testing.T, content []byte) {
		writeFile(t, name, content)
		for _, key := range [][]byte{nil, make([]byte, 32)} {
			if checkTable(name, key) == nil && len(content) < 16 {
				t.Errorf("%d bytes pass for a table", len(content))
			}
		}
	})
}

func FuzzTrustFile(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte(" \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseTrust(text)
		if (err == nil) != (len(list) > 0) {
			t.Errorf("%d certificates, error %v", len(list), err)
		}
		for _, c := range list {
			if !c.IsCA || !bytes.Contains(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})[:28]) {
				t.Errorf("%v is trusted", c.Subject)
			}
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	keys, err := newKeyring([32]byte{1})
	if err != nil {
		f.Fatal(err)
	}
	key := []byte("r/host/a")
	f.Add(keys.wrap(key, []byte("{}")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		body, _, err := keys.unwrap(key, value)
		if err == nil && !bytes.Equal(keys.wrap(key, body), value) {
			t.Errorf("%x passes", value)
		}
	})
}

package certstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheSecretIsReadAsItWasWritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	secret := [32]byte{0xde, 0xad, 31: 0xff}
	if err := WriteSecret(name, secret); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSecret(name); err != nil || got != (Secrets{Secret: secret}) {
		t.Errorf("%v, error %v", got, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 65 {
		t.Errorf("%v, error %v", info, err)
	}
	if err := WriteSecret(name, [32]byte{}); err == nil || !strings.Contains(err.Error(), "not written over") {
		t.Errorf("writing over it: error %v", err)
	}
	if got, err := ReadSecret(name); err != nil || got != (Secrets{Secret: secret}) {
		t.Errorf("afterwards %v, error %v", got, err)
	}
}

func TestAnythingElseIsNoSecretFile(t *testing.T) {
	const hidden = "deadbeef"
	good := strings.Repeat(hidden, 8)
	rows := []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"readable by the group", good + "\n", 0o640, "chmod 600"},
		{"readable by all", good + "\n", 0o604, "chmod 600"},
		{"writable by all", good + "\n", 0o602, "chmod 600"},
		{"empty", "", 0o600, "0 characters"},
		{"too short", good[:62] + "\n", 0o600, "62 characters in its line, not 64"},
		{"too long", good + "00\n", 0o600, "66 characters"},
		{"an empty second line", good + "\n\n", 0o600, "0 characters"},
		{"half a second line", good + "\n" + good[:10] + "\n", 0o600, "10 characters"},
		{"a second line that is none", good + "\n" + good[:63] + "g\n", 0o600, "no hexadecimal digits"},
		{"the same line twice", good + "\n" + good + "\n", 0o600, "the same line twice"},
		{"three lines", good + "\n" + good + "\n" + good[:2], 0o600, "3 lines"},
		{"blank before", " " + good[1:] + "\n", 0o600, "no hexadecimal digits"},
		{"not hexadecimal", good[:63] + "g\n", 0o600, "no hexadecimal digits"},
		{"binary", strings.Repeat("\x00", 64), 0o600, "no hexadecimal digits"},
		{"huge", strings.Repeat(good, 1000), 0o600, "characters"},
	}
	for _, row := range rows {
		name := filepath.Join(t.TempDir(), "secret")
		writeFile(t, name, []byte(row.content))
		if err := os.Chmod(name, row.mode); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSecret(name)
		if err == nil || got != (Secrets{}) || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, error %v, want %q in it", row.name, got, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: the error shows the secret: %v", row.name, err)
		}
	}
	dir := t.TempDir()
	if _, err := ReadSecret(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "recovery kit") {
		t.Errorf("missing: error %v", err)
	}
	if _, err := ReadSecret(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: error %v", err)
	}
	if _, err := ReadSecret(filepath.Join(dir, "none", "deeper")); err == nil {
		t.Error("read from nowhere")
	}
	if good, err := ReadSecret(bare(t, good)); err != nil || good.Secret[0] != 0xde {
		t.Errorf("without a newline: %v, error %v", good, err)
	}
}

// bare writes the digits without the newline, as an editor may leave them.
func bare(t *testing.T, digits string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	writeFile(t, name, []byte(digits))
	return name
}

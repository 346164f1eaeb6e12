package certstore

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
)

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func testKit() Kit {
	return Kit{
		CreatedAt: dawn, DataDir: "/var/lib/certgate", Secret: strings.Repeat("ab", 32),
		Keys:     []KitKey{{Name: "customers root", Certificate: "-----BEGIN CERTIFICATE-----\n", Key: "-----BEGIN PRIVATE KEY-----\n"}},
		Settings: map[string]string{"public_url": "https://connect.example.com"},
	}
}

func TestAKitOpensToEachRecipient(t *testing.T) {
	a, b := identity(t), identity(t)
	name := filepath.Join(t.TempDir(), "kit.age")
	if err := WriteKit(name, testKit(), []string{a.Recipient().String(), b.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	content := readFile(t, name)
	if bytes.Contains(content, []byte("abababab")) || !bytes.HasPrefix(content, []byte("-----BEGIN AGE ENCRYPTED FILE-----")) {
		t.Errorf("the file is\n%s", content)
	}
	for _, id := range []*age.X25519Identity{a, b} {
		got, err := ReadKit(bytes.NewReader(content), "# created: today\n"+id.String()+"\n")
		if diff := cmp.Diff(testKit(), got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, error %v", info, err)
	}
	if err := WriteKit(name, Kit{}, []string{a.Recipient().String()}); err == nil || !strings.Contains(err.Error(), "not written over") {
		t.Errorf("writing over it: error %v", err)
	}
}

func TestAKitInBinaryFormIsReadToo(t *testing.T) {
	id := identity(t)
	var file bytes.Buffer
	w, err := age.Encrypt(&file, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(`{"secret":"ab","added_later":true}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadKit(&file, id.String()); err != nil || got.Secret != "ab" {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestAKitStaysShutOtherwise(t *testing.T) {
	id := identity(t)
	name := filepath.Join(t.TempDir(), "kit.age")
	if err := WriteKit(name, testKit(), []string{id.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	content := readFile(t, name)
	other := identity(t)
	flipped := bytes.Clone(content)
	flipped[len(flipped)/2] ^= 1
	rows := []struct {
		name       string
		file       []byte
		identities string
		want       string
	}{
		{"another identity", content, other.String(), "none of the identities opens"},
		{"no identity", content, "# none\n", "identities"},
		{"no identity's form", content, "hello", "identities"},
		{"changed", flipped, id.String(), "recovery kit"},
		{"cut off", content[:len(content)-60], id.String(), "recovery kit"},
		{"empty", nil, id.String(), "open the recovery kit"},
		{"something else", []byte("hello"), id.String(), "open the recovery kit"},
	}
	for _, row := range rows {
		got, err := ReadKit(bytes.NewReader(row.file), row.identities)
		if err == nil || got.Secret != "" || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, error %v, want %q in it", row.name, got, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), strings.TrimSpace(row.identities)[:5]) && row.name != "no identity" && row.name != "no identity's form" {
			t.Errorf("%s: the error shows an identity: %v", row.name, err)
		}
	}
}

func TestAKitGoesToPublicRecipientsOnly(t *testing.T) {
	id := identity(t)
	rows := []struct {
		name       string
		recipients []string
		want       string
	}{
		{"none", nil, "at least one recipient"},
		{"nonsense", []string{"bob"}, `recipient "bob"`},
		{"a secret one", []string{id.String()}, "one that was given is the secret one"},
		{"one good, one bad", []string{id.Recipient().String(), "age1xyz"}, `recipient "age1xyz"`},
	}
	for _, row := range rows {
		name := filepath.Join(t.TempDir(), "kit.age")
		err := WriteKit(name, testKit(), row.recipients)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q in it", row.name, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), id.String()) {
			t.Errorf("%s: the error shows the identity", row.name)
		}
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s: there is a file", row.name)
		}
	}
}

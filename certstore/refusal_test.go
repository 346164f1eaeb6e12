package certstore

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

// made is the directory of a store that was made and closed.
func made(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	w := newWorld(1)
	if err := Create(testOptions(dir), func(tx *Tx) (gate.Event, error) {
		for _, r := range w.records() {
			Put(tx, r)
		}
		return created(tx)
	}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAStoreThatWasMadeOpensAsItWas(t *testing.T) {
	dir := made(t)
	s := openIn(t, dir)
	if got := caller(s.Directory(), newWorld(1).probe()); got.Account == nil || got.Key == nil || got.Certificate == nil || s.EventCount() != 1 {
		t.Errorf("caller %+v, %d events", got, s.EventCount())
	}
	update(t, s, newWorld(2).account)
	closeStore(t, s)
	if again := openIn(t, dir); len(again.Directory().Accounts()) != 2 || again.EventCount() != 2 {
		t.Errorf("%d accounts, %d events", len(again.Directory().Accounts()), again.EventCount())
	}
}

func TestNoStoreIsRefused(t *testing.T) {
	nothing := t.TempDir()
	empty := t.TempDir()
	file := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(empty, storeName), 0o700), os.WriteFile(filepath.Join(file, storeName), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{nothing, empty, filepath.Join(nothing, "deeper"), file} {
		err := refused(t, dir, ErrMissing)
		if !strings.Contains(err.Error(), dir) || dir != file && !strings.Contains(err.Error(), "certgate init") {
			t.Errorf("error %q says not where or what to do", err)
		}
	}
	if entries, _ := os.ReadDir(nothing); len(entries) != 0 {
		t.Errorf("looking for a store left %v", entries)
	}
}

func TestAStoreIsMadeOnce(t *testing.T) {
	dir := made(t)
	err := Create(testOptions(dir), created)
	if !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	openIn(t, dir)

	half := t.TempDir()
	if err := os.Mkdir(filepath.Join(half, draftName), 0o700); err != nil {
		t.Fatal(err)
	}
	err = Create(testOptions(half), created)
	if !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "did not finish") {
		t.Errorf("beside a creation that did not finish: error %v", err)
	}
}

func TestAStoreThatCouldNotBeMadeIsNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	no := errors.New("no")
	if err := Create(testOptions(dir), func(*Tx) (gate.Event, error) { return gate.Event{}, no }); !errors.Is(err, no) {
		t.Errorf("error %v", err)
	}
	if err := refused(t, dir, ErrMissing); !strings.Contains(err.Error(), dir) {
		t.Errorf("error %q", err)
	}
	if err := Create(testOptions(dir), created); err != nil {
		t.Errorf("a second attempt: %v", err)
	}
}

func TestAStoreOpensOnce(t *testing.T) {
	s := onDisk(t)
	err := refused(t, s.options.Dir, ErrLocked)
	if !strings.Contains(err.Error(), "caddy reload") || !strings.Contains(err.Error(), s.options.Dir) {
		t.Errorf("error %q", err)
	}
	if out := openElsewhere(t, s.options.Dir); !strings.Contains(out, ErrLocked.Error()) {
		t.Errorf("another process: %s", out)
	}
	update(t, s, newWorld(1).account) // nothing of this disturbed it
	closeStore(t, s)
	if out := openElsewhere(t, s.options.Dir); out != "opened" {
		t.Errorf("another process, after it was closed: %s", out)
	}
}

const elsewhere = "CERTGATE_TEST_OPEN"

// openElsewhere opens the store in a process of its own, which prints how that went.
func openElsewhere(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=TestOpenForAnotherProcess", "-test.v")
	cmd.Env = append(os.Environ(), elsewhere+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, said, found := strings.Cut(string(out), "said: ")
	if !found {
		t.Fatalf("it said nothing:\n%s", out)
	}
	said, _, _ = strings.Cut(said, "\n")
	return said
}

func TestOpenForAnotherProcess(t *testing.T) {
	dir := os.Getenv(elsewhere)
	if dir == "" {
		return // only for openElsewhere
	}
	s, err := Open(testOptions(dir))
	if err != nil {
		t.Log("said: " + err.Error())
		return
	}
	closeStore(t, s)
	t.Log("said: opened")
}

func TestAWrongSecretIsToldFromDamage(t *testing.T) {
	dir := made(t)
	o := testOptions(dir)
	o.Secret[31] ^= 1
	if _, err := Open(o); !errors.Is(err, ErrWrongSecret) || !strings.Contains(err.Error(), "secret_file") {
		t.Errorf("error %v", err)
	}
	// With the right secret, what looks like a wrong one is a changed file.
	name := filepath.Join(dir, storeName, "KEYREGISTRY")
	content := readFile(t, name)
	content[20] ^= 1
	writeFile(t, name, content)
	if err := refused(t, dir, ErrDamaged); !strings.Contains(err.Error(), "KEYREGISTRY") {
		t.Errorf("error %v", err)
	}
}

// Files that are gone, cut off or changed, whatever Badger would do about them.
func TestADamagedFileIsNamed(t *testing.T) {
	dir := made(t)
	sst := filepath.Base(tables(t, dir)[0])
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 0x10
			return b
		}
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	empty := func([]byte) []byte { return nil }
	rows := []struct {
		name, file string
		damage     func([]byte) []byte // nil: remove it
		want       string
	}{
		{"no table", sst, nil, sst},
		{"an empty table", sst, empty, sst},
		{"a table without its last byte", sst, cut(1), sst},
		{"a table without its last 8 bytes", sst, cut(8), sst},
		{"half a table", sst, func(b []byte) []byte { return b[:len(b)/2] }, sst},
		{"a bit in the first block", sst, flip(10), sst + ": block 0"},
		{"a bit in the index", sst, flip(-40), sst + ": its index"},
		{"a bit in the checksum", sst, flip(-6), sst},
		{"a bit in the last length", sst, flip(-4), sst},
		{"no manifest", "MANIFEST", nil, "MANIFEST"},
		{"an empty manifest", "MANIFEST", empty, "MANIFEST"},
		{"a bit in the manifest", "MANIFEST", flip(-3), "MANIFEST"},
		{"a manifest without its end", "MANIFEST", cut(3), ".sst"},
		{"a manifest that names no table", "MANIFEST", func(b []byte) []byte { return b[:8] }, "the head is missing"},
		{"no registry of keys", "KEYREGISTRY", nil, "KEYREGISTRY"},
		{"an empty registry of keys", "KEYREGISTRY", empty, "KEYREGISTRY"},
		{"a registry of keys without its end", "KEYREGISTRY", cut(5), "KEYREGISTRY"},
		{"no note of the newest commit", newestName, nil, newestName},
		{"an empty note", newestName, empty, newestName},
		{"a note without a MAC that fits", newestName, func(b []byte) []byte { return flip(noteStride + 40)(flip(40)(b)) }, newestName},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			bad := t.TempDir()
			if err := os.CopyFS(bad, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(bad, storeName, row.file)
			good := readFile(t, name)
			if row.damage == nil {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			} else {
				writeFile(t, name, row.damage(bytes.Clone(good)))
			}
			err := refused(t, bad, ErrDamaged)
			if !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "certgate restore") {
				t.Errorf("error %q, want %q in it", err, row.want)
			}
			// A start that fails destroys nothing: with the file as it was, the store opens.
			writeFile(t, name, good)
			openIn(t, bad)
		})
	}
}

func TestAnyBitOfATableCounts(t *testing.T) {
	dir := made(t)
	name := tables(t, dir)[0]
	good := readFile(t, name)
	key := dataKey(t, dir)
	if err := checkTable(name, key); err != nil {
		t.Fatal(err)
	}
	missed := 0
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		writeFile(t, name, bad)
		if checkTable(name, key) == nil {
			missed++
		}
		if at%16 == 0 {
			writeFile(t, name, good[:at])
			if checkTable(name, key) == nil {
				t.Errorf("%d bytes of %d pass", at, len(good))
			}
		}
	}
	if missed > 0 {
		t.Errorf("%d of %d bytes can change unnoticed", missed, len(good))
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

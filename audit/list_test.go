package audit_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/audit"
)

// appended is a file of n checkpoints, each followed by a blank line.
func appended(t *testing.T, n int64) (text []byte, want []audit.Checkpoint, vkey string) {
	t.Helper()
	signer, vkey, err := audit.NewKey("certgate/test", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	for size := range n {
		c := audit.Checkpoint{Origin: "certgate/test", Size: size + 1, Root: audit.LeafHash([]byte{byte(size)}),
			Time: time.Date(2027, 3, 1, 9, int(size), 0, 0, time.UTC)}
		signed, err := c.Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		text, want = append(append(text, signed...), '\n'), append(want, c)
	}
	return text, want, vkey
}

func TestCheckpointsThatWereAppendedAreReadInOrder(t *testing.T) {
	text, want, vkey := appended(t, 3)
	key, err := audit.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	one := append(bytes.TrimRight(text[:len(text)/3], "\n"), '\n')
	for name, row := range map[string]struct {
		text string
		want []audit.Checkpoint
	}{
		"three":          {string(text), want},
		"blank lines":    {"\n\n\n" + string(text) + "\n\n\n", want},
		"one alone":      {string(one), want[:1]},
		"nothing":        {"", nil},
		"only blank":     {"\n\n", nil},
		"without an end": {strings.TrimRight(string(text), "\n"), want},
	} {
		got, err := audit.ParseCheckpoints([]byte(row.text), key)
		if err != nil || !cmp.Equal(got, row.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAListWithABadCheckpointIsRefused(t *testing.T) {
	text, _, vkey := appended(t, 3)
	key, err := audit.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ text, want string }{
		"an edited size":    {strings.Replace(string(text), "\n2\n", "\n7\n", 1), "checkpoint 2:"},
		"no signature":      {"certgate/test\n1\n", "checkpoint 1: it has no signature"},
		"something else":    {"{\"size\": 1}\n\n{}\n", "checkpoint 1: it has no signature"},
		"another's":         {strings.ReplaceAll(string(text), "— certgate/test", "— certgate/other"), "checkpoint 1:"},
		"a missing newline": {strings.Replace(string(text), "\n\n", "\n", 1), "checkpoint 1:"},
		"a zero byte":       {strings.Replace(string(text), "\n2\n", "\n2\x00\n", 1), "checkpoint 2"},
	} {
		if got, err := audit.ParseCheckpoints([]byte(row.text), key); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, error %v, want %q in it", name, got, err, row.want)
		}
	}
}

func TestWhatWasBeingWrittenIsCutOff(t *testing.T) {
	text, want, vkey := appended(t, 3)
	key, err := audit.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	each := len(text) / 3
	for cut := range len(text) + 1 {
		whole := audit.WholeCheckpoints(text[:cut:cut])
		got, err := audit.ParseCheckpoints(whole, key)
		if n := cut / each; err != nil || len(whole) != n*each || !cmp.Equal(got, want[:n:n], cmp.Transformer("none", func(l []audit.Checkpoint) any {
			if len(l) == 0 {
				return nil
			}
			return [...]any{len(l), l[len(l)-1]}
		})) {
			t.Fatalf("cut at %d: %d bytes, %d checkpoints, %v; want %d", cut, len(whole), len(got), err, n)
		}
	}
}

package gate

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"
)

// published is the pattern that SECURITY.md gives to scanners.
var published = regexp.MustCompile(`\b(orpk|orpp|ort)_[0-9A-Za-z]{48}\b`)

func TestKeysAreFoundInAnyText(t *testing.T) {
	for e := Sandbox; e <= Production; e++ {
		key, _, err := NewKey(e, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		other := "0"
		if key[20] == '0' {
			other = "1"
		}
		for text, want := range map[string]int{
			key: 1, "KEY=" + key + "\n": 1, `{"k":"` + key + `"}`: 1, key + " " + key: 2, "x" + key: 0, key + "x": 0, "_" + key: 0,
			key[:20] + other + key[21:]: 0, key[:30]: 0, "": 0, strings.Repeat("_", 100): 0, "https://u:" + key + "@host/": 1,
		} {
			found := FindKeys(text)
			if len(found) != want {
				t.Errorf("%d keys in %q, want %d", len(found), text, want)
			}
			if len(found) > len(published.FindAllString(text, -1)) {
				t.Errorf("the published pattern does not find what is in %q", text)
			}
		}
	}
}

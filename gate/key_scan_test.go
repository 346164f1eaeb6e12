package gate

import (
	"crypto/rand"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// published is the pattern that SECURITY.md gives to scanners.
var published = func() *regexp.Regexp {
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		panic(err)
	}
	_, block, _ := strings.Cut(string(text), "Scanners recognize keys")
	_, block, _ = strings.Cut(block, "```\n")
	pattern, _, _ := strings.Cut(block, "\n```")
	return regexp.MustCompile(pattern)
}()

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
			if matches := published.FindAllString(text, -1); want > 0 && len(matches) != want || want == 0 && len(matches) > 0 && !slices.ContainsFunc(matches, damaged) {
				t.Errorf("the published pattern finds %q in %q", matches, text)
			}
			found := FindKeys(text)
			if len(found) != want {
				t.Errorf("%d keys in %q, want %d", len(found), text, want)
			}
		}
	}
}

// damaged reports whether a match has the form of a key and not its checksum, which only a scanner that computes it can see.
func damaged(match string) bool { return ParseKey(match).Shape == BadChecksum }

// Scanners name the environment by the tag alone.
func TestThePublishedPatternTellsEnvironmentsApart(t *testing.T) {
	for e := Sandbox; e <= Production; e++ {
		key, _, err := NewKey(e, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if m := published.FindStringSubmatch("Authorization: Bearer " + key); m == nil || m[1]+"_" != e.KeyTag() {
			t.Errorf("%s: %q", e, m)
		}
	}
}

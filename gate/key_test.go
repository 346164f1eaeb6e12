package gate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// golden are the keys that the bytes 0, 1, 2... make. A key printed by an older version is read by a newer one, so they never change.
// The checksums were computed by another implementation: zlib.crc32 of Python, written in base 62.
var golden = map[gate.Environment]string{
	gate.Sandbox:    "ort_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef4TLmEK",
	gate.Preprod:    "orpp_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef1erh7R",
	gate.Production: "orpk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef1mzSeD",
}

// announced is what code hosts and scanners look for; sandbox keys are left out on purpose.
var announced = regexp.MustCompile(`\borp[kp]_[0-9A-Za-z]{48}\b`)

func TestAKeyIsReadAsItWasMade(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := rapid.SampledFrom(environments).Draw(rt, "environment")
		random := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(rt, "random")
		key, handle, err := gate.NewKey(e, io.MultiReader(strings.NewReader(string(random)), &counter{}))
		if err != nil {
			rt.Fatal(err)
		}
		want := gate.PresentedKey{Shape: gate.WellFormed, Environment: e, Handle: handle, Text: key}
		if got := gate.ParseKey(key); got != want {
			rt.Fatalf("%q is read as shape %d of %s with handle %s, want handle %s", key, got.Shape, got.Environment, got.Handle, handle)
		}
		if found := announced.FindString("key=" + key + ";"); (found == key) != (e != gate.Sandbox) {
			rt.Fatalf("%q: scanners find %q", key, found)
		}
		if !gate.ContainsKey("key=" + key + "&x") {
			rt.Fatalf("%q is not found in a text", key)
		}
	})
}

func TestEachCharacterOfAKeyIsEquallyLikely(t *testing.T) {
	counts := map[byte]int{}
	source := rand.NewChaCha8([32]byte{}) // the same bytes each time
	const keys = 62 * 31                  // of 42 characters each
	for range keys {
		key, _, err := gate.NewKey(gate.Sandbox, source)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []byte(key[4:46]) {
			counts[c]++
		}
	}
	if len(counts) != 62 {
		t.Errorf("%d different characters, want 62", len(counts))
	}
	for c, n := range counts {
		if mean := keys * 42 / 62; n < mean*85/100 || n > mean*115/100 { // four times the standard deviation
			t.Errorf("%q occurs %d times, the mean is %d", c, n, mean)
		}
	}
}

func TestABytePastTheLastMultipleOf62IsDrawnAgain(t *testing.T) {
	high := strings.Repeat("\xf8\xff", 32)
	key, _, err := gate.NewKey(gate.Production, io.MultiReader(strings.NewReader(high), &counter{}))
	if err != nil || key != printed(gate.Production) {
		t.Errorf("%q, %v; want the same key as without bytes from 248 up", key, err)
	}
}

func TestANewKeyFailsWithoutRandomnessOrEnvironment(t *testing.T) {
	broken := errors.New("broken")
	if key, handle, err := gate.NewKey(gate.Production, iotest.ErrReader(broken)); !errors.Is(err, broken) || key+handle != "" {
		t.Errorf("a broken reader: %q, %q, %v", key, handle, err)
	}
	if key, _, err := gate.NewKey(gate.Production, strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) || key != "" {
		t.Errorf("a short reader: %q, %v", key, err)
	}
	for _, e := range []gate.Environment{-1, gate.NoEnvironment, gate.Production + 1} {
		if key, _, err := gate.NewKey(e, &counter{}); !errors.Is(err, gate.Invalid) || key != "" {
			t.Errorf("environment %d: %q, %v", e, key, err)
		}
	}
}

func TestAnyOneCharacterChangedIsNoticed(t *testing.T) {
	for _, e := range environments {
		key := printed(e)
		for i := range len(key) {
			for c := range 256 {
				other := key[:i] + string([]byte{byte(c)}) + key[i+1:]
				if got := gate.ParseKey(other); other != key && got.Shape == gate.WellFormed {
					t.Fatalf("%q, one character from %q, is well-formed", other, key)
				}
			}
			if got := gate.ParseKey(key[:i] + key[i+1:]); got.Shape == gate.WellFormed {
				t.Errorf("%q without character %d is well-formed", key, i)
			}
			if i > 0 && key[i] != key[i-1] {
				swapped := key[:i-1] + key[i:i+1] + key[i-1:i] + key[i+1:]
				if got := gate.ParseKey(swapped); got.Shape == gate.WellFormed {
					t.Errorf("%q with characters %d and %d swapped is well-formed", key, i-1, i)
				}
			}
		}
	}
}

// untagged is a key without its tag, with the checksum that it would then have, from Python as those above.
const untagged = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef2P40Ol"

func TestWhatBeginsLikeAKeyIsFoundInText(t *testing.T) {
	body := strings.Repeat("a", 42)
	for text, want := range map[string]bool{
		"orpk_" + body:                       true, // the checksum was cut off
		"see orpp_" + body + ".":             true,
		"ort_x ort_" + body:                  true,
		"orpk_" + body[1:]:                   false,
		"orpk_" + body[1:] + "-" + body:      false,
		body:                                 false,
		"":                                   false,
		"orpk_orpk_" + body[1:] + " orpk_aa": false,
	} {
		if got := gate.ContainsKey(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestAKeyShowsItsShape(t *testing.T) {
	key := printed(gate.Production)
	rows := []struct {
		text string
		want gate.KeyShape
	}{
		{"", gate.NoKey},
		{key, gate.WellFormed},
		{changed(key), gate.BadChecksum},
		{"orpp_" + key[5:], gate.BadChecksum}, // another tag needs another checksum
		{key + "0", gate.Malformed},
		{key[:len(key)-1], gate.Malformed},
		{key[:20] + "-" + key[21:], gate.Malformed},
		{"ORPK_" + key[5:], gate.Foreign},
		{" " + key, gate.Malformed},
		{key + " ", gate.Malformed},
		{key + "\n", gate.Malformed},
		{key + "," + key, gate.Malformed},
		{"orpk_", gate.Malformed},
		{untagged, gate.Foreign}, // its checksum is right, but it is of no environment
		{"secret", gate.Malformed},
		{strings.Repeat("x", 1<<20), gate.Malformed},
		{strings.Repeat("x", 19), gate.Malformed},
		{strings.Repeat("x", 20), gate.Foreign},
		{strings.Repeat("~", 8192), gate.Foreign},
		{strings.Repeat("x", 8193), gate.Malformed},
		{strings.Repeat("x", 20) + "\x7f", gate.Malformed},
		{strings.Repeat("x", 20) + "é", gate.Malformed},
		{strings.Repeat("x", 20) + " x", gate.Malformed},
	}
	for _, row := range rows {
		got := gate.ParseKey(row.text)
		if got.Shape != row.want {
			t.Errorf("%.60q: shape %d, want %d", row.text, got.Shape, row.want)
		}
		text := ""
		if row.want == gate.Foreign {
			text = row.text
		}
		if got.Shape != gate.WellFormed && (got != gate.PresentedKey{Shape: got.Shape, Text: text}) {
			t.Errorf("%.60q: not well-formed and yet something was read from it", row.text)
		}
	}
}

func TestAKeyMadeFromKnownBytesNeverChanges(t *testing.T) {
	for e, want := range golden {
		if got := printed(e); got != want {
			t.Errorf("%s: %s, want %s", e, got, want)
		}
		if got := gate.ParseKey(want); got.Shape != gate.WellFormed || got.Handle != "0123456789" {
			t.Errorf("%s: shape %d, handle %q", e, got.Shape, got.Handle)
		}
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	key := gate.ParseKey(printed(gate.Production))
	secret := key.Text[15:47]
	type holder struct {
		Key     gate.PresentedKey
		Pointer *gate.PresentedKey
		List    []gate.PresentedKey
	}
	all := holder{key, &key, []gate.PresentedKey{key}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%T", "%20s"} {
		for _, value := range []any{key, &key, all, []any{key}, map[string]any{"key": key}, fmt.Errorf("refused: %v", key)} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T shows the secret: %s", verb, value, text)
			}
		}
	}
	text, err := json.Marshal(all)
	if err != nil || strings.Contains(string(text), secret) || !strings.Contains(string(text), "orpk_0123456789...") {
		t.Errorf("JSON: %s, %v", text, err)
	}
	if got := key.String(); got != "orpk_0123456789..." {
		t.Errorf("String: %q", got)
	}
}

func TestReadingAKeyDoesNotAllocate(t *testing.T) {
	s, key := good(t, gate.Production), printed(gate.Production)
	for name, read := range map[string]func(){
		"ParseKey": func() { gate.ParseKey(key) },
		"Key":      func() { s.r.Key() },
		"Present":  func() { s.r.Present() },
	} {
		if n := testing.AllocsPerRun(100, read); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestARequestPresentsExactlyOneKey(t *testing.T) {
	key := printed(gate.Production)
	hidden := "%6Frpk_" + key[5:]
	rows := []struct {
		name  string
		edit  func(r *gate.Request)
		want  gate.KeyShape
		fault bool
	}{
		{"bearer", func(r *gate.Request) { r.Authorization = []string{"Bearer " + key} }, gate.WellFormed, false},
		{"bearer in another case", func(r *gate.Request) { r.Authorization = []string{"bEARER " + key} }, gate.WellFormed, false},
		{"bearer and more blanks", func(r *gate.Request) { r.Authorization = []string{"Bearer   " + key} }, gate.WellFormed, false},
		{"bearer and a tab", func(r *gate.Request) { r.Authorization = []string{"Bearer\t" + key} }, gate.NoKey, false},
		{"bearer and no key", func(r *gate.Request) { r.Authorization = []string{"Bearer"} }, gate.NoKey, false},
		{"bearer and a blank", func(r *gate.Request) { r.Authorization = []string{"Bearer "} }, gate.NoKey, false},
		{"bearer and two keys", func(r *gate.Request) { r.Authorization = []string{"Bearer " + key + " " + key} }, gate.Malformed, false},
		{"bearer and a list", func(r *gate.Request) { r.Authorization = []string{"Bearer " + key + ", Bearer " + key} }, gate.Malformed, false},
		{"a bare key", func(r *gate.Request) { r.Authorization = []string{key} }, gate.NoKey, false},
		{"another scheme", func(r *gate.Request) { r.Authorization = []string{"Basic " + key} }, gate.NoKey, false},
		{"a scheme that begins alike", func(r *gate.Request) { r.Authorization = []string{"BearerX " + key} }, gate.NoKey, false},
		{"nothing", func(*gate.Request) {}, gate.NoKey, false},
		{"the configured header", func(r *gate.Request) { r.KeyHeader = []string{key} }, gate.WellFormed, false},
		{"the configured header, empty", func(r *gate.Request) { r.KeyHeader = []string{""} }, gate.NoKey, false},
		{"the configured header with a scheme", func(r *gate.Request) { r.KeyHeader = []string{"Bearer " + key} }, gate.Malformed, false},
		{"the same key twice", func(r *gate.Request) { r.Authorization = []string{"Bearer " + key, "Bearer " + key} }, gate.NoKey, true},
		{"in both headers", func(r *gate.Request) { r.Authorization, r.KeyHeader = []string{"Bearer " + key}, []string{key} }, gate.NoKey, true},
		{"in one of both headers", func(r *gate.Request) { r.Authorization, r.KeyHeader = []string{"Basic x"}, []string{key} }, gate.NoKey, true},
		{"in two configured headers", func(r *gate.Request) { r.KeyHeader = []string{key, ""} }, gate.NoKey, true},
		{"access_token", func(r *gate.Request) { r.Query = "access_token=x" }, gate.NoKey, true},
		{"access_token behind others", func(r *gate.Request) { r.Query = "a=b&&Access_Token" }, gate.NoKey, true},
		{"access_token encoded", func(r *gate.Request) { r.Query = "a=b&access%5Ftoken=x" }, gate.NoKey, true},
		{"access_token encoded from its start", func(r *gate.Request) { r.Query = "%61ccess_token=x" }, gate.NoKey, true},
		{"access_token behind a semicolon", func(r *gate.Request) { r.Query = "a=b;access_token=x" }, gate.NoKey, true},
		{"access_token as a value", func(r *gate.Request) { r.Query = "sort=access_token" }, gate.NoKey, false},
		{"a name that begins alike", func(r *gate.Request) { r.Query = "access_tokens=x" }, gate.NoKey, false},
		{"a key in the query", func(r *gate.Request) { r.Query = "x=" + key }, gate.NoKey, true},
		{"a key in the query and the header", func(r *gate.Request) {
			r.Query, r.Authorization = "x="+key, []string{"Bearer " + key}
		}, gate.NoKey, true},
		{"a key in the query, encoded", func(r *gate.Request) { r.Query = "x=" + hidden }, gate.NoKey, true},
		{"a key in the query beside a bad escape", func(r *gate.Request) { r.Query = "y=%&x=" + key }, gate.NoKey, true},
		{"a key in the query as a name", func(r *gate.Request) { r.Query = key }, gate.NoKey, true},
		{"a key in the query with a wrong checksum", func(r *gate.Request) { r.Query = "x=" + changed(key) }, gate.NoKey, true},
		{"a sandbox key in the query", func(r *gate.Request) { r.Query = "x=" + printed(gate.Sandbox) }, gate.NoKey, true},
		{"a tag in the query", func(r *gate.Request) { r.Query = "x=orpk_" }, gate.NoKey, false},
	}
	for _, row := range rows {
		var r gate.Request
		row.edit(&r)
		if got, fault := r.Key(); got.Shape != row.want || fault != row.fault {
			t.Errorf("%s: shape %d, fault %t, want %d, %t", row.name, got.Shape, fault, row.want, row.fault)
		}
	}
}

func TestAKeyEndsForGoodWhenItIsRevoked(t *testing.T) {
	key := gate.Key{ID: "key_1", RetireAt: new(noon.Add(time.Hour))}
	revoked, err := key.Revoke(gate.Revocation{At: noon, Reason: gate.KeyCompromise, Why: "found in a repository"})
	if err != nil || revoked.State(noon) != gate.Revoked || revoked.State(noon.Add(-time.Hour)) != gate.Revoked {
		t.Errorf("revoked: %s, %v", revoked.State(noon), err)
	}
	if key.Revoked != nil {
		t.Error("revoking changed the key that it was asked of")
	}
	again, err := revoked.Revoke(gate.Revocation{At: noon.Add(time.Hour), Reason: gate.Superseded})
	if !errors.Is(err, gate.Conflict) || again.Revoked != revoked.Revoked {
		t.Errorf("twice: %v", err)
	}
}

func TestTheStatesOfAKey(t *testing.T) {
	rows := []struct {
		key  gate.Key
		at   time.Time
		want gate.CredentialState
		live bool
	}{
		{gate.Key{}, noon, gate.Active, true},
		{gate.Key{RetireAt: &noon}, noon.Add(-1), gate.Retiring, true},
		{gate.Key{RetireAt: &noon}, noon, gate.Expired, false},
		{gate.Key{RetireAt: &noon, Revoked: revokedAt(noon)}, noon.Add(-1), gate.Revoked, false},
	}
	for i, row := range rows {
		if got := row.key.State(row.at); got != row.want || got.Live() != row.live {
			t.Errorf("row %d: %s, live %t, want %s, live %t", i, got, got.Live(), row.want, row.live)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, e := range environments {
		f.Add(printed(e))
		f.Add(changed(printed(e)))
	}
	f.Add("")
	f.Add("orpk_")
	f.Add("Bearer orpk_" + strings.Repeat("0", 48))
	f.Fuzz(func(t *testing.T, text string) {
		key := gate.ParseKey(text)
		if key.Shape == gate.Foreign {
			if err := gate.CheckToken(text); err != nil && !gate.ContainsKey(text) || key != (gate.PresentedKey{Shape: gate.Foreign, Text: text}) {
				t.Fatalf("%q is looked up as a token and cannot be imported as one: %v", text, err)
			}
			return
		}
		if gate.CheckToken(text) == nil {
			t.Fatalf("%q can be imported and would never be found", text)
		}
		if key.Shape != gate.WellFormed {
			if key.Text != "" || key.Handle != "" || key.Environment != gate.NoEnvironment {
				t.Fatalf("%q is not well-formed, and yet %v was read from it", text, key)
			}
			return
		}
		tag := key.Environment.KeyTag()
		if key.Text != text || !strings.HasPrefix(text, tag+key.Handle) || !gate.ContainsKey(text) {
			t.Fatalf("%q is read as %v", text, key)
		}
		// The random part alone makes the whole key again.
		drawn := text[len(tag) : len(text)-6]
		again, handle, err := gate.NewKey(key.Environment, &spelled{text: drawn})
		if err != nil || again != text || handle != key.Handle {
			t.Fatalf("%q is printed again as %q with handle %q, %v", text, again, handle, err)
		}
	})
}

// spelled is a source of bytes from which a key with the given random part is drawn.
type spelled struct{ text string }

func (s *spelled) Read(p []byte) (int, error) {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for i := range p {
		p[i] = 0
		if i < len(s.text) {
			p[i] = byte(strings.IndexByte(digits, s.text[i]))
		}
	}
	return len(p), nil
}

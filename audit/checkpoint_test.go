package audit_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/onerecord/certgate/audit"
)

const origin = "certgate/example"

var dawn = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// newKey makes the key of a log out of one byte.
func newKey(t testing.TB, name string, b byte) (note.Signer, string) {
	t.Helper()
	signer, vkey, err := audit.NewKey(name, [ed25519.SeedSize]byte{b})
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

func parseKey(t testing.TB, vkey string) note.Verifiers {
	t.Helper()
	key, err := audit.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, c audit.Checkpoint, signer note.Signer) []byte {
	t.Helper()
	signed, err := c.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// signText signs a text that need not be a checkpoint's.
func signText(t testing.TB, text string, signers ...note.Signer) []byte {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func example() audit.Checkpoint {
	return audit.Checkpoint{Origin: origin, Size: 2, Root: audit.LeafHash([]byte("any")), Time: dawn}
}

// Stored checkpoints and those that are held outside must stay readable, so neither text nor signature may change.
func TestCheckpointIsSpelledAsEver(t *testing.T) {
	signer, vkey := newKey(t, origin, 1)
	const wantKey = "certgate/example+a84dd6b3+Ac7MFQfcHd1ylZUcKQiI8JWtuQRNG3PWlubfBl1oO9T8"
	const want = "certgate/example\n2\n6OSuxgnE9idQUO2uwK/6nY+zyVJmc5ROiYTUrtMjgtE=\ntime 2027-03-01T09:00:00Z\n\n" +
		"— certgate/example qE3Ws8MSO13L7e+eJ96CEjl9ZNEGN+ksV1ydyWSEjMk+n2kBasBz6Q6jHAgaBv0vT1lb1b3FiLcNcCNjCMvEBDN2UQE=\n"
	if vkey != wantKey {
		t.Errorf("verifier key %s, want %s", vkey, wantKey)
	}
	if diff := cmp.Diff(want, string(sign(t, example(), signer))); diff != "" {
		t.Errorf("the signed checkpoint (-want +got):\n%s", diff)
	}
}

func TestCheckpointIsReadBackAsItWasSigned(t *testing.T) {
	signer, vkey := newKey(t, origin, 1)
	var empty audit.Tree
	for name, c := range map[string]audit.Checkpoint{
		"with a time":       example(),
		"without":           {Origin: origin, Size: 1 << 40, Root: audit.LeafHash(nil)},
		"of nothing":        {Origin: origin, Root: empty.Root(), Time: dawn},
		"to the nanosecond": {Origin: origin, Size: 1, Time: dawn.Add(1)},
	} {
		got, err := audit.ParseCheckpoint(sign(t, c, signer), parseKey(t, vkey))
		if err != nil || !cmp.Equal(got, c) {
			t.Errorf("%s: %v, %s", name, err, cmp.Diff(c, got))
		}
	}
	there := example()
	there.Time = there.Time.In(time.FixedZone("", -5*3600))
	got, err := audit.ParseCheckpoint(sign(t, there, signer), parseKey(t, vkey))
	if err != nil || got.Time.Location() != time.UTC || !got.Time.Equal(dawn) {
		t.Errorf("a time of another zone is read back as %s (%v), want %s", got.Time, err, dawn)
	}
}

func TestOtherToolsReadTheCheckpoint(t *testing.T) {
	signer, vkey := newKey(t, origin, 1)
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := note.Open(sign(t, example(), signer), note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(opened.Text, "\n")
	root := example().Root
	want := []string{origin, "2", base64.StdEncoding.EncodeToString(root[:]), "time 2027-03-01T09:00:00Z", ""}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if signer.Name() != origin || len(opened.Sigs) != 1 {
		t.Errorf("signed by %q, %d signatures", signer.Name(), len(opened.Sigs))
	}
}

// The text is the example of C2SP's tlog-checkpoint, signed by another program.
func TestCheckpointOfAnotherLogIsNamed(t *testing.T) {
	const signed = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
		"— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
	_, vkey := newKey(t, origin, 1)
	_, err := audit.ParseCheckpoint([]byte(signed), parseKey(t, vkey))
	if want := `signed by "example.com/behind-the-sofa" (key hash 033de0ae)`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one that says %q", err, want)
	}
}

func TestSignaturesOfWitnessesMayStandBeside(t *testing.T) {
	signer, vkey := newKey(t, origin, 1)
	witness, witnessKey := newKey(t, "witness.example", 2)
	signed := sign(t, example(), signer)
	text, _, _ := strings.Cut(string(signed), "\n\n")
	both := signText(t, text+"\n", witness, signer)

	got, err := audit.ParseCheckpoint(both, parseKey(t, vkey))
	if err != nil || !cmp.Equal(got, example()) {
		t.Errorf("with a witness: %v, %s", err, cmp.Diff(example(), got))
	}
	first, err1 := note.NewVerifier(vkey)
	second, err2 := note.NewVerifier(witnessKey)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if _, err := audit.ParseCheckpoint(both, note.VerifierList(first, second)); err == nil {
		t.Error("a checkpoint with two known signatures was taken")
	}
}

func TestParseCheckpointRefusesWhatIsNotOne(t *testing.T) {
	signer, vkey := newKey(t, origin, 1)
	other, _ := newKey(t, origin, 2)
	root := audit.LeafHash([]byte("any")).String()
	good := origin + "\n2\n" + root + "\n"
	rows := []struct{ name, text, want string }{
		{"two lines", origin + "\n2\n", "2 lines; the text has at least origin, size and root"},
		{"another log", "certgate/other\n2\n" + root + "\n", `is of the log "certgate/other" and signed by the key of "certgate/example"`},
		{"an origin with a space", "cert gate\n2\n" + root + "\n", `origin "cert gate"`},
		{"a size with a zero in front", origin + "\n02\n" + root + "\n", `size "02"`},
		{"a size with a sign", origin + "\n+2\n" + root + "\n", `size "+2"`},
		{"a negative size", origin + "\n-2\n" + root + "\n", "a checkpoint of -2 events"},
		{"a size beyond all", origin + "\n9223372036854775807\n" + root + "\n", "a checkpoint of 9223372036854775807 events"},
		{"a short root", origin + "\n2\nAAAA\n", `root "AAAA" is not 32 bytes`},
		{"a root with bits left over", origin + "\n2\n" + strings.Repeat("A", 42) + "B=\n", "is not 32 bytes in Base64"},
		{"a root for nothing", origin + "\n0\n" + root + "\n", "a checkpoint of no events has the root"},
		{"an empty line", good + "\nmore\n", "an empty line in its text"},
		{"a date that is not", good + "time 2027-02-29T09:00:00Z\n", `time "2027-02-29T09:00:00Z"`},
		{"a time in a zone", good + "time 2027-03-01T09:00:00+01:00\n", `time "2027-03-01T09:00:00+01:00"`},
		{"a time spelled otherwise", good + "time 2027-03-01T09:00:00.0Z\n", `time "2027-03-01T09:00:00.0Z"`},
		{"two times", good + strings.Repeat("time 2027-03-01T09:00:00Z\n", 2), "it has two times"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := audit.ParseCheckpoint(signText(t, row.text, signer), parseKey(t, vkey))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%+v, error %v, want one that says %q", got, err, row.want)
			}
		})
	}
	for name, signed := range map[string][]byte{
		"nothing":                 nil,
		"no signature":            []byte(good + "\n"),
		"another's signature":     signText(t, good, other),
		"a text that was changed": []byte(strings.Replace(string(signText(t, good, signer)), "\n2\n", "\n3\n", 1)),
		"too long":                signText(t, good+strings.Repeat("x", 64<<10)+"\n", signer),
	} {
		if _, err := audit.ParseCheckpoint(signed, parseKey(t, vkey)); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	got, err := audit.ParseCheckpoint(signText(t, good+"an extension\n", signer), parseKey(t, vkey))
	if err != nil || got.Size != 2 {
		t.Errorf("with an extension line of others: %+v, %v", got, err)
	}
}

func TestSignRefusesWhatCouldNotBeRead(t *testing.T) {
	signer, _ := newKey(t, origin, 1)
	edit := func(f func(*audit.Checkpoint)) audit.Checkpoint {
		c := example()
		f(&c)
		return c
	}
	for name, c := range map[string]audit.Checkpoint{
		"the zero value":   {},
		"another origin":   edit(func(c *audit.Checkpoint) { c.Origin = "certgate/other" }),
		"two lines":        edit(func(c *audit.Checkpoint) { c.Origin = "a\n9" }),
		"a negative size":  edit(func(c *audit.Checkpoint) { c.Size = -1 }),
		"no events":        edit(func(c *audit.Checkpoint) { c.Size = 0 }),
		"the year 10,000":  edit(func(c *audit.Checkpoint) { c.Time = c.Time.AddDate(8000, 0, 0) }),
		"a year before 1 ": edit(func(c *audit.Checkpoint) { c.Time = c.Time.AddDate(-3000, 0, 0) }),
	} {
		if signed, err := c.Sign(signer); err == nil {
			t.Errorf("%s: signed as\n%s", name, signed)
		}
	}
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	for _, name := range []string{"", "a b", "a+b", "a\nb", "ä", strings.Repeat("a", 256)} {
		if _, _, err := audit.NewKey(name, [ed25519.SeedSize]byte{}); err == nil {
			t.Errorf("a key was made for origin %q", name)
		}
	}
	_, vkey := newKey(t, origin, 1)
	for _, line := range []string{"", origin, vkey[:len(vkey)-4], strings.Replace(vkey, "example", "other", 1), vkey + "\n", " " + vkey} {
		if _, err := audit.ParseKey(line); err == nil {
			t.Errorf("the verifier key %q was taken", line)
		}
	}
}

// Whatever is parsed was signed, and says what its first lines say.
func FuzzParseCheckpoint(f *testing.F) {
	signer, vkey := newKey(f, origin, 1)
	key := parseKey(f, vkey)
	f.Add("")
	f.Add(origin + "\n2\n" + audit.LeafHash(nil).String() + "\ntime 2027-03-01T09:00:00Z\nmore\n")
	f.Add(string(sign(f, example(), signer)))
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := audit.ParseCheckpoint([]byte(text), key); err == nil && !cmp.Equal(got, example()) {
			t.Fatalf("a forged checkpoint was taken: %+v", got)
		}
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			return
		}
		got, err := audit.ParseCheckpoint(signed, key)
		if err != nil {
			return
		}
		again, err := audit.ParseCheckpoint(sign(t, got, signer), key)
		if err != nil || !cmp.Equal(got, again) {
			t.Fatalf("%q is read as %+v and then as %+v (%v)", text, got, again, err)
		}
	})
}

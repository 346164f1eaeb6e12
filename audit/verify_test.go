package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/audit"
)

// book is a log of events that name records, with its key, as the store and the authority keep it.
type book struct {
	log
	signer      note.Signer
	vkey        string
	checkpoints [][]byte
	records     map[string]audit.Hash
}

func newBook(t testing.TB) *book {
	t.Helper()
	signer, vkey := newKey(t, origin, 1)
	return &book{signer: signer, vkey: vkey, records: map[string]audit.Hash{}}
}

// happen adds an event that writes text into a record of kind note.
func (b *book) happen(t rapid.TB, id, text string) {
	b.records[id] = sha256.Sum256([]byte(text))
	after := b.records[id]
	b.append(t, fmt.Appendf(nil, `{"seq":%d,"why":"<%s> \"&\" ü","changes":[{"kind":"note","id":%q,"after":"%s"}]}`,
		b.tree.Size(), text, id, hex.EncodeToString(after[:])))
}

// now is the checkpoint of all events so far.
func (b *book) now() audit.Checkpoint {
	return audit.Checkpoint{Origin: origin, Size: b.tree.Size(), Root: b.tree.Root(), Time: dawn.Add(time.Duration(b.tree.Size()) * time.Minute)}
}

func (b *book) checkpoint(t rapid.TB) {
	signed, err := b.now().Sign(b.signer)
	if err != nil {
		t.Fatal(err)
	}
	b.checkpoints = append(b.checkpoints, signed)
}

// written is a book of size events with a checkpoint after every few and at the end.
func written(t testing.TB, size, every int) *book {
	t.Helper()
	b := newBook(t)
	for n := range size {
		b.happen(t, fmt.Sprintf("n%d", n%7), fmt.Sprintf("text %d", n))
		if (n+1)%every == 0 || n+1 == size {
			b.checkpoint(t)
		}
	}
	return b
}

func each(leaves [][]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, leaf := range leaves {
			if !yield(leaf, nil) {
				return
			}
		}
	}
}

func (b *book) export(t rapid.TB) []byte {
	var file bytes.Buffer
	h := audit.Header{Origin: origin, Vkey: b.vkey, Created: dawn, Events: b.tree.Size()}
	if err := audit.WriteExport(&file, h, each(b.leaves), b.checkpoints); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func (b *book) verify(file []byte, outside ...audit.Checkpoint) (audit.Report, error) {
	return audit.Verify(bytes.NewReader(file), audit.Options{Vkey: b.vkey, Outside: outside})
}

func TestAWholeExportVerifies(t *testing.T) {
	b := newBook(t)
	var outside []audit.Checkpoint
	for n := range 25 {
		b.happen(t, "n", fmt.Sprint(n))
		if n == 9 || n == 24 {
			b.checkpoint(t)
		}
		if n == 4 || n == 19 { // known outside only
			outside = append([]audit.Checkpoint{b.now()}, outside...)
		}
	}
	report, err := b.verify(b.export(t), outside...)
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Report{
		Origin: origin, Events: 25, Root: b.tree.Root(), Checkpoints: 2, Newest: b.now(), OutsideSeen: 2, OutsideNewest: outside[0],
	}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	const text = "certgate/example: 25 events, 2 checkpoints in the log\n" +
		"It begins with each of 2 outside checkpoints; the newest covers 20 of the 25 events."
	if report.String() != text {
		t.Errorf("the report says\n%s\nwant\n%s", report, text)
	}
}

func TestTheReportSaysThatNothingFromOutsideWasSeen(t *testing.T) {
	b := written(t, 5, 2)
	report, err := b.verify(b.export(t))
	if err != nil || report.OutsideSeen != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if !strings.Contains(report.String(), "No outside checkpoint was given") {
		t.Errorf("the report says\n%s", report)
	}
}

func TestExportIsSpelledAsEver(t *testing.T) {
	b := newBook(t)
	b.checkpoint(t)
	b.happen(t, "n", "x")
	b.checkpoint(t)
	file := string(b.export(t))
	leaf := string(b.leaves[0])
	want := `{"format":"certgate-audit-1","origin":"certgate/example","vkey":"` + b.vkey + `","created":"2027-03-01T09:00:00Z","events":1,"checkpoints":2}
{"checkpoint":` + quote(string(b.checkpoints[0])) + `}
{"event":` + quote(leaf) + `,"hash":"` + audit.LeafHash([]byte(leaf)).String() + `"}
{"checkpoint":` + quote(string(b.checkpoints[1])) + `}
`
	if diff := cmp.Diff(want, file); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
	if _, err := b.verify([]byte(file), b.now()); err != nil {
		t.Error(err)
	}
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// bad is the event that the error names; -1 if it names none.
func bad(err error) (first, last int64) {
	if e, ok := errors.AsType[*audit.BadEventsError](err); ok {
		return e.First, e.Last
	}
	return -1, -1
}

// Whoever has no signing key can only make the file another's or older; each byte but the date of the export is covered.
func TestNoByteOfAnExportCanBeChanged(t *testing.T) {
	b := written(t, 2, 2)
	file := b.export(t)
	if _, err := b.verify(file); err != nil {
		t.Fatal(err)
	}
	created := bytes.Index(file, []byte(dawn.Format(time.RFC3339)))
	for i := range file {
		if i >= created && i < created+len(dawn.Format(time.RFC3339)) {
			continue
		}
		for bit := range 8 {
			changed := bytes.Clone(file)
			changed[i] ^= 1 << bit
			if _, err := b.verify(changed); err == nil {
				t.Fatalf("byte %d of the export, bit %d: the change went unnoticed", i, bit)
			}
		}
	}
}

func TestNoLineOfAnExportCanBeDroppedDoubledOrMoved(t *testing.T) {
	b := written(t, 6, 3)
	file := b.export(t)
	lines := bytes.SplitAfter(file, []byte("\n"))
	lines = lines[:len(lines)-1]
	judge := func(what string, i int, lines [][]byte) {
		_, err := b.verify(bytes.Join(lines, nil))
		if err == nil {
			t.Errorf("line %d %s: went unnoticed", i+1, what)
		}
	}
	for i := range lines {
		judge("dropped", i, slices.Delete(slices.Clone(lines), i, i+1))
		judge("doubled", i, slices.Insert(slices.Clone(lines), i, lines[i]))
		judge("and all after it dropped", i, lines[:i])
		for j := i + 1; j < len(lines); j++ {
			moved := slices.Clone(lines)
			moved[i], moved[j] = moved[j], moved[i]
			judge(fmt.Sprintf("swapped with line %d", j+1), i, moved)
		}
	}
	for end := range file {
		if _, err := b.verify(file[:end]); err == nil {
			t.Fatalf("an export cut after %d bytes went unnoticed", end)
		}
	}
}

// What is done to a log goes through WriteExport, as a store that lies would write it: hashes beside events and counts in the header are right.
func TestADamagedLogIsNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(2, 60).Draw(t, "size")
		every := rapid.IntRange(1, 20).Draw(t, "events between checkpoints")
		signer, vkey, err := audit.NewKey(origin, [32]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		b := &book{signer: signer, vkey: vkey, records: map[string]audit.Hash{}}
		for n := range size {
			b.happen(t, "n", fmt.Sprint(n))
			if (n+1)%every == 0 || n+1 == size {
				b.checkpoint(t)
			}
		}
		victim := rapid.IntRange(0, size-1).Draw(t, "victim")
		switch rapid.SampledFrom([]string{"flip", "delete", "swap", "truncate"}).Draw(t, "damage") {
		case "flip":
			b.leaves[victim] = bytes.Replace(b.leaves[victim], []byte("why"), []byte("WHY"), 1)
			_, err := b.verify(b.export(t))
			first, last := bad(err)
			if from := victim / every * every; first != int64(from) || last != min(int64(from+every), int64(size))-1 {
				t.Fatalf("event %d of %d was changed; the error names %d to %d: %v", victim, size, first, last, err)
			}
		case "delete":
			b.leaves = slices.Delete(b.leaves, victim, victim+1)
			b.named(t, victim)
		case "swap":
			other := rapid.IntRange(0, size-1).Draw(t, "other")
			if victim == other {
				return
			}
			b.leaves[victim], b.leaves[other] = b.leaves[other], b.leaves[victim]
			b.named(t, min(victim, other))
		case "truncate":
			b.leaves = b.leaves[:victim]
			b.named(t, victim)
		}
	})
}

// named verifies an export made of what is left, without the writer's own checks, and wants event n named.
func (b *book) named(t *rapid.T, n int) {
	v, err := audit.NewVerifier(audit.Options{Vkey: b.vkey, Outside: []audit.Checkpoint{b.now()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range b.leaves {
		if err = v.Event(leaf); err != nil {
			break
		}
	}
	report, finished := v.Finish()
	if err != nil && !errors.Is(finished, err) {
		t.Fatalf("Finish says %v, want the first error %v", finished, err)
	}
	if first, _ := bad(finished); first != int64(n) || report.Events != int64(n) {
		t.Fatalf("the error names event %d after %d, want %d: %v", first, report.Events, n, finished)
	}
}

// Somebody who has the signing key writes another history, or takes the store back to an older day.
func TestOnlyAnOutsideCheckpointTellsRewrittenFromTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		signer, vkey, err := audit.NewKey(origin, [32]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		size := rapid.IntRange(2, 40).Draw(t, "size")
		seen := rapid.IntRange(1, size).Draw(t, "size that was seen outside")
		truth := &book{signer: signer, vkey: vkey, records: map[string]audit.Hash{}}
		var outside audit.Checkpoint
		for n := range size {
			truth.happen(t, "n", fmt.Sprint(n))
			if n+1 == seen {
				outside = truth.now()
			}
		}
		forged := &book{signer: signer, vkey: vkey, records: map[string]audit.Hash{}}
		rollback := rapid.Bool().Draw(t, "rolled back")
		bad0 := rapid.IntRange(0, seen-1).Draw(t, "first event that is not the true one")
		for n := range size {
			if rollback && n == bad0 {
				break
			}
			text := fmt.Sprint(n)
			if n == bad0 {
				text = "forged"
			}
			forged.happen(t, "n", text)
		}
		forged.checkpoint(t)
		file := forged.export(t)
		if _, err := forged.verify(file); err != nil {
			t.Fatalf("without an outside checkpoint: %v", err)
		}
		_, err = forged.verify(file, outside)
		if first, last := bad(err); int64(bad0) < first || int64(bad0) > last {
			t.Fatalf("event %d was the first to differ, the error names %d to %d: %v", bad0, first, last, err)
		}
	})
}

func TestVerifyWantsTheLogsOwnKey(t *testing.T) {
	b := written(t, 3, 3)
	file := b.export(t)
	_, otherKey := newKey(t, origin, 2)
	_, otherLog := newKey(t, "certgate/other", 1)
	stranger := b.now()
	stranger.Origin = "certgate/other"
	rows := []struct {
		name string
		o    audit.Options
		want string
	}{
		{"none", audit.Options{}, "verifying needs the log's verifier key"},
		{"no key", audit.Options{Vkey: "key"}, `verifier key "key"`},
		{"another key", audit.Options{Vkey: otherKey}, "line 1: the export is of "},
		{"another log's", audit.Options{Vkey: otherLog}, "line 1: the export is of "},
		{"another log's checkpoint", audit.Options{Vkey: b.vkey, Outside: []audit.Checkpoint{stranger}}, "an outside checkpoint is of certgate/other"},
		{"no checkpoint", audit.Options{Vkey: b.vkey, Outside: []audit.Checkpoint{{}}}, "an outside checkpoint: origin"},
	}
	for _, row := range rows {
		if _, err := audit.Verify(bytes.NewReader(file), row.o); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one that says %q", row.name, err, row.want)
		}
	}
	// The header is anybody's to write; the signature is not.
	forged := bytes.Replace(file, []byte(b.vkey), []byte(otherKey), 1)
	if _, err := audit.Verify(bytes.NewReader(forged), audit.Options{Vkey: otherKey}); err == nil || !strings.Contains(err.Error(), "line 5: the checkpoint is signed by") {
		t.Errorf("with another key in the header: %v", err)
	}
}

func TestVerifyReadsOnlyWhatItKnows(t *testing.T) {
	b := written(t, 3, 3)
	file := string(b.export(t))
	unsigned, _, _ := strings.Cut(file, `{"checkpoint":`)
	longer := strings.SplitAfter(string(written(t, 4, 4).export(t)), "\n")
	fourth := longer[4]
	rows := []struct{ name, file, want string }{
		{"nothing", "", "line 1: the file is empty"},
		{"text", "hello\n", "line 1: not the header"},
		{"a newer format", strings.Replace(file, "certgate-audit-1", "certgate-audit-2", 1), `line 1: format "certgate-audit-2"; this program reads "certgate-audit-1"`},
		{"a longer line than any", file + strings.Repeat("x", 9<<20), "line 6: longer than 8388608 bytes"},
		{"an empty line", strings.Replace(file, "\n", "\n\n", 1), "after 0 events: line 2: "},
		{"other spacing", strings.Replace(file, `{"event":`, `{"event": `, 1), "line 2: not as certgate writes it"},
		{"both in one line", strings.Replace(file, `{"event":`, `{"checkpoint":"x","event":`, 1), "line 2: not as certgate writes it"},
		{"fewer events than said", strings.Replace(file, `"events":3`, `"events":4`, 1), "event 3: missing; the export is said to hold 4 events and holds 3"},
		{"more events than said", strings.Replace(file, `"events":3`, `"events":1`, 1), "events 1 to 2: too many"},
		{"fewer checkpoints than said", strings.Replace(file, `"checkpoints":1`, `"checkpoints":2`, 1), "is said to hold 2 checkpoints and holds 1"},
		{"no checkpoint", strings.Replace(unsigned, `"checkpoints":1`, `"checkpoints":0`, 1), "the export holds no checkpoint: nothing in it is signed"},
		{
			"a checkpoint of half", strings.Replace(file, `"events":3`, `"events":4`, 1) + fourth,
			"event 3: no checkpoint covers them, and an export ends with one that covers all",
		},
		{"line ends of Windows", strings.ReplaceAll(file, "\n", "\r\n"), "line 1: not as certgate writes it"},
	}
	for _, row := range rows {
		if _, err := b.verify([]byte(row.file)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one that says %q", row.name, err, row.want)
		}
	}
	for name, leaf := range map[string]string{
		"no JSON": "hello", "no number": `{"verb":"x"}`, "another number": `{"seq":1}`, "a short hash": `{"seq":0,"changes":[{"after":"00"}]}`,
	} {
		v, err := audit.NewVerifier(audit.Options{Vkey: b.vkey})
		if err != nil {
			t.Fatal(err)
		}
		err = v.Event([]byte(leaf))
		if first, last := bad(err); first != 0 || last != 0 {
			t.Errorf("an event with %s: %v", name, err)
		}
		if again := v.Checkpoint(b.checkpoints[0]); !errors.Is(again, err) {
			t.Errorf("an event with %s: the next call gives %v, want the first error", name, again)
		}
	}
}

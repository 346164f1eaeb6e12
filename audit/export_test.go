package audit_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/audit"
)

func TestEventsComeBackByteForByte(t *testing.T) {
	b := written(t, 9, 4)
	x, err := audit.ReadExport(bytes.NewReader(b.export(t)))
	if err != nil {
		t.Fatal(err)
	}
	var leaves, checkpoints [][]byte
	for {
		line, err := x.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line.Number != len(leaves)+len(checkpoints)+2 {
			t.Fatalf("line %d comes after %d events and %d checkpoints", line.Number, len(leaves), len(checkpoints))
		}
		if line.Checkpoint != nil {
			checkpoints = append(checkpoints, line.Checkpoint)
			continue
		}
		leaves = append(leaves, line.Event)
	}
	if !cmp.Equal(leaves, b.leaves) || !cmp.Equal(checkpoints, b.checkpoints) {
		t.Errorf("events %s\ncheckpoints %s", cmp.Diff(b.leaves, leaves), cmp.Diff(b.checkpoints, checkpoints))
	}
	if x.Header.Events != 9 || x.Header.Checkpoints != 3 || x.Header.Origin != origin || x.Header.Vkey != b.vkey {
		t.Errorf("header %+v", x.Header)
	}
}

func TestWriteExportRefusesWhatWouldNotVerify(t *testing.T) {
	b := written(t, 4, 2)
	_, otherKey := newKey(t, origin, 2)
	header := audit.Header{Origin: origin, Vkey: b.vkey, Created: dawn, Events: 4}
	edit := func(f func(*audit.Header)) audit.Header {
		h := header
		f(&h)
		return h
	}
	rows := []struct {
		name        string
		h           audit.Header
		leaves      [][]byte
		checkpoints [][]byte
		want        string
	}{
		{"no key", audit.Header{}, b.leaves, b.checkpoints, `verifier key ""`},
		{"another key", edit(func(h *audit.Header) { h.Vkey = otherKey }), b.leaves, b.checkpoints, "not the key that was given"},
		{"another origin", edit(func(h *audit.Header) { h.Origin = "x" }), b.leaves, b.checkpoints, `in an export of "x"`},
		{"checkpoints out of order", header, b.leaves, [][]byte{b.checkpoints[1], b.checkpoints[0]}, "given by rising size"},
		{"one checkpoint twice", header, b.leaves, [][]byte{b.checkpoints[1], b.checkpoints[1]}, "given by rising size"},
		{"no checkpoint", header, b.leaves, nil, "its last checkpoint covers 0 of 4 events"},
		{"no checkpoint of the end", header, b.leaves, b.checkpoints[:1], "its last checkpoint covers 2 of 4 events"},
		{"too few events", header, b.leaves[:3], b.checkpoints, "3 events came instead of 4, and 1 checkpoints are left over"},
		{"too many", header, append(b.leaves[:4:4], []byte("{}")), b.checkpoints, "5 events came instead of 4"},
		{"bytes that are no text", header, [][]byte{{0xff}}, b.checkpoints, "event 0: it is not UTF-8 text"},
		{"an event of 9 MB", header, [][]byte{bytes.Repeat([]byte("x"), 9<<20)}, b.checkpoints, "event 0: its line takes"},
	}
	for _, row := range rows {
		err := audit.WriteExport(io.Discard, row.h, each(row.leaves), row.checkpoints)
		if err == nil || !strings.HasPrefix(err.Error(), "export: ") || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one that says %q", row.name, err, row.want)
		}
	}
}

type broken struct{ error }

func (b broken) Write([]byte) (int, error) { return 0, b }

func (b broken) Read([]byte) (int, error) { return 0, b }

func TestErrorsOfFilesAndStoresArePassedOn(t *testing.T) {
	b := written(t, 4, 2)
	cause := broken{errors.New("the disk is full")}
	header := audit.Header{Origin: origin, Vkey: b.vkey, Created: dawn, Events: 4}
	if err := audit.WriteExport(cause, header, each(b.leaves), b.checkpoints); !errors.Is(err, cause) {
		t.Errorf("writing: %v", err)
	}
	unread := func(yield func([]byte, error) bool) { yield(nil, cause) }
	if err := audit.WriteExport(io.Discard, header, unread, b.checkpoints); !errors.Is(err, cause) {
		t.Errorf("reading events: %v", err)
	}
	file := io.MultiReader(bytes.NewReader(b.export(t)[:800]), cause)
	if _, err := audit.Verify(file, audit.Options{Vkey: b.vkey}); !errors.Is(err, cause) {
		t.Errorf("reading the export: %v", err)
	}
	if _, err := audit.ReadExport(cause); !errors.Is(err, cause) {
		t.Errorf("reading the header: %v", err)
	}
}

// What is read is spelled in one way only, so two files that read the same are the same.
func FuzzReadExport(f *testing.F) {
	b := written(f, 3, 2)
	whole := b.export(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(`{"format":"certgate-audit-1","origin":"","vkey":"","created":"0001-01-01T00:00:00Z","events":0,"checkpoints":0}` + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := audit.Verify(bytes.NewReader(file), audit.Options{Vkey: b.vkey}); err == nil {
			x, err := audit.ReadExport(bytes.NewReader(file))
			if err != nil || x.Header.Events != 3 && x.Header.Events != 2 {
				t.Fatalf("a forged export verifies:\n%s", file)
			}
		}
		x, err := audit.ReadExport(bytes.NewReader(file))
		if err != nil {
			return
		}
		lines := bytes.SplitAfter(file, []byte("\n"))
		for {
			line, err := x.Next()
			if err != nil {
				return
			}
			if (line.Event == nil) == (line.Checkpoint == nil) || line.Number > len(lines) {
				t.Fatalf("line %d is both or neither: %+v", line.Number, line)
			}
		}
	})
}

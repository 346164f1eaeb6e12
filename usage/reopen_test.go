package usage_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/onerecord/certgate/usage"
)

func TestReopeningLosesNothingThatWasCounted(t *testing.T) {
	s := open(t, t.TempDir(), noon)
	right := func(string) ([]byte, error) { return make([]byte, 32), nil }
	flushed := func() {
		count(s, noon, 2)
		must(t, s.Flush(noon, nil))
	}
	flushed()
	must(t, s.Reopen(right))
	flushed()
	failed := errors.New("no room")
	if err := s.Reopen(func(string) ([]byte, error) { return make([]byte, 32), failed }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	flushed()

	// While it does not open, what is counted stays in memory.
	var manifest string
	if err := s.Reopen(func(dir string) ([]byte, error) {
		manifest = filepath.Join(dir, "MANIFEST")
		return make([]byte, 32), errors.Join(os.Rename(manifest, manifest+".away"), os.WriteFile(manifest, []byte("none"), 0o600))
	}); err == nil {
		t.Fatal("it opened")
	}
	count(s, noon, 2)
	if err := s.Flush(noon, nil); !errors.Is(err, usage.ErrClosed) {
		t.Errorf("a flush meanwhile: error %v", err)
	}
	must(t, os.Rename(manifest+".away", manifest))
	must(t, s.Reopen(right))
	must(t, s.Flush(noon, nil))
	if got := calls(t, s, ever[0], ever[1]); got != 8 {
		t.Errorf("%d calls were counted, want 8", got)
	}
	must(t, s.Close())
	must(t, s.Reopen(right))
	if err := s.Flush(noon, nil); !errors.Is(err, usage.ErrClosed) {
		t.Errorf("one that was closed was opened again: error %v", err)
	}
}

package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
)

func TestAnExportThatBreaksOffLeavesWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "march.csv")
	for _, name := range []string{file, file + ".manifest.json"} {
		if err := os.WriteFile(name, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := usageManifest{File: file, Format: "csv"}
	_, err := m.take(func(each func(*api.UsageRow) error) (*api.UsageEnd, error) {
		for range 5000 {
			if err := each(&api.UsageRow{ID: "row"}); err != nil {
				return nil, err
			}
		}
		return nil, api.ErrCutOff
	})
	if !errors.Is(err, api.ErrCutOff) {
		t.Errorf("%v", err)
	}
	left := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		left[e.Name()] = string(content)
	}
	if diff := cmp.Diff(map[string]string{"march.csv": "before", "march.csv.manifest.json": "before"}, left); diff != "" {
		t.Error(diff)
	}
}

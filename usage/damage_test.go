package usage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// Whatever of its files is damaged while it is stopped: usage opens, with what was there or without, and counts.
func TestUsageOpensWhateverIsDamaged(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut to half": func(b []byte) []byte { return b[:len(b)/2] },
		"emptied":     func([]byte) []byte { return nil },
		"overwritten": func(b []byte) []byte { return []byte(strings.Repeat("damage ", len(b)/7+1)) },
	} {
		for _, pattern := range []string{"MANIFEST", "KEYREGISTRY", "*.sst", "*.vlog", "*.mem", "DISCARD", "*"} {
			dir := t.TempDir()
			s := open(t, dir, noon)
			for i := range 200 {
				s.Meter.Count(noon, gate.DeviceID("dev_"+string(rune('a'+i%26))+strings.Repeat("x", i)), &usage.Call{Key: query}, nil)
			}
			must(t, s.Flush(noon, nil))
			must(t, s.Close())
			files, err := filepath.Glob(filepath.Join(dir, "usage", pattern))
			must(t, err)
			for _, file := range files {
				content, err := os.ReadFile(file)
				must(t, err)
				must(t, os.WriteFile(file, damage(content), 0o600))
			}
			log := new(quiet)
			s, err = usage.Open(usage.Options{Dir: dir, Key: make([]byte, 32), Now: noon, Log: log})
			if err != nil {
				t.Errorf("%s %s: %v", pattern, name, err)
				continue
			}
			aside, _ := filepath.Glob(filepath.Join(dir, "usage.damaged-*"))
			if s.Fresh() != (len(aside) == 1) && len(aside) > 0 {
				t.Errorf("%s %s: fresh is %v, aside lie %v", pattern, name, s.Fresh(), aside)
			}
			if len(aside) > 0 && len(log.errors) == 0 {
				t.Errorf("%s %s: it was moved aside, and nothing was said", pattern, name)
			}
			count(s, noon, 3)
			must(t, s.Flush(noon, nil))
			if got := calls(t, s, ever[0], ever[1]); got != 3 {
				t.Errorf("%s %s: %d calls", pattern, name, got)
			}
			must(t, s.Close())
		}
	}
}

// While the disk is nearly full nothing is written and nothing is lost, and what waits is bounded.
func TestCountsWaitWhileTheDiskIsLow(t *testing.T) {
	free := int64(usage.DiskFloor - 1)
	s, err := usage.Open(usage.Options{Dir: t.TempDir(), Key: make([]byte, 32), Now: noon, Log: new(quiet), Free: func() (int64, error) { return free, nil }})
	must(t, err)
	for i := range 10 {
		at := noon.Add(time.Duration(i) * time.Minute)
		shows(s, at, device, nil, i)
		if err := errors.Join(s.Flush(at, nil), s.FlushSeen()); !errors.Is(err, usage.ErrDiskLow) {
			t.Fatalf("written: %v", err)
		}
	}
	if got := calls(t, s, ever[0], ever[1]); got != 0 || s.Meter.Len() != 10 {
		t.Errorf("%d calls written, %d minutes wait", got, s.Meter.Len())
	}
	free = usage.DiskFloor
	must(t, s.Flush(noon.Add(time.Hour), nil))
	must(t, s.FlushSeen())
	if got := calls(t, s, ever[0], ever[1]); got != 10 {
		t.Errorf("%d calls afterwards", got)
	}
	want(t, "patients", seen(t, s, usage.SeenQuery{Device: device}), was{"2027-03-01", 10, 10, 1})
	must(t, s.Close())
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
)

// dirs are removed when all tests have run: what several of them share.
var dirs = struct {
	mu   sync.Mutex
	list []string // guarded by mu
}{}

func sharedDir() (string, error) {
	dir, err := os.MkdirTemp("", "certgate-stories")
	dirs.mu.Lock()
	defer dirs.mu.Unlock()
	dirs.list = append(dirs.list, dir)
	return dir, err
}

// clean runs the tests and removes what they shared.
type clean struct{ *testing.M }

func (m clean) Run() int {
	code := m.M.Run()
	for _, dir := range dirs.list {
		_ = os.RemoveAll(dir) // it is in the system's directory of what is temporary
	}
	return code
}

// commands is where the stories' certgate is. Under the race detector each of some five hundred short processes would take four times as long
// to begin, so they are this test's program without it. The servers of the stories have it, and the commands have it in the tests of cli.
var commands = sync.OnceValues(func() (string, error) {
	dir, err := sharedDir()
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "certgate")
	if info, _ := debug.ReadBuildInfo(); info == nil || !slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		return dir, os.Symlink(self, name)
	}
	if out, err := exec.Command("go", "test", "-c", "-tags", "nobadger,nomysql,nopgx", "-ldflags", "-s -w", "-o", name, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

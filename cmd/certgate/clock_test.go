package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/caddymodule"
	"github.com/onerecord/certgate/cli"
)

// clockVariable names the file by which the program of a story tells time. Only this test's program knows it.
const clockVariable = "CERTGATE_STORY_CLOCK"

// program is certgate as it is released, but for the clock of a story.
func program() {
	hooks := cli.Hooks{Authority: caddymodule.Running}
	if file := os.Getenv(clockVariable); file != "" {
		hooks.Now = storyClock(file).now
		caddymodule.TellTimeBy(hooks.Now)
	}
	os.Exit(run(root(hooks)))
}

// storyClock is a file with two times: what it was in the story when it was written, and what it really was. It goes on as time really
// does, in every process that looks at it.
type storyClock string

func (c storyClock) set(at time.Time) error {
	text := fmt.Sprintf("%s %s\n", at.Format(time.RFC3339Nano), time.Now().Format(time.RFC3339Nano))
	next := string(c) + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, string(c))
}

// now panics where there is no time: a program that went on by another clock would make a story untrue.
func (c storyClock) now() time.Time {
	text, err := os.ReadFile(string(c))
	if err != nil {
		panic(err)
	}
	story, truly, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	then, err := time.Parse(time.RFC3339Nano, story)
	if err != nil {
		panic(err)
	}
	set, err := time.Parse(time.RFC3339Nano, truly)
	if err != nil {
		panic(err)
	}
	return then.Add(time.Since(set)).UTC()
}

// What is released tells time by the system's clock, and there is nothing in it by which that could be changed.
func TestTheReleasedProgramHasNoOtherClock(t *testing.T) {
	released := filepath.Join(t.TempDir(), "certgate")
	build := exec.Command("go", "build", "-tags", "nobadger,nomysql,nopgx", "-o", released, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	binary, err := os.ReadFile(released)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{clockVariable, "caddymodule.TellTimeBy"} {
		if strings.Contains(string(binary), name) {
			t.Errorf("the released program contains %s", name)
		}
	}
	if !strings.Contains(string(binary), "caddymodule.Running") {
		t.Error("names cannot be found in the released program, so this test shows nothing")
	}

	clock, then := storyClock(filepath.Join(t.TempDir(), "clock")), time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := clock.set(then); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]time.Time{released: time.Now(), "certgate": then} {
		dir := t.TempDir()
		c := command(t, name, "init", "--data", filepath.Join(dir, "data"), "--secret-file", filepath.Join(dir, "secret"),
			"--kit", filepath.Join(dir, "kit"), "--recovery", recipient(t), "--admin", "cho=cho@onerecord.example", "--admin", "eve=eve@onerecord.example", "--out", dir)
		c.Env = append(c.Env, clockVariable+"="+string(clock))
		if r := end(t, c); r.code != 0 {
			t.Fatalf("%+v", r)
		}
		if got := foundedIn(t, filepath.Join(dir, "data")); got.Sub(want).Abs() > 2*time.Hour {
			t.Errorf("%s with %s set worked at %v, want %v", filepath.Base(name), clockVariable, got, want)
		}
	}
}

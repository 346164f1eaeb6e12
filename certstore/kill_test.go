package certstore

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

const victim = "CERTGATE_TEST_KILL"

// A process that makes changes is killed while it does, again and again, over the same store: what it said was done is there.
func TestAKilledProcessLosesNothingThatItAnswered(t *testing.T) {
	dir := t.TempDir()
	if err := Create(testOptions(dir), created); err != nil {
		t.Fatal(err)
	}
	for round := range 8 {
		answered := killAfter(t, dir, 20+37*round)
		s := openIn(t, dir)
		if got := s.EventCount(); got < answered+1 {
			t.Fatalf("round %d: %d events, and %d were answered", round, got, answered+1)
		}
		key := s.Directory().Key(gate.KeyID(fixedID(gate.KeyPrefix, 1)))
		if key == nil || key.IssuedAt.Unix() < dawn.Unix()+answered {
			t.Fatalf("round %d: the key is %v", round, key)
		}
		again, err := s.Reread()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dumpOf(again), dumpOf(s.Directory()), same); diff != "" {
			t.Fatalf("(-store +directory):\n%s", diff)
		}
		closeStore(t, s)
	}
}

// killAfter starts the victim, kills it once it has answered n more changes, and returns the number of the last event that it answered.
func killAfter(t *testing.T, dir string, n int) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=TestVictimOfAKill")
	cmd.Env = append(os.Environ(), victim+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := int64(-1)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		seq, found := strings.CutPrefix(lines.Text(), "done ")
		if !found {
			continue
		}
		if last, err = strconv.ParseInt(seq, 10, 64); err != nil {
			t.Fatal(err)
		}
		if n--; n == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); n > 0 || err == nil {
		t.Fatalf("it ended by itself with %d to go: %v", n, err)
	}
	return last
}

func TestVictimOfAKill(t *testing.T) {
	dir := os.Getenv(victim)
	if dir == "" {
		return // only for killAfter
	}
	s, err := Open(testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(1)
	for err == nil {
		key := *w.key
		key.IssuedAt = dawn.Add(time.Duration(s.EventCount()) * time.Second)
		var event gate.Event
		event, err = tryUpdate(s, w.account, w.device, &key)
		_, printed := fmt.Println("done", event.Seq)
		err = errors.Join(err, printed)
	}
	t.Fatal(err)
}

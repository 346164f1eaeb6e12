package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The kit's files call the API as they are, with nothing but the two secrets beside them. Those for .NET and Postman are not run: neither is
// a Debian package.
func TestTheKitsFilesCallTheDemo(t *testing.T) {
	t.Parallel()
	d := trial{t, filepath.Join(t.TempDir(), "demo"), freePorts(t)}
	if first := try(t, d.args("--once")...); first.code != 0 {
		t.Fatalf("%+v", first)
	}
	served := d.start()
	kit := filepath.Join(d.dir, "demo", "kit")
	for _, name := range []string{"client.key", "key.txt"} {
		if err := os.WriteFile(filepath.Join(kit, name), []byte(d.read(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for _, line := range kitLines {
		all.Go(func() {
			good, err := d.inKit(kit, line+" /fhir/Patient/1 /fhir/Patient/1")
			if err != nil || strings.Count(good, `"resourceType":"Patient"`) != 2 {
				t.Errorf("%s: %v\n%s", line, err, good)
			}
			if strings.Contains(good, strings.TrimSpace(d.read("key.txt"))) {
				t.Errorf("%s printed the key", line)
			}
		})
	}
	all.Wait()
	for _, line := range []string{"sh curl.sh", "sh openssl.sh", "python3 call.py", "node call.mjs"} {
		if own, err := d.inKit(kit, line); err != nil || !strings.Contains(own, `"slug":"acme"`) {
			t.Errorf("%s: %v\n%s", line, err, own)
		}
		if bad, err := d.inKit(kit, line+" /fhir/Patient/2"); err == nil || !strings.Contains(bad, "404") {
			t.Errorf("%s with what is not there: %v\n%s", line, err, bad)
		}
	}
	d.waits(kit)
	d.endsSoon(kit)
	if code := served.interrupt(); code != 0 {
		t.Errorf("after the interrupt: code %d", code)
	}
}

// inKit runs a line of shell in the kit, as its README says.
func (d trial) inKit(kit, line string) (string, error) {
	c := exec.Command("sh", "-c", line)
	c.Dir = kit
	c.Env = append(os.Environ(), "API_CA="+filepath.Join(d.dir, "demo", "ca.crt"))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}

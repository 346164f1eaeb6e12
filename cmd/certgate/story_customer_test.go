package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// certified does what the story called first tells, in a day: the customer of a file, as for certgate onboard, with a device called
// prod-1, gets its credential into a directory of its own. $CASE and $CONTRACT name what was made.
func (s *story) certified(ts *testscript.TestScript, _ bool, args []string) {
	slug := strings.TrimSuffix(filepath.Base(args[0]), ".yaml")
	s.certgate(ts, "onboard", args[0])
	s.certgate(ts, "certification", "list", "--account", slug)
	id(ts, false, []string{"CASE", "cas_"})
	s.certgate(ts, "contract", "list", "--account", slug)
	id(ts, false, []string{"CONTRACT", "con_"})
	s.interviewed(ts)
	s.certgate(ts, "certification", "approve", ts.Getenv("CASE"), "--why", "demo and answers convinced", "--profile", "cho")
	s.enrolled(ts, slug, slug+"/main/prod-1")
}

// interviewed holds the interview that the case waits for, an hour from now, with the answers of the example.
func (s *story) interviewed(ts *testscript.TestScript) {
	at := s.time.now().Add(time.Hour).Truncate(time.Minute)
	s.certgate(ts, "certification", "schedule", ts.Getenv("CASE"), "--at", at.Format(time.RFC3339))
	s.clock(ts, false, []string{at.Add(time.Hour).Format(time.RFC3339)})
	s.certgate(ts, "certification", "record", "--example")
	ts.Check(os.WriteFile(ts.MkAbs("interview.yaml"), []byte(ts.ReadFile("stdout")), 0o600))
	s.certgate(ts, "certification", "record", ts.Getenv("CASE"), "--file", "interview.yaml")
}

// enroll is how a customer gets the credential of a device of the case: eve releases it, and the link of the mail is taken into a directory.
func (s *story) enroll(ts *testscript.TestScript, _ bool, args []string) {
	s.enrolled(ts, args[0], args[1])
}

func (s *story) enrolled(ts *testscript.TestScript, dir, device string) {
	slug, _, _ := strings.Cut(device, "/")
	s.certgate(ts, "certification", "release", ts.Getenv("CASE"), "--device", device, "--profile", "eve")
	s.mail(ts, false, []string{"ann@" + slug + ".example", "Take your production credential for " + device})
	ts.Check(os.MkdirAll(ts.MkAbs(dir), 0o700))
	s.link(ts, false, []string{filepath.Join(dir, "link.txt")})
	file := func(name string) string { return filepath.Join(dir, name) }
	s.certgate(ts, "enroll", "--link-file", file("link.txt"), "--key-out", file("client.key"), "--cert-out", file("client.crt"), "--secret-out", file("key.txt"), "--ca", ts.Getenv("CA"))
}

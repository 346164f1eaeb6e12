package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// server is the running program.
type server struct {
	process *os.Process
	ended   chan int // its exit code
	log     string   // file
}

func (s *story) server(ts *testscript.TestScript, _ bool, args []string) {
	switch args[0] {
	case "start":
		s.start(ts, args[1:])
	case "stop":
		if code := s.end(ts, os.Interrupt); code != 0 {
			ts.Fatalf("it ended with code %d", code)
		}
	case "kill":
		s.end(ts, os.Kill)
	default:
		ts.Fatalf("server start, stop or kill, not %s", args[0])
	}
}

// start runs the server until it is ready or, where a pattern is given, until it says by it why it is not.
func (s *story) start(ts *testscript.TestScript, unready []string) {
	if s.running != nil {
		ts.Fatalf("the server runs")
	}
	c := exec.Command("certgate", "run", "--config", filepath.Join(s.dir, "Caddyfile"))
	c.Dir, c.Env = s.dir, s.env
	file, err := os.OpenFile(filepath.Join(s.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	c.Stdout, c.Stderr = file, file
	err = c.Start()
	_ = file.Close() // the program has its own
	ts.Check(err)
	s.running = &server{process: c.Process, ended: make(chan int, 1), log: file.Name()}
	ts.Defer(func() {
		if s.running != nil {
			_ = s.running.process.Kill()
			<-s.running.ended
			s.running = nil
		}
	})
	running := s.running
	go func() {
		_ = c.Wait()
		running.ended <- c.ProcessState.ExitCode()
	}()
	enough := time.After(wait - time.Second)
	until(ts, "ready server", func() bool {
		select {
		case <-enough:
			text, _ := os.ReadFile(running.log)
			ts.Fatalf("the server is not ready\n%s", text)
		case code := <-running.ended:
			s.running = nil
			text, _ := os.ReadFile(running.log)
			ts.Fatalf("the server ended with code %d\n%s", code, text)
		default:
		}
		return s.ready(unready)
	})
}

// ready reports whether the server answers, on each site with the certificate that Caddy's CA has made for it, and is ready or, where a
// pattern is given, says by it why not.
func (s *story) ready(unready []string) bool {
	resp, err := http.Get(s.url("http", metricsSite) + "/ready")
	if err != nil {
		return false
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	want := http.StatusOK
	if len(unready) > 0 {
		want = http.StatusServiceUnavailable
	}
	if err != nil || resp.StatusCode != want || !regexp.MustCompile(strings.Join(unready, " ")).Match(text) {
		return false
	}
	ca, err := os.ReadFile(filepath.Join(s.dir, "caddy", "pki", "authorities", "local", "root.crt"))
	if err != nil {
		return false
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	for _, site := range []int{apiSite, adminSite, publicSite} {
		c, err := tls.Dial("tcp", "127.0.0.1:"+s.portOf(site), &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if err != nil {
			return false
		}
		_ = c.Close()
	}
	return os.WriteFile(s.file("ca.crt"), ca, 0o600) == nil
}

// file is one beside the profiles.
func (s *story) file(name string) string {
	return filepath.Join(s.dir, "home", ".config", "certgate", name)
}

func (s *story) end(ts *testscript.TestScript, how os.Signal) int {
	if s.running == nil {
		ts.Fatalf("no server runs")
	}
	ts.Check(s.running.process.Signal(how))
	select {
	case code := <-s.running.ended:
		s.running = nil
		return code
	case <-time.After(wait):
		ts.Fatalf("the server did not end within %v", wait)
		return 0
	}
}

// clock moves the clock. Every job that was due has run when the one of each second that is last in their table has.
func (s *story) clock(ts *testscript.TestScript, _ bool, args []string) {
	to, err := s.parseTime(args[0])
	ts.Check(err)
	if !to.After(s.time.now()) {
		ts.Fatalf("it is later than %v already", to)
	}
	ts.Check(s.time.set(to))
	if s.running == nil {
		return
	}
	untilBy(ts, scraping, "tick at "+args[0], func() bool {
		found := lastTick.FindStringSubmatch(s.scrape(ts))
		if found == nil {
			return false
		}
		at, err := strconv.ParseFloat(found[1], 64)
		return err == nil && int64(at) >= to.Unix()
	})
}

// scraping is how often metrics are read by who waits for one.
const scraping = 100 * time.Millisecond

var lastTick = regexp.MustCompile(`(?m)^certgate_job_last_success_seconds\{job="checkpoint"\} (\S+)$`)

func (s *story) parseTime(text string) (time.Time, error) {
	if span, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(span)
		return s.time.now().Add(d), err
	}
	return time.Parse(time.RFC3339, text)
}

func (s *story) scrape(ts *testscript.TestScript) string {
	resp, err := http.Get(s.url("http", metricsSite) + "/metrics")
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	return string(text)
}

func (s *story) metrics(ts *testscript.TestScript, _ bool, _ []string) {
	for line := range strings.Lines(s.scrape(ts)) {
		if strings.HasPrefix(line, "certgate_") {
			_, err := io.WriteString(ts.Stdout(), line)
			ts.Check(err)
		}
	}
}

func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("certgate", args[1:]...)
	got := 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func id(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(`\b` + args[1] + `[0-9a-zA-Z]+\b`).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("no identifier %s... was printed", args[1])
	}
	ts.Setenv(args[0], found)
}

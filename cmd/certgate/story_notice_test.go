package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/onerecord/certgate/gatetest"
)

// mail looks for one that was not found before.
func (s *story) mail(ts *testscript.TestScript, neg bool, args []string) {
	subject, err := regexp.Compile(args[1])
	ts.Check(err)
	look := func() bool {
		for _, m := range s.mails.Mails() {
			id := m.Header.Get("Message-Id")
			if !s.found[id+args[0]] && slices.Contains(m.To, args[0]) && subject.MatchString(subjectOf(&m)) {
				s.found[id+args[0]], s.last = true, &m
				return true
			}
		}
		return false
	}
	if neg {
		if look() {
			ts.Fatalf("there is one: %s", subjectOf(s.last))
		}
		return
	}
	until(ts, fmt.Sprintf("mail to %s about %q among %q", args[0], args[1], s.subjects()), look)
	fmt.Fprintf(ts.Stdout(), "Subject: %s\n\n%s", subjectOf(s.last), s.last.Text)
	if s.last.Calendar != "" {
		fmt.Fprintf(ts.Stdout(), "\n%s", s.last.Calendar)
	}
}

func subjectOf(m *gatetest.Mail) string {
	subject, err := headers.DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return m.Header.Get("Subject")
	}
	return subject
}

// subjects are those of all mails, for who looks why a story failed.
func (s *story) subjects() (list []string) {
	for _, m := range s.mails.Mails() {
		list = append(list, fmt.Sprint(m.To)+" "+subjectOf(&m))
	}
	return list
}

var inMail = regexp.MustCompile(`https://\S+/enroll#\S+`)

func (s *story) link(ts *testscript.TestScript, _ bool, args []string) {
	if s.last == nil || inMail.FindString(s.last.Text) == "" {
		ts.Fatalf("no link was mailed")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(inMail.FindString(s.last.Text)+"\n"), 0o600))
}

func (s *story) smtp(_ *testscript.TestScript, _ bool, args []string) {
	if args[0] == "refuse" {
		s.mails.Refuse(args[1], true)
		return
	}
	s.mails.SetDown(args[0] == "down")
}

// webhookSecret signs the events (Standard Webhooks).
const webhookSecret = "whsec_Y2VydGdhdGUgc3RvcmllcyBzaWduIHdpdGggdGhpcw=="

// receiver takes events whose signature is right.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	events []event // guarded by mu
}

// event is what a receiver reads of one, and all of it.
type event struct {
	ID, Type string
	body     string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	verifier, err := webhooks.NewWebhook(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	r := new(receiver)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err == nil {
			err = verifier.VerifyIgnoringTimestamp(body, req.Header) // which is that of the story
		}
		e := event{body: string(body)}
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		if err != nil {
			t.Errorf("an event that cannot be taken: %v: %s", err, body)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}))
	t.Cleanup(r.Close)
	return r
}

func (s *story) webhook(ts *testscript.TestScript, _ bool, args []string) {
	var found event
	until(ts, "event of "+args[0], func() bool {
		s.hook.mu.Lock()
		defer s.hook.mu.Unlock()
		for _, e := range s.hook.events {
			if !s.found[e.ID] && strings.HasSuffix(e.Type, "."+args[0]) {
				s.found[e.ID], found = true, e
				return true
			}
		}
		return false
	})
	fmt.Fprintln(ts.Stdout(), found.body)
}

// shows runs a command until it prints what is looked for.
func shows(ts *testscript.TestScript, _ bool, args []string) {
	wanted, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	untilBy(ts, scraping, args[0]+" in "+strings.Join(args[1:], " "), func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && wanted.MatchString(ts.ReadFile("stdout"))
	})
}

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/onerecord/certgate/gatetest"
)

// TestStories runs each story in testdata/stories: the whole program with Caddyfile.example, a data directory on disk, a mail server
// and a receiver of webhooks, and staff who do everything by certgate's commands. Beside those a story has:
//
//	founded            what a story begins with, unless it tells of it: init, start, and three people with a profile each: ben (interviewer,
//	                   operator; the default), cho (approver, admin) and eve (issuer, admin)
//	certified FILE     onboards the customer of the file and takes it through interview, approval, release and enrollment; $CASE, $CONTRACT
//	enroll WHO DEVICE  releases a device of $CASE and takes its credential into WHO
//	server start|stop|kill     runs the server until it is ready; ends it as a terminal would; ends it without any warning
//	server start TEXT          runs it until it says why it is not ready
//	clock TIME|+SPAN   moves everybody's clock, and waits until the server has done what was due
//	code N COMMAND...  runs certgate, which must end with exit code N
//	id VARIABLE PREFIX takes the first identifier with the prefix out of what was last printed
//	mail WHOM SUBJECT  waits for a mail to the address whose subject matches, and prints it; each is found once. With !: there is none
//	link FILE          writes the link of the mail that was last found into a file, as a customer would
//	smtp down|up       breaks the mail server and mends it
//	smtp refuse WHOM   makes it refuse all mail to the address
//	webhook KIND       waits for an event of a notice of the kind, and prints it; each is found once
//	call WHO METHOD PATH STATUS [CODE]    calls as a customer, with WHO/client.key, WHO/client.crt and WHO/key.txt, and prints the answer
//	scrape WHO FIRST LAST                 calls as a customer about each patient from one number to another; each call passes
//	client WHO METHOD PATH                does so over and over, on one connection that is kept open
//	client WHO passes                     waits for some calls; none has been refused since it began, and the connection is still the first
//	client WHO refused STATUS CODE        waits until its calls are refused so
//	openssl WHO good|revoked              has openssl verify WHO's certificate by the list that its URL leads to, until it says so
//	metrics            prints certgate's metrics
//	shows REGEXP COMMAND ARGS...  runs the command until it prints what is looked for: what goroutines of the server do has no moment
//	customers N FILE LINE      writes so many customers from before certgate, with a mistake on the line
func TestStories(t *testing.T) {
	t.Parallel()
	stories, err := filepath.Glob("testdata/stories/*.txtar")
	if err != nil || len(stories) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range stories {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			testscript.Run(t, testscript.Params{
				Files: []string{file}, Setup: s.setup, UpdateScripts: os.Getenv("UPDATE") != "",
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"founded": s.founded, "server": s.server, "certified": s.certified, "enroll": s.enroll, "clock": s.clock, "code": code, "id": id,
					"mail": s.mail, "link": s.link, "smtp": s.smtp, "webhook": s.webhook, "call": s.call, "client": s.client, "scrape": s.scrapePatients, "openssl": s.openssl, "metrics": s.metrics, "shows": shows, "customers": customers, "ownca": s.ownCA,
				},
			})
		})
	}
}

// story is what one of them is played with.
type story struct {
	dir  string   // $WORK
	env  []string // of its programs
	time storyClock
	port int // the first of five

	mails    *gatetest.MailServer
	found    map[string]bool // mails and events that were found, by what names them
	last     *gatetest.Mail  // found
	hook     *receiver
	upstream *httptest.Server
	running  *server            // nil while none runs
	clients  map[string]*client // by directory

	t     *testing.T
	own   *gatetest.ForeignCA // a customer's; nil until it is made
	lists *gatetest.ListServer
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, port: freePorts(t), mails: gatetest.NewMailServer(t), found: make(map[string]bool), clients: make(map[string]*client)}
	s.hook = newReceiver(t)
	s.upstream = httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(s.upstream.Close)
	return s
}

// answer is the API behind the gate: it says who called, as the gate told it.
func answer(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{"Account", "Organization", "Device", "Behavior", "Purpose"} {
		_, _ = w.Write([]byte(strings.ToLower(name) + " " + r.Header.Get("Certgate-"+name) + "\n"))
	}
}

// dawn is when stories begin, unless they say otherwise: on a Monday morning in New York.
var dawn = time.Date(2027, 3, 1, 14, 0, 0, 0, time.UTC)

// setup lays out the directory of a story.
func (s *story) setup(env *testscript.Env) error {
	s.dir, s.time = env.WorkDir, storyClock(filepath.Join(env.WorkDir, "clock"))
	config := filepath.Join(s.dir, "home", ".config", "certgate")
	for _, dir := range []string{config, filepath.Join(s.dir, "elsewhere")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	programs, err := commands()
	if err != nil {
		return err
	}
	env.Setenv("PATH", programs+string(filepath.ListSeparator)+env.Getenv("PATH"))
	caddyfile, err := storyCaddyfile()
	if err != nil {
		return err
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"Caddyfile": []byte(caddyfile), "webhook-secret": []byte(webhookSecret + "\n"),
		"elsewhere/identity.txt": []byte(identity.String() + "\n")} {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	for name, value := range map[string]string{
		"HOME": filepath.Join(s.dir, "home"), "CONFIG": config, "CA": filepath.Join(config, "ca.crt"), clockVariable: string(s.time),
		"SMTP": s.mails.Address(), "WEBHOOK": s.hook.URL, "UPSTREAM": s.upstream.Listener.Addr().String(),
		"API": s.url("https", apiSite), "ADMIN": s.url("https", adminSite), "PUBLIC": s.url("https", publicSite), "PKI": s.url("http", pkiSite),
		"METRICS": s.url("http", metricsSite), "RECIPIENT": identity.Recipient().String(),
		"CERTGATE_RUN": s.dir, "CERTGATE_DATA": filepath.Join(s.dir, "data"), "CERTGATE_SECRET": filepath.Join(s.dir, "secret"),
		"GORACE": "atexit_sleep_ms=0", // the race detector would let each program linger for a second
	} {
		env.Setenv(name, value)
	}
	s.env = env.Vars
	return s.time.set(dawn)
}

// The sites, by their place among the ports.
const (
	apiSite = iota
	adminSite
	publicSite
	pkiSite
	metricsSite
)

func (s *story) portOf(site int) string { return strconv.Itoa(s.port + site) }

func (s *story) url(scheme string, site int) string { return scheme + "://localhost:" + s.portOf(site) }

// wait is the longest that a story waits for anything. It is never reached when all is well, however slow the machine is.
const wait = 2 * time.Minute

// until waits for a condition, and says what it was that did not come.
func until(ts *testscript.TestScript, what string, holds func() bool) {
	untilBy(ts, 10*time.Millisecond, what, holds)
}

// untilBy is until, looking so often: where a look costs the server more than it takes.
func untilBy(ts *testscript.TestScript, often time.Duration, what string, holds func() bool) {
	again := time.NewTicker(often)
	defer again.Stop()
	enough := time.NewTimer(wait)
	defer enough.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-enough.C:
			ts.Fatalf("within %v there was no %s", wait, what)
		}
	}
}

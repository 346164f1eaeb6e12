package api_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/onerecord/certgate/gate"
)

// visit is a real browser on the public site, and all that the site was sent.
type visit struct {
	*sites
	browser context.Context
	url     string
	files   string // where it saves them

	mu   sync.Mutex
	sent bytes.Buffer // guarded by mu
}

// browserPatience bounds a whole visit on a busy machine.
const browserPatience = 90 * time.Second

func (s *sites) visit(t *testing.T) *visit {
	t.Helper()
	v := &visit{sites: s, files: t.TempDir()}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read what the browser sent: %v", err)
		}
		v.mu.Lock()
		v.sent.WriteString(r.URL.String() + "\n")
		v.sent.Write(body)
		v.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.public.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(site.Close)
	v.url = site.URL
	// A container has no namespaces to make a sandbox of, and little shared memory; only our own pages are opened.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()))
	patience, cancel := context.WithTimeout(context.Background(), browserPatience) // t.Context ends before the browser is closed
	t.Cleanup(cancel)
	allocator, stop := chromedp.NewExecAllocator(patience, options...)
	t.Cleanup(stop)
	var closeTab context.CancelFunc
	v.browser, closeTab = chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(v.browser); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		closeTab()
	})
	v.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: v.files})
		return err
	}))
	return v
}

func (v *visit) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.browser, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// see is what an action finds.
func see[T any](v *visit, a chromedp.Action[T]) T {
	v.t.Helper()
	found, err := chromedp.Run(v.browser, a)
	if err != nil {
		v.t.Fatal(err)
	}
	return found
}

// text is what an element shows.
func (v *visit) text(id chromedp.ID) string {
	v.t.Helper()
	return see(v, chromedp.TextContent(id))
}

// saved is a file that the browser was told to save.
func (v *visit) saved(button chromedp.ID, name string) string {
	v.t.Helper()
	v.do(chromedp.Click(button))
	file, content := filepath.Join(v.files, name), ""
	v.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if text, err := os.ReadFile(file); err == nil && len(text) > 0 {
				content = string(text)
				return nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}))
	return content
}

// sentNothingOf checks that a private key has not been in any request, in any piece.
func (v *visit) sentNothingOf(key string) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for line := range strings.Lines(key) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && strings.Contains(v.sent.String(), line) {
			v.t.Error("a part of the private key was sent")
		}
	}
	if strings.Contains(v.sent.String(), "PRIVATE") {
		v.t.Error("a private key was sent")
	}
}

func (v *visit) makePair() {
	v.t.Helper()
	v.do(chromedp.Click(chromedp.ID("make")), chromedp.WaitVisible(chromedp.ID("pair")))
}

func (v *visit) take() {
	v.t.Helper()
	v.do(chromedp.Click(chromedp.ID("have")), chromedp.WaitEnabled(chromedp.ID("take-pair")), chromedp.Click(chromedp.ID("take-pair")),
		chromedp.WaitVisible(chromedp.ID("result")))
}

// The browser makes the pair, its private key stays there, and what it saves fits together.
func TestABrowserTakesACredentialWithAPairOfItsOwn(t *testing.T) {
	s := open(t)
	_, token := s.MustRelease(s.MustDevice(s.MustAccount("acme"), "test-1", gate.Preprod))
	v := s.visit(t)
	v.do(chromedp.Navigate(v.url+"/enroll#"+token), chromedp.WaitVisible(chromedp.ID("browser")))
	address, title := see(v, chromedp.Location()), see(v, chromedp.Title())
	if strings.Contains(address, token) || title != "How certificates are used" {
		t.Errorf("the address bar shows %q, the title is %q", address, title)
	}
	v.makePair()
	if !see(v, chromedp.JavascriptAttribute[bool](chromedp.ID("take-pair"), "disabled")) {
		t.Error("the credential can be taken before the private key was saved")
	}
	key := v.saved("save-private", "client.key")
	v.take()
	chain, secret := v.saved("save-chain", "client.crt"), v.saved("save-key", "key.txt")
	if _, err := tls.X509KeyPair([]byte(chain), []byte(key)); err != nil {
		t.Errorf("the files do not fit together: %v", err)
	}
	if block, _ := pem.Decode([]byte(key)); block == nil || block.Type != "PRIVATE KEY" || !strings.HasPrefix(secret, "orpp_") || !strings.HasSuffix(secret, "\n") {
		t.Errorf("client.key or key.txt is not what it should be")
	}
	kit := kitFiles(t, []byte(v.saved("save-kit", "acme-main-test-1-kit.zip")))
	if kit["client.crt"] != chain {
		t.Error("the kit has another chain")
	}
	line := exec.Command("sh", "-c", v.text("pkcs12")+" -passout pass:x && openssl pkcs12 -in client.p12 -passin pass:x -nodes")
	line.Dir = v.files
	if out, err := line.CombinedOutput(); err != nil || strings.Count(string(out), "BEGIN CERTIFICATE") != 2 || !strings.Contains(string(out), "friendlyName: acme/main/test-1") {
		t.Errorf("the openssl line: %v\n%s", err, out)
	}
	v.do(chromedp.Click(chromedp.ID("stored")), chromedp.WaitVisible(chromedp.ID("done")))
	if v.text("key") != "" || v.text("private") != "" {
		t.Error("the secrets are still on the page")
	}
	if e, err := s.Enrollment(token); err != nil || e.Acknowledged == nil {
		t.Errorf("the link was not acknowledged: %v", err)
	}
	v.sentNothingOf(key)
}

// Who loses the page goes on with the saved private key: the link is bound to its public half.
func TestABrowserGoesOnWithASavedPrivateKey(t *testing.T) {
	s := open(t)
	_, token := s.MustRelease(s.MustDevice(s.MustAccount("acme"), "test-1", gate.Preprod))
	v := s.visit(t)
	v.do(chromedp.Navigate(v.url+"/enroll#"+token), chromedp.WaitVisible(chromedp.ID("browser")))
	v.makePair()
	key := v.saved("save-private", "client.key")
	v.take()
	first := v.text("key")

	again := s.visit(t)
	again.do(chromedp.Navigate(again.url+"/enroll#"+token), chromedp.WaitVisible(chromedp.ID("browser")))
	again.makePair()
	again.do(chromedp.Click(chromedp.ID("have")), chromedp.WaitEnabled(chromedp.ID("take-pair")), chromedp.Click(chromedp.ID("take-pair")),
		chromedp.WaitVisible(chromedp.ID("problem")))
	if said := again.text("problem"); !strings.Contains(said, "first redeemed with another public key") {
		t.Errorf("another pair: %q", said)
	}
	again.do(chromedp.SetUploadFiles(chromedp.ID("own"), []string{filepath.Join(v.files, "client.key")}),
		shows("private", key),
		chromedp.Click(chromedp.ID("take-pair")), chromedp.WaitVisible(chromedp.ID("result")))
	if second := again.text("key"); second == first || again.text("chain") != v.text("chain") {
		t.Error("the second redemption did not give a new key and the same certificate")
	}
	again.sentNothingOf(key)
}

// shows waits until an element's text is this.
func shows(id, text string) chromedp.Action[chromedp.Void] {
	poll := chromedp.Poll[bool]("document.getElementById(" + strconv.Quote(id) + ").textContent === " + strconv.Quote(text))
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Run(ctx, poll)
		return err
	})
}

// Without scripts the signing request goes by a form, and the buttons of the page that answers it work.
func TestAPageWithoutScriptsTakesASigningRequest(t *testing.T) {
	s := open(t)
	token, csr := s.released(t)
	v := s.visit(t)
	v.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}), chromedp.Navigate(v.url+"/enroll"), chromedp.WaitVisible(chromedp.ID("csr")),
		chromedp.SendKeys(chromedp.ID("token"), token), chromedp.SetValue(chromedp.ID("csr"), csr),
		chromedp.Click(chromedp.ID("take-csr")), chromedp.WaitVisible(chromedp.ID("save-kit")))
	body := see(v, chromedp.Text(chromedp.CSS("body")))
	if !strings.Contains(body, "orpp_") || !strings.Contains(body, "-----BEGIN CERTIFICATE-----") || strings.Contains(body, token) {
		t.Errorf("the page shows %q", body)
	}
	kit := kitFiles(t, []byte(v.saved("save-kit", "acme-main-test-1-kit.zip")))
	if kit["README.md"] == "" {
		t.Error("no kit")
	}
	v.do(chromedp.Click(chromedp.ID("stored")), chromedp.WaitVisible(chromedp.CSS(".done")))
	if e, err := s.Enrollment(token); err != nil || e.Acknowledged == nil {
		t.Errorf("the link was not acknowledged: %v", err)
	}
}

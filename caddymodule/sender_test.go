package caddymodule_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"

func TestNoticesGoOutByMailAndWebhookInTheOperatorsWords(t *testing.T) {
	w, mail := foundWorld(t), gatetest.NewMailServer(t)
	posts := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts <- string(body)
	}))
	t.Cleanup(hook.Close)
	must(t, os.WriteFile(w.path("hook"), []byte(hookSecret), 0o600))
	must(t, os.Mkdir(w.path("words"), 0o700))
	must(t, os.WriteFile(w.path("words/suspension.txt"), []byte("Subject: Stopped: {{.Name}}\n\n{{.Account}}, you are {{.Verb}}.\n"), 0o600))
	w.mustLoad(w.global("smtp "+mail.Address(), "webhook "+hook.URL+" {\n\t\t\tsecret_file "+w.path("hook")+"\n\t\t\tallow_private\n\t\t}", "templates "+w.path("words")))
	account, _ := w.customer("acme", gate.Sandbox)
	w.impose(w.ben, gate.Suspend, gate.AccountSubject, string(account.ID))
	eventually(t, "the mail", func() bool { return len(mail.Mails()) == 1 })
	got := mail.Mails()[0]
	if got.From != "help@example.com" || got.Header.Get("Subject") != "Stopped: acme" || got.Text != "Customer acme, you are suspended.\n" {
		t.Errorf("%+v", got)
	}
	if post := <-posts; !strings.Contains(post, "certgate.notice.suspension") {
		t.Errorf("%s", post)
	}
}

func TestASenderThatCannotWorkIsRefusedWithWords(t *testing.T) {
	w := foundWorld(t)
	file := func(name, content string, mode os.FileMode) string {
		must(t, os.WriteFile(w.path(name), []byte(content), mode))
		return w.path(name)
	}
	smtp := func(lines ...string) string {
		return "smtp 127.0.0.1:1 {\n\t\t\t" + strings.Join(lines, "\n\t\t\t") + "\n\t\t}"
	}
	hook := func(url string, lines ...string) string {
		return "webhook " + url + " {\n\t\t\t" + strings.Join(lines, "\n\t\t\t") + "\n\t\t}"
	}
	const url = "https://hooks.example/token-in-path"
	must(t, os.Mkdir(w.path("words"), 0o700))
	file("words/suspension.txt", "Subject: x\n\n{{.Acount}}\n", 0o600)
	for _, row := range []struct {
		name, line string
		says       []string
	}{
		{"server without a port", "smtp mail", []string{"smtp.address", `"mail"`, "host:port"}},
		{"sender that is none", smtp("from nobody"), []string{"smtp.from", `"nobody"`}},
		{"user without a password", smtp("username u"), []string{"username and password_file"}},
		{"password that is missing", smtp("username u", "password_file "+w.path("none")), []string{"smtp password_file", "no such file"}},
		{"password that all may read", smtp("username u", "password_file "+file("open", "x", 0o644)), []string{"smtp password_file", "0644", "chmod 600"}},
		{"password that is empty", smtp("username u", "password_file "+file("empty", "\n", 0o600)), []string{"smtp password_file", "empty"}},
		{"password that is a directory", smtp("username u", "password_file "+w.dir), []string{"smtp password_file", "regular file"}},
		{"authority that is none", smtp("ca " + file("ca", "no PEM", 0o644)), []string{"smtp ca", "PEM"}},
		{"webhook without a secret", "webhook " + url, []string{"hooks.example", "secret_file is missing"}},
		{"webhook in the clear", hook("http://hooks.example", "secret_file x"), []string{"webhook.url", "https"}},
		{"webhook with a bad secret", hook(url, "secret_file "+file("bad", "hunter2", 0o600)), []string{"webhook secret_file", "whsec_"}},
		{"webhook with an open secret", hook(url, "secret_file "+file("wide", hookSecret, 0o640)), []string{"webhook secret_file", "0640", "chmod 600"}},
		{"webhook twice", hook(url, "secret_file x") + "\n\t\t" + hook(url, "secret_file x"), []string{"hooks.example", "twice"}},
		{"checkpoint webhook without a secret", "checkpoint_webhook " + url, []string{"checkpoint_webhook", "hooks.example", "secret_file is missing"}},
		{"checkpoint webhook in the clear", "checkpoint_" + hook("http://hooks.example", "secret_file x"), []string{"checkpoint_webhook", "webhook.url", "https"}},
		{"checkpoint webhook with an open secret", "checkpoint_" + hook(url, "secret_file "+file("wide", hookSecret, 0o640)), []string{"checkpoint_webhook", "0640", "chmod 600"}},
		{"templates that are missing", "templates " + w.path("none"), []string{"templates", "none"}},
		{"templates with a slip", "templates " + w.path("words"), []string{"templates", "suspension.txt", ".Acount", "no such field"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := w.load(w.global(row.line))
			explains(t, err, row.says)
			if err != nil && (strings.Contains(err.Error(), "token-in-path") || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("it tells a secret: %v", err)
			}
		})
	}
}

func TestAConfigurationIsValidatedWithoutTheFilesOfSenders(t *testing.T) {
	w := foundWorld(t)
	config, err := adapt(w.global("smtp 127.0.0.1:1 {\n\t\t\tusername u\n\t\t\tpassword_file /nowhere\n\t\t}",
		"webhook https://hooks.example {\n\t\t\tsecret_file /nowhere\n\t\t}", "templates /nowhere"))
	must(t, err)
	must(t, validate(config))
}

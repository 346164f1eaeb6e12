package caddymodule

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/notify"
)

// SMTP is the mail server that sends notices.
type SMTP struct {
	// Address is its host and port. Port 465 speaks TLS from the first byte, any other must offer STARTTLS; only a loopback address is
	// spoken to in plain text.
	Address string `json:"address"`

	// From is the sender's address. Default: that of Contact.
	From string `json:"from,omitempty"`

	// Username signs in with the password in PasswordFile, which others must not be able to read. Both or neither. Default: none.
	Username     string `json:"username,omitempty"`
	PasswordFile string `json:"password_file,omitempty"`

	// CAFile holds the PEM certificates that the server's is verified against. Default: the system's.
	CAFile string `json:"ca_file,omitempty"`
}

// Webhook receives an event for each notice, or for each checkpoint.
type Webhook struct {
	// URL gets a POST for each event. It is https, and public, unless AllowPrivate.
	URL string `json:"url"`

	// SecretFile holds the signing secrets, whsec_ and base64, one on a line; others must not be able to read it. While a secret is being
	// replaced there are two, and each event is signed with both. Required.
	SecretFile string `json:"secret_file,omitempty"`

	// AllowPrivate permits private and loopback addresses, and plain http. Default: false.
	AllowPrivate bool `json:"allow_private,omitempty"`
}

// maxSenderFile bounds a file with a password or secrets, in bytes.
const maxSenderFile = 16 << 10

// placeholder has the form of a webhook's secret. Settings are checked with it where no file may be read.
const placeholder = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// checkSenders refuses what could not send. It reads no file: `caddy validate` may run where there are none.
func (a *App) checkSenders() error {
	if a.SMTP != nil {
		if (a.SMTP.Username == "") != (a.SMTP.PasswordFile == "") {
			return errors.New("smtp: username and password_file must both be given, or neither")
		}
		c := a.smtpConfig()
		if c.Username != "" {
			c.Password = placeholder
		}
		if _, err := notify.NewSMTP(c); err != nil {
			return err
		}
	}
	if w := a.CheckpointWebhook; w != nil {
		if _, err := w.check(); err != nil {
			return fmt.Errorf("checkpoint_webhook: %w", err)
		}
	}
	seen := make(map[string]bool)
	for _, w := range a.Webhooks {
		name, err := w.check()
		if err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("%s is configured twice", name)
		}
		seen[name] = true
	}
	return nil
}

// check refuses a webhook that could not be opened, as far as that shows without its file, and returns its name.
func (w *Webhook) check() (string, error) {
	hook, err := notify.NewWebhook(notify.WebhookConfig{URL: w.URL, Secrets: []string{placeholder}, AllowPrivate: w.AllowPrivate})
	if err != nil {
		return "", err
	}
	if w.SecretFile == "" {
		return "", fmt.Errorf("%s: secret_file is missing: it holds the secret by which the receiver knows our events", hook.Name())
	}
	return hook.Name(), nil
}

// addSenders reads the files and puts what sends notices, and their words, into the settings.
func (a *App) addSenders(s *authority.Settings) (err error) {
	if a.SMTP != nil {
		if s.Mail, err = a.newSMTP(); err != nil {
			return err
		}
	}
	for _, w := range a.Webhooks {
		hook, err := w.open()
		if err != nil {
			return err
		}
		s.Webhooks = append(s.Webhooks, hook)
	}
	if w := a.CheckpointWebhook; w != nil {
		if s.CheckpointWebhook, err = w.open(); err != nil {
			return fmt.Errorf("checkpoint_webhook: %w", err)
		}
	}
	if a.Templates == "" {
		return nil
	}
	if s.Templates, err = notify.ParseTemplates(os.DirFS(a.Templates)); err != nil {
		return fmt.Errorf("templates %s: %w", a.Templates, err)
	}
	return nil
}

func (a *App) smtpConfig() notify.SMTPConfig {
	from := a.SMTP.From
	if from == "" && a.Contact != nil {
		from = a.Contact.Email
	}
	return notify.SMTPConfig{Address: a.SMTP.Address, From: notify.Mailbox{Email: from}, Username: a.SMTP.Username}
}

func (a *App) newSMTP() (*notify.SMTP, error) {
	c := a.smtpConfig()
	if a.SMTP.PasswordFile != "" {
		password, err := readPrivate("smtp password_file", a.SMTP.PasswordFile)
		if err != nil {
			return nil, err
		}
		c.Password = password
	}
	if a.SMTP.CAFile != "" {
		pem, err := os.ReadFile(a.SMTP.CAFile)
		if err != nil {
			return nil, fmt.Errorf("smtp ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("smtp ca: %s holds no certificate in PEM", a.SMTP.CAFile)
		}
	}
	return notify.NewSMTP(c)
}

func (w *Webhook) open() (*notify.Webhook, error) {
	secrets, err := readPrivate("webhook secret_file", w.SecretFile)
	if err != nil {
		return nil, err
	}
	hook, err := notify.NewWebhook(notify.WebhookConfig{URL: w.URL, Secrets: strings.Fields(secrets), AllowPrivate: w.AllowPrivate})
	if err != nil {
		return nil, fmt.Errorf("webhook secret_file %s: %w", w.SecretFile, err)
	}
	return hook, nil
}

// readPrivate reads a file that nobody else may, without the line end. No error holds what the file does.
func readPrivate(option, path string) (content string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSenderFile {
		return "", fmt.Errorf("%s: %s must be a regular file of at most %d bytes", option, path, maxSenderFile)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s: %s may be used by others (mode %04o): run chmod 600 %s, and think about who may have read it", option, path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSenderFile))
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	content = strings.TrimRight(string(text), "\r\n")
	if content == "" {
		return "", fmt.Errorf("%s: %s is empty", option, path)
	}
	return content, nil
}

// smtp reads the mail server. Syntax:
//
//	smtp <host:port> {
//		from          <address>
//		username      <name>
//		password_file <path>
//		ca            <path>
//	}
func (a *App) smtp(d *caddyfile.Dispenser) error {
	if a.SMTP != nil {
		return d.Err("smtp is given twice; one server sends all mail")
	}
	a.SMTP = new(SMTP)
	if !d.AllArgs(&a.SMTP.Address) || a.SMTP.Address == "" {
		return d.Err("smtp takes the server's host and port, such as: smtp mail.example.com:587")
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var into *string
		switch d.Val() {
		case "from":
			into = &a.SMTP.From
		case "username":
			into = &a.SMTP.Username
		case "password_file":
			into = &a.SMTP.PasswordFile
		case "ca":
			into = &a.SMTP.CAFile
		default:
			return d.Errf("unknown option %q of smtp; allowed are from, username, password_file and ca", d.Val())
		}
		if err := oneArg(d, into); err != nil {
			return err
		}
	}
	return nil
}

// webhook reads one receiver; there may be several. Syntax:
//
//	webhook <url> {
//		secret_file   <path>
//		allow_private
//	}
func (a *App) webhook(d *caddyfile.Dispenser) error {
	w, err := parseWebhook(d)
	if err != nil {
		return err
	}
	a.Webhooks = append(a.Webhooks, w)
	return nil
}

// checkpointWebhook reads the receiver of checkpoints. Syntax:
//
//	checkpoint_webhook <url> {
//		secret_file   <path>
//		allow_private
//	}
func (a *App) checkpointWebhook(d *caddyfile.Dispenser) (err error) {
	if a.CheckpointWebhook != nil {
		return d.Err("checkpoint_webhook is given twice; let the one receiver pass them on")
	}
	a.CheckpointWebhook, err = parseWebhook(d)
	return err
}

// parseWebhook reads a receiver, of either directive.
func parseWebhook(d *caddyfile.Dispenser) (*Webhook, error) {
	name, w := d.Val(), new(Webhook)
	if !d.AllArgs(&w.URL) || w.URL == "" {
		return nil, d.Errf("%s takes the receiver's URL, such as: %s https://hooks.example.com/certgate", name, name)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "secret_file":
			if err := oneArg(d, &w.SecretFile); err != nil {
				return nil, err
			}
		case "allow_private":
			if w.AllowPrivate || d.NextArg() {
				return nil, d.Err("allow_private takes no argument and is given once")
			}
			w.AllowPrivate = true
		default:
			return nil, d.Errf("unknown option %q of %s; allowed are secret_file and allow_private", d.Val(), name)
		}
	}
	return w, nil
}

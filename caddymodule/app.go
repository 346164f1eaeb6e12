package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App is certgate's part of a configuration: where its data lies, what customers can call, and how certgate itself is reached.
type App struct {
	// DataDir is the directory that `certgate init` made. It must be on a local disk, and no other process may have it open.
	// Default: /var/lib/certgate.
	DataDir string `json:"data_dir,omitempty"`

	// SecretFile holds the secret under which everything in DataDir is encrypted and authenticated. It must lie outside DataDir and
	// be readable by certgate alone; who has both has everything. Default: /etc/certgate/secret.
	SecretFile string `json:"secret_file,omitempty"`

	// CheckpointFile is a file that signed checkpoints of the audit log are appended to. It must lie outside DataDir, on another disk or
	// machine: a start with a store that is older than the newest checkpoint in it lets no request through until two people accept that. Default: none.
	CheckpointFile string `json:"checkpoint_file,omitempty"`

	// CheckpointWebhook is sent each newest checkpoint of the audit log, as a signed event; it is tried for as long as it fails. Default: none.
	CheckpointWebhook *Webhook `json:"checkpoint_webhook,omitempty"`

	// PublicURL is where customers reach the site with `certgate_public`. Enrollment links and problem types are made from it; links
	// sent before a change of it stay as they were. Required.
	PublicURL string `json:"public_url,omitempty"`

	// APIURLs are where customers call the sites with `certgate`, by environment. What customers are given when they enroll, the kit of ready
	// files, names them; where one is missing, customers put it in themselves, and nothing else depends on it. Default: none.
	APIURLs map[string]string `json:"api_urls,omitempty"`

	// PKIURL is where anybody reaches the site with `certgate_pki`, usually by plain http. It is written into every certificate and
	// cannot be changed in those that exist. Required.
	PKIURL string `json:"pki_url,omitempty"`

	// Contact is whom refused customers are told to ask. Default: none.
	Contact *Contact `json:"contact,omitempty"`

	// Zone is the IANA time zone in which OneRecord's business days are counted: an approved customer is owed its credential by the end
	// of the next one. Default: America/New_York.
	Zone string `json:"zone,omitempty"`

	// Closed are days on which nobody works, such as "2026-12-24", besides weekends and US federal holidays. They count for approvals
	// from now on; a promise that was made is kept as it was. Default: none.
	Closed []gate.Date `json:"closed,omitempty"`

	// RequiredAgreements are the kinds of agreement that must be signed for a contract before a certification under it is approved, certified
	// anew, imported or carried over to a further term: baa (business associate), participation (the networks' terms), dua (data use), qsoa
	// (qualified service organization) or terms (OneRecord's own). At least one. It counts from the next such act on; who is certified stays
	// so. One left out by mistake lets customers be certified without it, and nothing points them out later but the
	// agreements in `certgate contract list --json`. One too many keeps every case from approval and every renewal from being made until it is signed.
	// Default: baa and participation.
	RequiredAgreements []gate.AgreementKind `json:"required_agreements,omitempty"`

	// Behaviors are the kinds of call that contracts can grant. A call that none matches is refused. Dropping or changing one that is
	// granted is refused on a reload until staff have allowed it (`certgate behavior allow`).
	Behaviors []gate.Behavior `json:"behaviors,omitempty"`

	// Patients say where calls name the patients that they are about, for plans that limit how many (patients-hour, patients-day). What is
	// not listed is not counted, and bodies are never read. Default: nowhere.
	Patients gate.PatientPlaces `json:"patients,omitzero"`

	// Plans say how much a device may use in sandbox and in preprod; in production its contract does. Default: no limit.
	Plans map[string]gate.Limits `json:"plans,omitempty"`

	// SourceLimit is how many refused requests may come from one address (of IPv6 one /64), or with one certificate, until further ones get 429
	// in place of their 401 or 403. A request that is in order is never held back by it. A rate, or "off"; too low, and a customer that made
	// a mistake cannot read which. Default: rate 60/60s burst 300.
	SourceLimit *gate.Limit `json:"source_limit,omitempty"`

	// RateLimitHeaders is in which version answers say which limits are about a call and what is left of them, in the header fields
	// RateLimit-Policy and RateLimit: "draft-10" of the IETF's httpapi working group, the only one that there is, or "off". Drafts differ so much
	// that a client for one misreads another, so this stays as it is until you change it. Retry-After and the violated policies in the body
	// are sent either way. Default: draft-10.
	RateLimitHeaders string `json:"ratelimit_headers,omitempty"`

	// SMTP is the mail server that sends notices to customers. Without it notices stay owed, and staff deliver them by hand.
	SMTP *SMTP `json:"smtp,omitempty"`

	// Webhooks get an event for each notice, without the secret links. Default: none.
	Webhooks []*Webhook `json:"webhooks,omitempty"`

	// Templates is a directory with the words of notices: KIND.txt and KIND.html stand in the place of the built-in text of that kind.
	// Default: the built-in texts.
	Templates string `json:"templates,omitempty"`

	ctx      caddy.Context
	log      *zap.Logger
	key      string                           // of the pool: the cleaned path of DataDir
	acquired bool                             // a reference in the pool is ours; Caddy serializes what reads and writes it
	opened   atomic.Pointer[pooled]           // once acquired
	config   atomic.Pointer[authority.Config] // once started
	ready    chan struct{}                    // closed once config is set
	facts    facts
	pools    pools
}

// Contact is whom refused customers are told to ask.
type Contact struct {
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

const (
	defaultDataDir    = "/var/lib/certgate"
	defaultSecretFile = "/etc/certgate/secret" //nolint:gosec // a path, not a secret
	// startWait bounds how long a request waits for a cold start: Caddy may serve before every app has started.
	startWait = 5 * time.Second
)

// pool holds the open data directories of this process by path: at most one open handle exists of each, and it survives reloads.
var pool = caddy.NewUsagePool()

// pooled is an entry of the pool.
type pooled struct{ *authority.Authority }

// Destruct implements caddy.Destructor: the last configuration that used the data directory is gone.
func (p *pooled) Destruct() error { return p.Close() }

// CaddyModule implements caddy.Module.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "certgate", New: func() caddy.Module { return new(App) }}
}

// errCold keeps Provision from opening anything: `caddy validate` provisions too, perhaps beside a running server.
var errCold = errors.New("the data directory is not open yet")

// Provision resolves settings and, on a reload, takes a reference to the data directory that is open already. It touches no disk.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.log, a.ready = ctx, ctx.Logger(), make(chan struct{})
	if a.DataDir == "" {
		a.DataDir = defaultDataDir
	}
	if a.SecretFile == "" {
		a.SecretFile = defaultSecretFile
	}
	path, err := filepath.Abs(a.DataDir)
	if err != nil {
		return fmt.Errorf("data_dir %q: %w", a.DataDir, err)
	}
	a.key = filepath.Clean(path)
	if err := a.acquire(func() (caddy.Destructor, error) { return nil, errCold }); err != nil && !errors.Is(err, errCold) {
		return err
	}
	return registerCollector(ctx, a)
}

// Validate refuses settings that could not start.
func (a *App) Validate() error {
	if _, err := gate.Compile(a.Behaviors); err != nil {
		return err
	}
	if err := a.checkSenders(); err != nil {
		return err
	}
	if err := a.checkPlans(); err != nil {
		return err
	}
	if err := errors.Join(a.checkAPIURLs(), checkRateLimitHeaders(a.RateLimitHeaders)); err != nil {
		return err
	}
	s := a.settings()
	return s.Check()
}

// Start opens the data directory if no earlier configuration has, and puts this configuration into force.
func (a *App) Start() error {
	if err := a.acquire(a.open); err != nil {
		return err
	}
	settings := a.settings()
	if err := a.addSenders(&settings); err != nil {
		return err
	}
	config, err := a.opened.Load().Start(settings)
	if err != nil {
		return err
	}
	a.config.Store(config)
	close(a.ready)
	return nil
}

// Stop does nothing: requests may still run, and those of the http app may even begin after it.
func (*App) Stop() error { return nil }

// Cleanup ends this configuration. The data directory is closed when no configuration uses it any more.
func (a *App) Cleanup() error {
	if config := a.config.Load(); config != nil {
		config.Close()
	}
	if !a.acquired {
		return nil
	}
	a.acquired = false
	if _, err := pool.Delete(a.key); err != nil {
		return fmt.Errorf("close %s: %w", a.key, err)
	}
	return nil
}

func (a *App) acquire(open caddy.Constructor) error {
	if a.acquired {
		return nil
	}
	value, _, err := pool.LoadOrNew(a.key, open)
	if err != nil {
		return err
	}
	entry, ok := value.(*pooled)
	if !ok {
		return fmt.Errorf("the pool holds a %T for %s", value, a.key)
	}
	a.acquired = true
	a.opened.Store(entry)
	return nil
}

func (a *App) open() (caddy.Destructor, error) {
	opened, err := authority.Open(authority.Options{DataDir: a.DataDir, SecretFile: a.SecretFile, CheckpointFile: a.CheckpointFile, Log: runningLog(), Now: clock})
	if err != nil {
		return nil, err
	}
	return &pooled{opened}, nil
}

func (a *App) settings() authority.Settings {
	s := authority.Settings{Behaviors: a.Behaviors, PublicURL: a.PublicURL, PKIURL: a.PKIURL, Zone: a.Zone, ClosedDays: a.Closed, Active: a.active}
	s.RequiredAgreements, s.Pooled = a.RequiredAgreements, a.pools.have
	s.CheckpointFile, s.Patients = a.CheckpointFile, a.Patients
	s.SourceLimit = a.SourceLimit
	for name, address := range a.APIURLs {
		if e, err := gate.ParseEnvironment(name); err == nil { // what is no environment was refused by checkAPIURLs
			if s.APIURLs == nil {
				s.APIURLs = make(map[gate.Environment]string)
			}
			s.APIURLs[e] = address
		}
	}
	for name, plan := range a.Plans {
		if e, err := gate.ParseEnvironment(name); err == nil { // what is no environment was refused by checkPlans
			if s.Plans == nil {
				s.Plans = make(map[gate.Environment]gate.Limits)
			}
			s.Plans[e] = plan
		}
	}
	if a.Contact != nil {
		s.Contact = authority.Contact{Email: a.Contact.Email, Phone: a.Contact.Phone}
	}
	return s
}

// active reports whether Caddy runs this configuration: it switches only after every app has started.
func (a *App) active() bool { return running() == a }

// wait returns the configuration in force, waiting a little for a cold start. The error is authority.ErrUnavailable.
func (a *App) wait(ctx context.Context) (*authority.Config, error) {
	if config := a.config.Load(); config != nil {
		return config, nil
	}
	timer := time.NewTimer(startWait)
	defer timer.Stop()
	select {
	case <-a.ready:
		return a.config.Load(), nil
	case <-ctx.Done():
	case <-timer.C:
	}
	return nil, authority.ErrUnavailable
}

// authority returns the open data directory, nil before the cold start is done.
func (a *App) authority() *authority.Authority {
	if entry := a.opened.Load(); entry != nil {
		return entry.Authority
	}
	return nil
}

// configured finds the app of the configuration that is being provisioned.
func configured(ctx caddy.Context) (*App, error) {
	v, err := ctx.AppIfConfigured("certgate")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, errors.New("there is no `certgate` block in the global options; it says where the data directory is and what can be called")
	}
	if err != nil {
		return nil, err
	}
	app, ok := v.(*App)
	if !ok {
		return nil, fmt.Errorf("the certgate app is a %T", v)
	}
	return app, nil
}

var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.Validator    = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)

// Running is the open data directory of the configuration that Caddy runs in this process; nil if none does.
func Running() *authority.Authority {
	if app := running(); app != nil {
		return app.authority()
	}
	return nil
}

// running is the app of the configuration that Caddy runs; nil if it runs none, or one without certgate.
func running() *App {
	v, err := caddy.ActiveContext().AppIfConfigured("certgate")
	if err != nil {
		return nil
	}
	app, _ := v.(*App)
	return app
}

package authority

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// Settings are what one Caddy configuration says, as the app read it.
type Settings struct {
	Behaviors []gate.Behavior
	PublicURL string // where certgate_public is reached; enrollment links lead there
	PKIURL    string // where certgate_pki is reached; written into certificates
	Contact   Contact
	// APIURLs are where customers call the site of an environment; their kits say so. Absent: they leave it open.
	APIURLs map[gate.Environment]string
	// Patients say where calls name patients, for plans that limit how many.
	Patients gate.PatientPlaces
	// SourceLimit is how many refused requests may come from one address or with one certificate: a rate. Nil: DefaultSourceLimit; of the kind
	// "off": no limit.
	SourceLimit *gate.Limit
	// Plans say how much a device may use in an environment where no contract says it; absent: no limit.
	Plans map[gate.Environment]gate.Limits
	// Zone is where business days are counted, by IANA name; empty: DefaultZone. ClosedDays are days besides weekends and US federal
	// holidays on which nobody works. Both count for approvals from now on.
	Zone       string
	ClosedDays []gate.Date
	// RequiredAgreements are the kinds of agreement without which nothing is certified from now on; empty: baa and participation.
	RequiredAgreements []gate.AgreementKind
	// Mail and Webhooks send notices; without any they stay owed. Templates are the words of notices; nil: the built-in ones.
	Mail      *notify.SMTP
	Webhooks  []*notify.Webhook
	Templates *notify.Templates
	// Active reports whether this configuration is the one that Caddy runs. A configuration starts before it is known to be good, so
	// its behaviors become the table of record only once this is true. Nil: at once.
	Active func() bool
	// Pooled reports whether every trust pool of this configuration that is for the audience has the CA. Nil: there is no pool.
	Pooled func(audience gate.Audience, ca gate.Fingerprint) bool
	// CheckpointFile is a file on another disk or machine that checkpoints of the audit log are appended to; empty: none. A store that is
	// older than the newest in it is quarantined.
	CheckpointFile string
	// CheckpointWebhook is sent each newest checkpoint, to carry it off the machine; nil: none is.
	CheckpointWebhook *notify.Webhook
}

// Contact is whom a refused customer should ask.
type Contact struct {
	Email string
	Phone string
}

// line is the contact in one line, as notices name it.
func (c Contact) line() string {
	if c.Phone == "" {
		return c.Email
	}
	return c.Email + ", " + c.Phone
}

// Config is a configuration in force: compiled by Start, closed when Caddy cleans it up. Requests that began under it may finish
// after that.
type Config struct {
	authority   *Authority
	settings    Settings
	sites       map[gate.Environment]*gate.Site
	calendar    gate.Calendar
	required    gate.Requirements
	sourceLimit *gate.Limit  // nil: none
	recorded    atomic.Bool  // its behaviors are the table of record
	outside     atomic.Int64 // events that the newest checkpoint in its checkpoint file covers
	retry       time.Time    // when that file is tried again; touched by the job alone
	carried     carried      // what the checkpoint webhook has; touched by the job alone
}

// Start compiles a configuration. It is refused if it drops or widens a behavior that is granted to anybody, unless staff have
// allowed that; on a cold start there is no older configuration to go on with, so those behaviors are blocked instead. It is also refused
// if the store contradicts its checkpoint file. Where the store is older, a cold start quarantines it, and a reload is refused (ErrOlderStore).
func (a *Authority) Start(s Settings) (*Config, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	behaviors, err := gate.Compile(s.Behaviors)
	if err != nil {
		return nil, err
	}
	patients, err := s.Patients.Compile()
	if err != nil {
		return nil, err
	}
	calendar, err := s.calendar()
	if err != nil {
		return nil, err
	}
	required, err := s.requirements()
	if err != nil {
		return nil, err
	}
	compare := a.checkOutside
	if a.isCold() {
		compare = a.confront
	}
	outside, err := compare(s.CheckpointFile)
	if err != nil {
		return nil, err
	}
	a.configsMu.Lock()
	defer a.configsMu.Unlock()
	if changed := a.grantedAndChanged(behaviors); len(changed) > 0 {
		if len(a.configs) > 0 {
			return nil, fmt.Errorf("this configuration drops or changes behaviors that are granted: %s; allow it first (certgate behavior allow NAME) or leave them as they are",
				strings.Join(changed, ", "))
		}
		a.log.Warn("behaviors were changed while certgate was stopped; they are denied until staff allow it: certgate behavior allow NAME")
		behaviors = behaviors.Block(changed)
	}
	if err := a.checkAffordable(behaviors.Cost, len(a.configs) == 0); err != nil {
		return nil, err
	}
	c := &Config{authority: a, settings: s, calendar: calendar, required: required, sites: make(map[gate.Environment]*gate.Site)}
	for e := gate.Sandbox; e <= gate.Production; e++ {
		c.sites[e] = &gate.Site{Environment: e, Behaviors: behaviors, Patients: patients, Plan: &gate.UsagePlan{Limits: s.Plans[e], Zone: calendar.Zone, Environment: e}}
	}
	c.sourceLimit = s.sourceLimit()
	c.outside.Store(outside)
	a.configs = append(a.configs, c)
	return c, nil
}

// isCold reports whether no configuration is open.
func (a *Authority) isCold() bool {
	a.configsMu.Lock()
	defer a.configsMu.Unlock()
	return len(a.configs) == 0
}

// Close takes the configuration out of the list that jobs choose from. Requests under it still finish.
func (c *Config) Close() {
	a := c.authority
	a.configsMu.Lock()
	defer a.configsMu.Unlock()
	a.configs = slices.DeleteFunc(a.configs, func(other *Config) bool { return other == c })
}

// Authority is the open data directory behind this configuration.
func (c *Config) Authority() *Authority { return c.authority }

// Site is what rules need to know about a site of the environment.
func (c *Config) Site(e gate.Environment) *gate.Site { return c.sites[e] }

// Contact is whom a refused customer should ask.
func (c *Config) Contact() Contact { return c.settings.Contact }

// PublicURL is where customers reach certgate_public, without a slash at the end.
func (c *Config) PublicURL() string { return strings.TrimSuffix(c.settings.PublicURL, "/") }

// current is the newest configuration that is still open and in force, nil if there is none.
func (a *Authority) current() *Config {
	a.configsMu.Lock()
	defer a.configsMu.Unlock()
	for _, c := range slices.Backward(a.configs) {
		if active := c.settings.Active; active == nil || active() {
			return c
		}
	}
	return nil
}

// known reports whether the running configuration has the behavior.
func (a *Authority) known(name string) bool { return a.costOf(name) > 0 }

// costOf is what a call of the behavior takes under the running configuration, in units; 0 if that has no such behavior.
func (a *Authority) costOf(name string) int {
	c := a.current()
	if c == nil {
		return 0
	}
	return c.sites[gate.Production].Behaviors.Cost(name)
}

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	for _, u := range []struct{ name, value string }{{"public_url", s.PublicURL}, {"pki_url", s.PKIURL}} {
		if u.value == "" {
			return fmt.Errorf("%s is missing: it goes into links and certificates, for example https://connect.example.com", u.name)
		}
		parsed, err := url.Parse(u.value)
		if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" {
			return fmt.Errorf("%s %q must be an http or https URL without query and fragment", u.name, u.value)
		}
	}
	if !strings.HasPrefix(strings.ToLower(s.PublicURL), "https:") {
		return fmt.Errorf("public_url %q must be an https URL: enrollment links lead there, and keys come back from there", s.PublicURL)
	}
	if err := s.checkAPIURLs(); err != nil {
		return err
	}
	if _, err := s.Patients.Compile(); err != nil {
		return err
	}
	if err := errors.Join(s.checkPlans(), s.checkSourceLimit()); err != nil {
		return err
	}
	_, err := s.calendar()
	if err == nil {
		_, err = s.requirements()
	}
	return err
}

// requirements are the agreements that the settings demand.
func (s *Settings) requirements() (gate.Requirements, error) {
	if len(s.RequiredAgreements) == 0 {
		return gate.Requirements{}, nil
	}
	r, err := gate.Require(s.RequiredAgreements...)
	if err != nil {
		return r, fmt.Errorf("required_agreements: %w", err)
	}
	return r, nil
}

// Requirements are the agreements without which nothing is certified, as the running configuration has them.
func (a *Authority) Requirements() gate.Requirements {
	if c := a.current(); c != nil {
		return c.required
	}
	return gate.Requirements{}
}

// NoSourceLimit is a SourceLimit that is none.
const NoSourceLimit gate.LimitKind = "off"

func (s *Settings) sourceLimit() *gate.Limit {
	switch {
	case s.SourceLimit == nil:
		return &DefaultSourceLimit
	case s.SourceLimit.Kind == NoSourceLimit:
		return nil
	}
	return s.SourceLimit
}

func (s *Settings) checkSourceLimit() error {
	l := s.sourceLimit()
	switch {
	case l == nil:
		return nil
	case l.Kind != gate.RateLimit || l.Per != "" || l.Behavior != "":
		return fmt.Errorf("source_limit %s: must be a rate for all calls, such as rate 60/60s burst 300, or off", l)
	}
	if err := (gate.Limits{*l}).Check(nil); err != nil {
		return fmt.Errorf("source_limit %s: %w", l, err)
	}
	return nil
}

func (s *Settings) checkPlans() error {
	behaviors, err := gate.Compile(s.Behaviors)
	if err != nil {
		return err
	}
	for e, plan := range s.Plans {
		if e.NeedsCertification() {
			return fmt.Errorf("plan %s: there contracts say how much may be used", e)
		}
		err := plan.Check(behaviors.Cost)
		if err == nil {
			err = plan.Affords(names(s.Behaviors), behaviors.Cost)
		}
		if err != nil {
			return fmt.Errorf("plan %s: %w", e, err)
		}
	}
	return nil
}

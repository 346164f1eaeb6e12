package cli

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// profile says which server is meant and who asks. Profiles are kept by name in config.yaml:
//
//	use: ben                    # where no profile is named; left out: default
//	profiles:
//	  ben:
//	    admin_url: https://admin.example.com
//	    certificate: ben.crt
//	    key: ben.key
//
// File names in it are relative to the directory that it lies in.
type profile struct {
	// AdminURL is the site with certgate_admin.
	AdminURL string `yaml:"admin_url"`
	// Certificate and Key are PEM files: the client certificate of a staff member, with its chain, and the private key.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	// CA is a PEM file with the CAs that may have issued the server's certificate. Empty: the system's.
	CA string `yaml:"ca,omitempty"`
}

// flags are those of every command that talks to a server.
type flags struct {
	profile string
	given   profile // overrides the profile of the file, field by field
	json    bool
	dryRun  bool
	key     string // Idempotency-Key
	match   string // If-Match
}

// exchangeTimeout bounds one request; the server answers everything within a second or so.
const exchangeTimeout = 30 * time.Second

// connected adds the flags that say which server, to a command and all below it.
func (t *tool) connected(c *cobra.Command) *cobra.Command {
	f := c.PersistentFlags()
	f.StringVar(&t.flags.profile, "profile", "", "profile in the configuration file (or CERTGATE_PROFILE; default: default)")
	f.StringVar(&t.flags.given.AdminURL, "admin-url", "", "URL of the admin site (or CERTGATE_ADMIN_URL)")
	f.StringVar(&t.flags.given.Certificate, "cert", "", "PEM file with your client certificate (or CERTGATE_CERT)")
	f.StringVar(&t.flags.given.Key, "key", "", "PEM file with its private key (or CERTGATE_KEY)")
	f.StringVar(&t.flags.given.CA, "ca", "", "PEM file with the CA of the server's certificate (or CERTGATE_CA; default: the system's)")
	f.BoolVar(&t.flags.json, "json", false, "print the answer as JSON, as the API gave it")
	return c
}

// profile is what file, environment and flags come to.
func (t *tool) profile() (profile, error) {
	p, err := t.stored()
	if err != nil {
		return p, err
	}
	for _, o := range []struct {
		into     *string
		flag     string
		variable string
	}{
		{&p.AdminURL, t.flags.given.AdminURL, "CERTGATE_ADMIN_URL"},
		{&p.Certificate, t.flags.given.Certificate, "CERTGATE_CERT"},
		{&p.Key, t.flags.given.Key, "CERTGATE_KEY"},
		{&p.CA, t.flags.given.CA, "CERTGATE_CA"},
	} {
		if v := os.Getenv(o.variable); v != "" {
			*o.into = v
		}
		if o.flag != "" {
			*o.into = o.flag
		}
	}
	return p, p.check()
}

// check says what is missing.
func (p *profile) check() error {
	for _, o := range []struct{ value, flag, what string }{
		{p.AdminURL, "--admin-url", "the URL of the admin site"},
		{p.Certificate, "--cert", "a PEM file with your client certificate"},
		{p.Key, "--key", "a PEM file with its private key"},
	} {
		if o.value == "" {
			return usagef("%s is missing: %s; give it, or keep it in a profile in %s", o.flag, o.what, configPath())
		}
	}
	return p.checkURL()
}

// checkURL refuses what is no admin site.
func (p *profile) checkURL() error {
	if p.AdminURL == "" {
		return usagef("--admin-url is missing: the URL of the admin site")
	}
	u, err := url.Parse(p.AdminURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return usagef("admin URL %q must be of the form https://admin.example.com", p.AdminURL)
	}
	return nil
}

// configPath is where profiles are kept; empty if the system does not say where configuration belongs.
func configPath() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "certgate", "config.yaml")
}

// profileEntries are what config.yaml may hold.
type profileEntries struct {
	Use      string             `yaml:"use"`
	Profiles map[string]profile `yaml:"profiles"`
}

// readProfiles reads config.yaml strictly. One that is not there is empty, with an error of fs.ErrNotExist.
func readProfiles() (file profileEntries, path string, err error) {
	path = configPath()
	text, err := os.ReadFile(path)
	if err != nil {
		return file, path, fmt.Errorf("read the profiles: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return file, path, fmt.Errorf("read the profiles in %s: %w", path, err)
	}
	return file, path, nil
}

// stored is the profile of the configuration file. Without a name the one that the file says is used, or the one called default if there is one.
func (t *tool) stored() (profile, error) {
	name := cmp.Or(t.flags.profile, os.Getenv("CERTGATE_PROFILE"))
	file, path, err := readProfiles()
	if errors.Is(err, fs.ErrNotExist) && name == "" {
		return profile{}, nil
	}
	if err != nil {
		return profile{}, err
	}
	name = cmp.Or(name, file.Use)
	p, ok := file.Profiles[cmp.Or(name, defaultProfile)]
	if !ok && name != "" {
		known := slices.Sorted(maps.Keys(file.Profiles))
		return p, usagef("there is no profile %q in %s; there are: %s", name, path, strings.Join(known, ", "))
	}
	p.resolve(filepath.Dir(path))
	return p, nil
}

// resolve makes the names of files those that the system knows.
func (p *profile) resolve(dir string) {
	for _, f := range []*string{&p.Certificate, &p.Key, &p.CA} {
		if *f != "" && !filepath.IsAbs(*f) {
			*f = filepath.Join(dir, *f)
		}
	}
}

// client makes an HTTP client that shows the profile's certificate.
func (p *profile) client() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.Certificate != "" {
		pair, err := loadPair(p.Certificate, p.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if p.CA != "" {
		pool, err := loadPool(p.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	return &http.Client{
		Timeout:   exchangeTimeout,
		Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true},
		// The API never redirects; what does is not the API, and must not get what was meant for it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// loadPair reads a certificate and its key. A key that others may read is refused: whoever has it acts in your name.
func loadPair(certificate, key string) (tls.Certificate, error) {
	if err := checkPrivate(key); err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return pair, fmt.Errorf("load %s and %s: %w", certificate, key, err)
	}
	return pair, nil
}

func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read the private key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("the private key %s may be read by others (mode %04o): run chmod 600 %s, and think about who may have read it", path, mode, path)
	}
	return nil
}

func loadPool(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the server's CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return pool, nil
}

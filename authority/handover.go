package authority

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Handover is what a link gave and what goes with it, but for the secrets: what a customer's kit is made of.
type Handover struct {
	Enrollment  *gate.Enrollment
	Device      *gate.Device
	Certificate *gate.Certificate
	Chain       []byte // PEM: the certificate, then the issuing CA
	APIURL      string // of the site that the device calls, without a slash at the end; empty if the configuration does not say
	PublicURL   string // as Config.PublicURL
	Contact     string // whom to ask, in one line; empty if the configuration does not say
}

// Handover finds what a redeemed link gave, for whoever holds the link, until the link ends; that it was acknowledged does not matter.
// It changes nothing.
func (a *Authority) Handover(token string) (*Handover, error) {
	e, err := a.Enrollment(token)
	if err != nil {
		return nil, err
	}
	switch {
	case e.Canceled != nil || !a.now().Before(e.ExpiresAt):
		return nil, gate.Errorf(gate.Conflict, "this link has ended; ask for a new one if you need another credential")
	case e.Redemptions == 0:
		return nil, gate.Errorf(gate.Conflict, "there is no certificate yet: take certificate and key first")
	}
	config := a.current()
	if config == nil {
		return nil, gate.Errorf(gate.ShuttingDown, "no configuration is in force yet; try again")
	}
	h := &Handover{Enrollment: e, PublicURL: config.PublicURL(), Contact: config.Contact().line()}
	err = a.store.View(func(tx *certstore.Tx) (err error) { // the directory has no certificates in DER
		h.Certificate, err = certstore.Get[gate.Certificate](tx, string(e.Certificate))
		return err
	})
	if err != nil {
		return nil, err
	}
	if h.Device, err = a.dir.Device(string(e.Device)); err != nil {
		return nil, err
	}
	h.APIURL = config.APIURL(h.Device.Environment)
	h.Chain, err = a.chainOf(h.Certificate)
	return h, err
}

// APIURL is where customers call the site of the environment, without a slash at the end; empty if the configuration does not say.
func (c *Config) APIURL(e gate.Environment) string {
	return strings.TrimSuffix(c.settings.APIURLs[e], "/")
}

// apiURLLetters may stand in an api_url. It is written into scripts and programs, where others could end a string.
const apiURLLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:/[]"

func (s *Settings) checkAPIURLs() error {
	for e, address := range s.APIURLs {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" || strings.Trim(address, apiURLLetters) != "" {
			return fmt.Errorf("api_url %s %q must be an https URL with a host and no path, for example https://api.example.com", e, address)
		}
	}
	return nil
}

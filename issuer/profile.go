package issuer

import (
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"
)

// Profile is a kind of leaf. Both are clientAuth only, with one URI as their
// name; they are code and not templates, so that no setting can make a leaf into
// something else. The zero value is no profile.
type Profile int

// The closed list of profiles.
const (
	// DeviceProfile is for the calling system of a customer. Its CRL and issuer
	// URLs are required: others judge the certificate too, and a URL cannot be
	// added to one that exists.
	DeviceProfile Profile = iota + 1
	// StaffProfile is for a person who operates. Its URLs may be absent: the first
	// ones are made before any site is configured, and only the gate itself, which
	// asks its store, ever judges them.
	StaffProfile
)

// Profiles returns every profile, in a fixed order.
func Profiles() []Profile { return []Profile{DeviceProfile, StaffProfile} }

// String returns the profile's name.
func (p Profile) String() string {
	switch p {
	case DeviceProfile:
		return "device"
	case StaffProfile:
		return "staff"
	}
	return fmt.Sprintf("profile(%d)", int(p))
}

// LeafRequest is what one leaf shall say. The caller takes all of it but the key
// from its own records.
type LeafRequest struct {
	// Key comes from ParseCSR, or from NewApplicantKey for a pair made here.
	Key ApplicantKey
	// CommonName is for people: 1 to 64 printable characters.
	CommonName string
	// URI names the holder: absolute, without user, query and fragment.
	URI *url.URL
	// Serial is drawn by NewSerial.
	Serial *big.Int
	// NotAfter is the end of validity, at most LeafLifetime from now and not after
	// the CA's own end. Fractions of a second are cut off.
	NotAfter time.Time
	// CRLURL and IssuerURL are where the CA's CRL and certificate are served in
	// DER, by http or https. Plain http is what RFC 5280 section 8 prefers: both
	// are signed, and fetching one must not need a certificate check of its own.
	CRLURL, IssuerURL string
}

// check names everything in the request that cannot go into a leaf.
func (r LeafRequest) check(p Profile) error {
	var problems []error
	if p != DeviceProfile && p != StaffProfile {
		problems = append(problems, fmt.Errorf("%v is unknown; allowed are %v and %v", p, DeviceProfile, StaffProfile))
	}
	problems = append(problems, checkLeafKey(r.Key.Public), checkName(r.CommonName), checkURI(r.URI), checkSerial(r.Serial))
	if r.NotAfter.IsZero() {
		problems = append(problems, errors.New("the end of validity is missing"))
	}
	// Staff leaves have both URLs or none; one alone is a mistake in any profile.
	if p != StaffProfile || r.CRLURL != "" || r.IssuerURL != "" {
		problems = append(problems, checkURL("CRL URL", r.CRLURL), checkURL("CA issuers URL", r.IssuerURL))
	}
	return errors.Join(problems...)
}

// maxURLLength bounds every URL in a certificate, in bytes.
const maxURLLength = 512

// checkURI judges the name a leaf carries.
func checkURI(u *url.URL) error {
	if u == nil {
		return errors.New("the URI is missing")
	}
	text := u.String()
	if u.Scheme == "" || (u.Host == "" && u.Opaque == "") {
		return fmt.Errorf("the URI %q is not absolute; it needs a scheme and a host (or urn:...)", text)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return fmt.Errorf("the URI %q has a user, query or fragment; none is allowed", u.Redacted())
	}
	// In text the host would already be percent-encoded, which is no host.
	return errors.Join(checkURLText("URI's host", u.Host), checkURLText("URI", text))
}

// checkURL judges a place where others fetch something.
func checkURL(what, text string) error {
	if text == "" {
		return fmt.Errorf("the %s is missing", what)
	}
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("the %s is not readable: %w", what, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("the %s %q must begin with http:// or https:// and a host", what, u.Redacted())
	}
	if u.User != nil || u.Fragment != "" {
		return fmt.Errorf("the %s %q has a user or fragment; none is allowed", what, u.Redacted())
	}
	return errors.Join(checkURLText(what+"'s host", u.Host), checkURLText(what, text))
}

// checkURLText bounds the length and keeps to what an IA5String may hold and
// every reader prints alike.
func checkURLText(what, text string) error {
	if len(text) > maxURLLength {
		return fmt.Errorf("the %s has %d bytes; at most %d are allowed", what, len(text), maxURLLength)
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return fmt.Errorf("the %s %q holds a byte that is not printable ASCII", what, text)
		}
	}
	return nil
}

package authority

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// OldCredentials are what a device has used before certgate and is to go on using: at most two of each kind, as of ours.
type OldCredentials struct {
	Tokens       []string // whole; kept as MACs alone
	Certificates []string // PEM: the certificate, and after it its issuing CA, unless Takeover.CAs has it
}

func (o *OldCredentials) any() bool { return len(o.Tokens)+len(o.Certificates) > 0 }

// Limits of the imported CAs. Every handshake names all trusted CAs to the client, strangers too; some clients read no more than 12 kB of
// names, and a handshake should fit into few packets.
const (
	MaxForeignCAs     = 64
	maxForeignCANames = 8 << 10 // bytes of distinguished names in DER
)

// foreign is what a draft knows of the credentials in it.
type foreign struct {
	cas    []*foreignCA
	tokens map[gate.Fingerprint]string // where each stands, by its MAC under the newest pepper
	leaves map[gate.Fingerprint]string // by fingerprint
	pins   []pin
}

// foreignCA is a CA that is given with an import.
type foreignCA struct {
	cert   *x509.Certificate
	field  string // where it is given, to its end
	common bool   // for the whole import, and so it must be needed
	record *gate.CA
}

// pin is a certificate of a device, and where it is given.
type pin struct {
	field     string
	device    gate.DeviceID
	publicKey gate.Fingerprint
}

// commonCAs reads the CAs that are given once for all customers.
func (d *draft) commonCAs(list []string) {
	for i, text := range list {
		field := fmt.Sprintf("cas[%d]", i)
		certs, err := issuer.ParseCertificatesPEM([]byte(text))
		if err != nil {
			d.note(field, gate.Errorf(gate.Invalid, "%s", err))
			continue
		}
		for _, cert := range certs {
			d.foreign.cas = append(d.foreign.cas, &foreignCA{cert: cert, field: field, common: true})
		}
	}
}

// credentials drafts what a device brings along.
func (d *draft) credentials(field string, device *gate.Device, in OldCredentials) {
	if len(in.Tokens) > gate.MaxLive {
		d.note(field+".tokens", gate.Errorf(gate.Invalid, "has %d; a device can have %d live keys", len(in.Tokens), gate.MaxLive))
		return
	}
	if len(in.Certificates) > gate.MaxLive {
		d.note(field+".certificates", gate.Errorf(gate.Invalid, "has %d; a device can have %d live certificates", len(in.Certificates), gate.MaxLive))
		return
	}
	for i, token := range in.Tokens {
		at := fmt.Sprintf("%s.tokens[%d]", field, i)
		d.note(at, d.token(d.at(at), device, token))
	}
	for i, text := range in.Certificates {
		at := fmt.Sprintf("%s.certificates[%d]", field, i)
		d.note(at, d.certificate(d.at(at), device, text))
	}
}

// token drafts the record of a token. No error names the token.
func (d *draft) token(at string, device *gate.Device, token string) error {
	if err := gate.CheckToken(token); err != nil {
		return err
	}
	pepper, mac := d.a.macs.sum(token)
	if other := d.foreign.tokens[mac]; other != "" {
		return gate.Errorf(gate.Invalid, "is the same as %s; a token names one device", other)
	}
	d.foreign.tokens[mac] = at
	if d.a.token(token) != nil {
		return gate.Errorf(gate.Exists, "was imported before; a token names one device, and one that was revoked never comes back")
	}
	versions, n := d.a.dir.TokenPeppers()
	if n == certstore.MaxTokenPeppers && !slices.Contains(versions[:], pepper) {
		return gate.Errorf(gate.Conflict, "there are tokens under %d older peppers already; replace those by keys first", n)
	}
	handle, err := gate.NewTokenHandle(d.a.random)
	if err != nil {
		return err
	}
	d.keep(&gate.Key{ID: gate.KeyID(d.a.newID(gate.KeyPrefix)), Account: device.Account, Device: device.ID, Environment: device.Environment,
		Handle: handle, Pepper: pepper, MAC: mac, IssuedAt: d.imported.At, Imported: &gate.TakenOver{Import: *d.imported}})
	return nil
}

// certificate drafts the record of a certificate and, unless it is known, of its CA.
func (d *draft) certificate(at string, device *gate.Device, text string) error {
	if device.Environment == gate.Sandbox {
		return gate.Errorf(gate.Invalid, "a sandbox device has no certificate")
	}
	certs, err := issuer.ParseCertificatesPEM([]byte(text))
	if err != nil {
		return gate.Errorf(gate.Invalid, "%s", err)
	}
	leaf := certs[0]
	ca, err := d.issuerOf(at, leaf, certs[1:])
	if err != nil {
		return err
	}
	if err := issuer.CheckPinned(leaf, ca.cert, d.a.now()); err != nil {
		return gate.Errorf(gate.Invalid, "cannot be imported: %s", oneLine(err))
	}
	applicant, err := issuer.NewApplicantKey(leaf.PublicKey)
	if err != nil {
		return gate.Errorf(gate.Invalid, "%s", err)
	}
	if err := d.a.sharesNoPrime(applicant); err != nil {
		return err
	}
	fp := gate.FingerprintOf(leaf.Raw)
	if other := d.foreign.leaves[fp]; other != "" {
		return gate.Errorf(gate.Invalid, "is the same as %s; a certificate names one device", other)
	}
	d.foreign.leaves[fp] = at
	d.foreign.pins = append(d.foreign.pins, pin{at, device.ID, applicant.SPKI})
	d.keepCA(ca)
	d.keep(&gate.Certificate{ID: gate.CertificateID(d.a.newID(gate.CertificatePrefix)), Account: device.Account, Device: device.ID,
		Environment: device.Environment, Fingerprint: fp, Issuer: gate.FingerprintOf(ca.cert.Raw), Serial: leaf.SerialNumber.Text(16),
		PublicKey: applicant.SPKI, DER: leaf.Raw, NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(), IssuedAt: d.imported.At,
		Imported: &gate.TakenOver{Import: *d.imported}})
	return nil
}

// at is a field of the customer as it stands in the whole input.
func (d *draft) at(field string) string {
	if d.path == "" {
		return field
	}
	return d.path + "." + field
}

// pinsAreFree refuses a public key that is blocked or that another device uses, as in an enrollment. It is asked inside the commit.
func (d *draft) pinsAreFree() (faults gate.Faults) {
	if len(d.foreign.pins) == 0 {
		return nil
	}
	owner := make(map[gate.Fingerprint]gate.DeviceID)
	for _, c := range d.a.dir.Certificates("") {
		owner[c.PublicKey] = c.Device
	}
	for _, p := range d.foreign.pins {
		if _, blocked := d.a.dir.BlockedPublicKey(p.publicKey); blocked {
			faults = append(faults, &gate.Error{Kind: gate.Conflict, Field: p.field, Text: "the public key of this certificate never gets one again, because its private key may be " +
				"in other hands; the customer enrolls with a new key pair"})
			continue
		}
		if other := owner[p.publicKey]; other != "" && other != p.device {
			faults = append(faults, &gate.Error{Kind: gate.Exists, Field: p.field, Text: "another device has this certificate or one with the same key; " +
				"a private key that is shared proves nobody's identity"})
			continue
		}
		owner[p.publicKey] = p.device
	}
	return faults
}

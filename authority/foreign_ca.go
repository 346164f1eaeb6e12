package authority

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/onerecord/certgate/gate"
)

// issuerOf finds the CA that issued a certificate: after it, among those of the whole import, or among those that were imported before.
func (d *draft) issuerOf(at string, leaf *x509.Certificate, after []*x509.Certificate) (*foreignCA, error) {
	for _, cert := range after {
		if issued(cert, leaf) {
			return d.known(&foreignCA{cert: cert, field: at})
		}
	}
	for _, ca := range d.foreign.cas {
		if issued(ca.cert, leaf) {
			return d.known(ca)
		}
	}
	for _, record := range d.a.dir.CAs() {
		cert, err := x509.ParseCertificate(record.DER)
		if err != nil {
			return nil, fmt.Errorf("read CA %s: %w", record.Fingerprint, err)
		}
		if issued(cert, leaf) {
			return d.known(&foreignCA{cert: cert, field: at})
		}
	}
	if issued(leaf, leaf) {
		return nil, gate.Errorf(gate.Invalid, "is self-signed, so nobody vouches for it; the customer enrolls instead")
	}
	return nil, gate.Errorf(gate.Invalid, "its issuing CA %q is not given; put it after the certificate, or once under cas", gate.Clip(leaf.Issuer.String(), 120))
}

func issued(ca, leaf *x509.Certificate) bool {
	return bytes.Equal(ca.RawSubject, leaf.RawIssuer) && ca.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil
}

// known brings a CA to the one that the import or the store has already. What would be more than an anchor for what is pinned is refused:
// a CA of ours, for customers or staff, under whatever name.
func (d *draft) known(ca *foreignCA) (*foreignCA, error) {
	for _, other := range d.foreign.cas {
		if bytes.Equal(other.cert.Raw, ca.cert.Raw) {
			ca = other
			break
		}
		if sameKey(other.cert, ca.cert) {
			return nil, gate.Errorf(gate.Invalid, "its CA %q has the key of another CA in this import; give one of the two", gate.Clip(ca.cert.Subject.CommonName, 60))
		}
	}
	if spki, err := spkiOf(ca.cert.PublicKey); err == nil {
		if _, blocked := d.a.dir.BlockedPublicKey(spki); blocked {
			return nil, gate.Errorf(gate.Invalid, "its CA %q has a key that may be in other hands", gate.Clip(ca.cert.Subject.CommonName, 60))
		}
	}
	ca.common = false
	for _, record := range d.a.dir.CAs() {
		switch {
		case record.Imported == nil:
		case record.Compromised && bytes.Equal(record.DER, ca.cert.Raw):
			return nil, gate.Errorf(gate.Invalid, "its CA %q was retired because its key may be in other hands", gate.Clip(ca.cert.Subject.CommonName, 60))
		case bytes.Equal(record.DER, ca.cert.Raw):
			if ca.record == nil {
				ca.record = record
			}
			continue
		case record.Retired != nil || d.a.now().After(record.NotAfter):
			continue // followed by another with its key
		}
		for _, der := range [][]byte{record.DER, record.RootDER} {
			if cert, err := x509.ParseCertificate(der); err == nil && sameKey(cert, ca.cert) {
				return nil, gate.Errorf(gate.Invalid, "its CA %q is, or has the key of, one that is trusted already; what CAs of ours issue is enrolled and never imported",
					gate.Clip(ca.cert.Subject.CommonName, 60))
			}
		}
	}
	return ca, nil
}

func sameKey(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

// keepCA drafts the record of a CA, once. One that was imported before stays as it is, unless it has been retired.
func (d *draft) keepCA(ca *foreignCA) {
	if ca.record != nil && ca.record.Retired == nil {
		return
	}
	ca.record = &gate.CA{Fingerprint: gate.FingerprintOf(ca.cert.Raw), Audience: gate.Customers, DER: ca.cert.Raw,
		NotBefore: ca.cert.NotBefore.UTC(), NotAfter: ca.cert.NotAfter.UTC(), Imported: &gate.TakenOver{Import: *d.imported}}
	if !slices.Contains(d.foreign.cas, ca) {
		d.foreign.cas = append(d.foreign.cas, ca)
	}
	d.keep(ca.record)
}

// casAreNeeded refuses CAs that nothing here was issued by, and more of them than a handshake can name.
func (d *draft) casAreNeeded() {
	d.path = ""
	added := false
	for _, ca := range d.foreign.cas {
		if ca.common {
			d.note(ca.field, gate.Errorf(gate.Invalid, "no certificate in this import was issued by %q; leave it out", gate.Clip(ca.cert.Subject.CommonName, 60)))
		}
		added = added || ca.record != nil
	}
	if !added {
		return
	}
	var certs []*x509.Certificate
	for _, ca := range d.foreign.cas {
		if ca.record != nil {
			certs = append(certs, ca.cert)
		}
	}
	d.note("cas", d.a.fitHandshakes(certs...))
}

// fitHandshakes refuses customers' CAs with which, together with those that are trusted, every handshake would name too many.
func (a *Authority) fitHandshakes(more ...*x509.Certificate) error {
	count, names := 0, 0
	seen := make(map[gate.Fingerprint]bool)
	add := func(cert *x509.Certificate) {
		if fp := gate.FingerprintOf(cert.Raw); !seen[fp] {
			seen[fp] = true
			count, names = count+1, names+len(cert.RawSubject)
		}
	}
	for _, cert := range more {
		add(cert)
	}
	for _, record := range a.dir.CAs() {
		if cert, err := x509.ParseCertificate(record.DER); err == nil && record.Imported != nil && record.Retired == nil && !a.now().After(record.NotAfter) {
			add(cert)
		}
	}
	if count > MaxForeignCAs || names > maxForeignCANames {
		return gate.Errorf(gate.Invalid, "with these there would be %d imported CAs with %d bytes of names; %d and %d are allowed, because every handshake names them all: "+
			"let customers with CAs of their own enroll instead", count, names, MaxForeignCAs, maxForeignCANames)
	}
	return nil
}

// oneLine puts several problems into one sentence.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

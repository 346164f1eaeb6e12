package certstore

import (
	"strings"

	"github.com/onerecord/certgate/gate"
)

// Account finds an account by identifier or slug. The error of this and the following is of kind gate.NotFound.
func (d *Directory) Account(ref string) (*gate.Account, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if n := d.account(ref); n != nil {
		return n.record, nil
	}
	return nil, unknown(gate.AccountRecord, ref)
}

// Organization finds an organization by identifier or by slugs, as in "acme/main".
func (d *Directory) Organization(ref string) (*gate.Organization, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if n := d.organization(ref); n != nil {
		return n.record, nil
	}
	return nil, unknown(gate.OrganizationRecord, ref)
}

// Device finds a device by identifier or by slugs, as in "acme/main/prod-1".
func (d *Directory) Device(ref string) (*gate.Device, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if n := d.devices[gate.DeviceID(ref)]; n != nil && n.record != nil {
		return n.record, nil
	}
	if i := strings.LastIndexByte(ref, '/'); i >= 0 {
		if above := d.organization(ref[:i]); above != nil && above.slugs[ref[i+1:]] != nil {
			return above.slugs[ref[i+1:]].record, nil
		}
	}
	return nil, unknown(gate.DeviceRecord, ref)
}

// Staff finds a person by identifier or name.
func (d *Directory) Staff(ref string) (*gate.Staff, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if r := find(d.lists.people, ref); r != nil {
		return r, nil
	}
	if r := d.staffNames[ref]; r != nil {
		return r, nil
	}
	return nil, unknown(gate.StaffRecord, ref)
}

// account finds a node that has its record; identifiers have an underscore, which no slug has.
func (s *state) account(ref string) *accountNode {
	if n := s.accounts[gate.AccountID(ref)]; n != nil && n.record != nil {
		return n
	}
	return s.slugs[ref]
}

func (s *state) organization(ref string) *organizationNode {
	if n := s.organizations[gate.OrganizationID(ref)]; n != nil && n.record != nil {
		return n
	}
	account, slug, found := strings.Cut(ref, "/")
	if above := s.account(account); found && above != nil {
		return above.slugs[slug]
	}
	return nil
}

func unknown(kind gate.RecordKind, ref string) error {
	return gate.Errorf(gate.NotFound, "there is no %s %q", kind, gate.Clip(ref, 120))
}

// holder is the identifier of the record that has the name, empty if none has.
func (d *Directory) holder(n name) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var r gate.Record
	above, slug, _ := strings.Cut(n.value, "/")
	switch n.kind {
	case gate.AccountRecord:
		if a := d.slugs[n.value]; a != nil {
			r = a.record
		}
	case gate.OrganizationRecord:
		if a := d.accounts[gate.AccountID(above)]; a != nil && a.slugs[slug] != nil {
			r = a.slugs[slug].record
		}
	case gate.DeviceRecord:
		if o := d.organizations[gate.OrganizationID(above)]; o != nil && o.slugs[slug] != nil {
			r = o.slugs[slug].record
		}
	case gate.KeyRecord:
		if k := d.handles[n.value]; n.value != "" && k != nil {
			r = k.record
		}
		if k := d.foreign[n.hash]; n.value == "" && k != nil {
			r = k.record
		}
	case gate.CertificateRecord:
		if c := d.fingerprints[n.hash]; c != nil {
			r = c.record
		}
	case gate.EnrollmentRecord:
		if e := d.tokens[n.hash]; e != nil {
			r = e
		}
	case gate.StaffRecord:
		if p := d.staffNames[n.value]; n.value != "" && p != nil {
			r = p
		}
		if b := d.badges[n.hash]; n.value == "" && b.staff != nil {
			r = b.staff
		}
	default: // the others have no names
	}
	if r == nil {
		return ""
	}
	return r.RecordID()
}

// StaffByCertificate finds the person who has the certificate, and the certificate; nil if nobody has. Whether either still counts is the
// caller's to judge.
func (d *Directory) StaffByCertificate(fp gate.Fingerprint) (*gate.Staff, *gate.StaffCertificate) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	b := d.badges[fp]
	return b.staff, b.certificate
}

// EnrollmentByToken finds an enrollment by the SHA-256 of its token; nil if there is none.
func (d *Directory) EnrollmentByToken(hash gate.Fingerprint) *gate.Enrollment {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.tokens[hash]
}

// Certificate finds a certificate by identifier; nil if there is none. So do the following.
func (d *Directory) Certificate(id gate.CertificateID) *gate.Certificate {
	return one(d, &d.lists.certificates, string(id))
}

// Key finds a key.
func (d *Directory) Key(id gate.KeyID) *gate.Key { return one(d, &d.lists.keys, string(id)) }

// Contract finds a contract.
func (d *Directory) Contract(id gate.ContractID) *gate.Contract {
	return one(d, &d.lists.contracts, string(id))
}

// Certification finds a certification.
func (d *Directory) Certification(id gate.CertificationID) *gate.Certification {
	return one(d, &d.lists.certifications, string(id))
}

// Remediation finds a remediation, lifted or not.
func (d *Directory) Remediation(id gate.RemediationID) *gate.Remediation {
	return one(d, &d.lists.remediations, string(id))
}

// Review finds a signed review; nil if there is none.
func (d *Directory) Review(id gate.ReviewID) *gate.Review {
	return one(d, &d.lists.reviews, string(id))
}

// Incident finds an incident, closed or not.
func (d *Directory) Incident(id gate.IncidentID) *gate.Incident {
	return one(d, &d.lists.incidents, string(id))
}

// Enrollment finds an enrollment.
func (d *Directory) Enrollment(id gate.EnrollmentID) *gate.Enrollment {
	return one(d, &d.lists.enrollments, string(id))
}

// CA finds a CA by the SHA-256 of its certificate.
func (d *Directory) CA(fp gate.Fingerprint) *gate.CA {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.cas[fp]
}

// RevocationList finds what was read of the revocation list of a customer's own CA.
func (d *Directory) RevocationList(ca gate.Fingerprint) *gate.RevocationList {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.revocations[ca]
}

// Host finds what is remembered of a host name; nil if it was never served.
func (d *Directory) Host(name string) *gate.Host {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.hosts[name]
}

// BlockedPublicKey reports whether a public key never gets a certificate again, by the SHA-256 of its SubjectPublicKeyInfo.
func (d *Directory) BlockedPublicKey(spki gate.Fingerprint) (gate.BlockedKey, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if r := d.blocked[spki]; r != nil {
		return *r, true
	}
	return gate.BlockedKey{}, false
}

// Behaviors is the table of behaviors last in force; nil before the first.
func (d *Directory) Behaviors() *gate.BehaviorTable {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.behaviors
}

// one searches a list of d.
func one[T any, P interface {
	*T
	gate.Record
}](d *Directory, list *[]P, id string) P {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return find(*list, id)
}

package certstore

import (
	"slices"
	"strings"

	"github.com/onerecord/certgate/gate"
)

// put adds a record or puts it in place of the one with its identifier, and mends every link to it. Kinds that no decision needs are
// passed over. The caller holds the lock, or is alone.
func (s *state) put(r gate.Record) {
	s.interned.record(r)
	switch r := r.(type) {
	case *gate.Account:
		s.putAccount(r)
	case *gate.Organization:
		s.putOrganization(r)
	case *gate.Device:
		s.putDevice(r)
	case *gate.Contract:
		s.putContract(r)
	case *gate.Certification:
		s.putCertification(r)
	case *gate.Key:
		s.putKey(r)
	case *gate.Certificate:
		s.putCertificate(r)
	case *gate.Enrollment:
		s.putEnrollment(r)
	case *gate.Remediation:
		s.putRemediation(r)
	case *gate.Incident:
		s.lists.incidents = place(s.lists.incidents, r)
	case *gate.Ruling:
		s.lists.rulings = place(s.lists.rulings, r)
	case *gate.Review:
		s.lists.reviews = place(s.lists.reviews, r)
	case *gate.Staff:
		s.putStaff(r)
	case *gate.CA:
		s.lists.cas, s.cas[r.Fingerprint] = place(s.lists.cas, r), r
	case *gate.Host:
		s.lists.hosts, s.hosts[r.Name] = place(s.lists.hosts, r), r
	case *gate.BlockedKey:
		s.lists.blocked, s.blocked[r.PublicKey] = place(s.lists.blocked, r), r
	case *gate.Pepper:
		s.lists.peppers = place(s.lists.peppers, r)
	case *gate.BehaviorTable:
		s.behaviors = r
	case *gate.Secret:
		s.secret = r
	case *gate.Use:
		s.putUse(r)
	case *gate.RevocationList:
		s.revocations[r.CA] = r
	}
}

func (s *state) putAccount(r *gate.Account) {
	n := node(s.accounts, r.ID)
	if n.record != nil {
		release(s.slugs, n.record.Slug, n)
	}
	n.record, s.slugs[r.Slug] = r, n
	s.lists.accounts = place(s.lists.accounts, r)
}

func (s *state) putOrganization(r *gate.Organization) {
	n := node(s.organizations, r.ID)
	if old := n.record; old != nil {
		above := node(s.accounts, old.Account)
		release(above.slugs, old.Slug, n)
		above.organizations = without(above.organizations, old)
	}
	n.record = r
	above := node(s.accounts, r.Account)
	hold(&above.slugs, r.Slug, n)
	above.organizations = place(above.organizations, r)
	s.lists.organizations = place(s.lists.organizations, r)
}

func (s *state) putDevice(r *gate.Device) {
	n := node(s.devices, r.ID)
	old := n.record
	if old != nil {
		release(n.organization.slugs, old.Slug, n)
		if old.Account != r.Account {
			n.account.devices = without(n.account.devices, old)
		}
	}
	n.record, n.account, n.organization = r, node(s.accounts, r.Account), node(s.organizations, r.Organization)
	hold(&n.organization.slugs, r.Slug, n)
	n.account.devices = place(n.account.devices, r)
	s.lists.devices = place(s.lists.devices, r)
	if old == nil || old.Account != r.Account {
		n.covering = nil
		for _, c := range n.account.certifications {
			if c.Covers(r.ID) {
				n.covering = placed(n.covering, c)
			}
		}
	}
}

func (s *state) putContract(r *gate.Contract) {
	if old := find(s.lists.contracts, r.RecordID()); old != nil && old.Account != r.Account {
		above := node(s.accounts, old.Account)
		above.contracts = without(above.contracts, old)
	}
	above := node(s.accounts, r.Account)
	above.contracts = placed(above.contracts, r)
	s.lists.contracts = place(s.lists.contracts, r)
}

func (s *state) putCertification(r *gate.Certification) {
	if old := find(s.lists.certifications, r.RecordID()); old != nil {
		above := node(s.accounts, old.Account)
		above.certifications = without(above.certifications, old)
		for _, id := range old.Devices {
			if n := s.devices[id]; n != nil {
				n.covering = without(n.covering, old)
			}
		}
	}
	above := node(s.accounts, r.Account)
	above.certifications = placed(above.certifications, r)
	for _, id := range r.Devices {
		if n := s.devices[id]; n != nil && n.account == above {
			n.covering = placed(n.covering, r)
		}
	}
	s.lists.certifications = place(s.lists.certifications, r)
}

func (s *state) putKey(r *gate.Key) {
	n := node(s.keys, r.ID)
	if old := n.record; old != nil {
		release(s.handles, old.Handle, n)
		s.releaseToken(old, n)
		if old.Device != r.Device {
			n.device.keys = without(n.device.keys, old)
		}
	}
	n.record, n.device = r, node(s.devices, r.Device)
	s.handles[r.Handle] = n
	s.holdToken(r, n)
	n.device.keys = place(n.device.keys, r)
	s.lists.keys = place(s.lists.keys, r)
}

func (s *state) putCertificate(r *gate.Certificate) {
	r.DER = nil // r is ours; see Directory
	n := node(s.certificates, r.ID)
	if r.Revoked != nil && (n.record == nil || n.record.Revoked == nil) {
		s.revoked[r.Issuer] = append(s.revoked[r.Issuer], r)
	}
	if old := n.record; old != nil {
		release(s.fingerprints, old.Fingerprint, n)
		if old.Device != r.Device {
			n.device.certificates = without(n.device.certificates, old)
		}
	}
	n.record, n.device = r, node(s.devices, r.Device)
	s.fingerprints[r.Fingerprint] = n
	n.device.certificates = place(n.device.certificates, r)
	s.lists.certificates = place(s.lists.certificates, r)
}

func (s *state) putEnrollment(r *gate.Enrollment) {
	if old := find(s.lists.enrollments, r.RecordID()); old != nil {
		release(s.tokens, old.TokenHash, old)
		if old.Device != r.Device {
			n := node(s.devices, old.Device)
			n.enrollments = without(n.enrollments, old)
		}
	}
	s.tokens[r.TokenHash] = r
	n := node(s.devices, r.Device)
	n.enrollments = place(n.enrollments, r)
	s.lists.enrollments = place(s.lists.enrollments, r)
}

func (s *state) putRemediation(r *gate.Remediation) {
	if old := find(s.lists.remediations, r.RecordID()); old != nil {
		if standing := s.standing(old.Subject); standing != nil {
			*standing = without(*standing, old)
		}
		if old.Account != r.Account {
			n := node(s.accounts, old.Account)
			n.remediations = without(n.remediations, old)
		}
	}
	// A lifted one never comes into force again, so callers need not look at it.
	if standing := s.standing(r.Subject); standing != nil && r.Lifted == nil {
		*standing = placed(*standing, r)
	}
	n := node(s.accounts, r.Account)
	n.remediations = place(n.remediations, r)
	s.lists.remediations = place(s.lists.remediations, r)
}

// standing finds the list of what is imposed on a subject.
func (s *state) standing(of gate.Subject) *[]*gate.Remediation {
	switch of.Kind {
	case gate.AccountSubject:
		return &node(s.accounts, gate.AccountID(of.ID)).standing
	case gate.OrganizationSubject:
		return &node(s.organizations, gate.OrganizationID(of.ID)).standing
	case gate.DeviceSubject:
		return &node(s.devices, gate.DeviceID(of.ID)).standing
	case gate.KeySubject:
		return &node(s.keys, gate.KeyID(of.ID)).standing
	case gate.CertificateSubject:
		return &node(s.certificates, gate.CertificateID(of.ID)).standing
	}
	return nil
}

func (s *state) putStaff(r *gate.Staff) {
	if old := find(s.lists.people, r.RecordID()); old != nil {
		release(s.staffNames, old.Name, old)
		for i := range old.Certificates {
			if fp := old.Certificates[i].Fingerprint; s.badges[fp].staff == old {
				delete(s.badges, fp)
			}
		}
	}
	s.staffNames[r.Name] = r
	for i := range r.Certificates {
		s.badges[r.Certificates[i].Fingerprint] = badge{r, &r.Certificates[i]}
	}
	s.lists.people = place(s.lists.people, r)
}

// node finds the node of an identifier, or makes one for a record that has yet to come.
func node[K comparable, N any](m map[K]*N, id K) *N {
	n := m[id]
	if n == nil {
		n = new(N)
		m[id] = n
	}
	return n
}

// hold notes who has a name, in a map that is made with its first one.
func hold[K comparable, N any](m *map[K]*N, name K, n *N) {
	if *m == nil {
		*m = make(map[K]*N)
	}
	(*m)[name] = n
}

// release forgets a name, unless another has taken it meanwhile.
func release[K comparable, N any](m map[K]*N, name K, n *N) {
	if m[name] == n {
		delete(m, name)
	}
}

func byID[P gate.Record](r P, id string) int { return strings.Compare(r.RecordID(), id) }

// place puts r where it belongs in a list that is ordered by identifier. It changes the list.
func place[P gate.Record](list []P, r P) []P {
	id := r.RecordID()
	if len(list) == 0 || list[len(list)-1].RecordID() < id { // identifiers sort by time, so this is the rule
		return append(list, r)
	}
	i, found := slices.BinarySearchFunc(list, id, byID[P])
	if found {
		list[i] = r
		return list
	}
	return slices.Insert(list, i, r)
}

// placed is place on a copy: others may be reading the list.
func placed[P gate.Record](list []P, r P) []P {
	return place(append(make([]P, 0, len(list)+1), list...), r)
}

// without is a copy of the list that lacks r; nil if nothing is left.
func without[P gate.Record](list []P, r P) []P {
	i, found := slices.BinarySearchFunc(list, r.RecordID(), byID[P])
	if !found {
		return list
	}
	if len(list) == 1 {
		return nil
	}
	return append(append(make([]P, 0, len(list)-1), list[:i]...), list[i+1:]...)
}

// find searches a list by identifier; nil if it is not there.
func find[T any, P interface {
	*T
	gate.Record
}](list []P, id string) P {
	if i, found := slices.BinarySearchFunc(list, id, byID[P]); found {
		return list[i]
	}
	return nil
}

package certstore

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// dump is everything that a directory answers.
type dump struct {
	Accounts       []*gate.Account
	Organizations  map[gate.AccountID][]*gate.Organization
	Devices        map[gate.AccountID][]*gate.Device
	Contracts      map[gate.AccountID][]*gate.Contract
	Certifications map[gate.AccountID][]*gate.Certification
	Remediations   map[gate.AccountID][]*gate.Remediation
	Incidents      map[gate.AccountID][]*gate.Incident
	Rulings        []*gate.Ruling
	Reviews        map[gate.AccountID][]*gate.Review
	Keys           map[gate.DeviceID][]*gate.Key
	Certificates   map[gate.DeviceID][]*gate.Certificate
	Enrollments    map[gate.DeviceID][]*gate.Enrollment
	People         []*gate.Staff
	CAs            []*gate.CA
	Hosts          []*gate.Host
	Peppers        []*gate.Pepper
	Blocked        []*gate.BlockedKey
	Behaviors      *gate.BehaviorTable
	Callers        map[Probe]*gate.Caller
	Badges         map[gate.Fingerprint]gate.StaffID
	Tokens         map[gate.Fingerprint]*gate.Enrollment
	Paths          map[string]string
	Foreign        map[gate.Fingerprint]*gate.Key
	TokenPeppers   []int
}

const poolSize = 4 // identifiers of a kind that the property draws from

func dumpOf(d *Directory) *dump {
	out := &dump{
		Accounts: d.Accounts(), Rulings: d.Rulings(), People: d.People(), CAs: d.CAs(), Hosts: d.Hosts(), Peppers: d.Peppers(), Blocked: d.BlockedPublicKeys(), Behaviors: d.Behaviors(),
		Organizations: map[gate.AccountID][]*gate.Organization{}, Devices: map[gate.AccountID][]*gate.Device{},
		Contracts: map[gate.AccountID][]*gate.Contract{}, Certifications: map[gate.AccountID][]*gate.Certification{},
		Remediations: map[gate.AccountID][]*gate.Remediation{}, Incidents: map[gate.AccountID][]*gate.Incident{}, Reviews: map[gate.AccountID][]*gate.Review{}, Keys: map[gate.DeviceID][]*gate.Key{},
		Certificates: map[gate.DeviceID][]*gate.Certificate{}, Enrollments: map[gate.DeviceID][]*gate.Enrollment{},
		Callers: map[Probe]*gate.Caller{}, Badges: map[gate.Fingerprint]gate.StaffID{}, Tokens: map[gate.Fingerprint]*gate.Enrollment{}, Paths: map[string]string{},
		Foreign: map[gate.Fingerprint]*gate.Key{},
	}
	versions, count := d.TokenPeppers()
	out.TokenPeppers = slices.Sorted(slices.Values(versions[:count]))
	for n := range poolSize + 1 {
		account, device := gate.AccountID(pooled("acc", n)), gate.DeviceID(pooled("dev", n))
		if n == poolSize {
			account, device = "", "" // all of them
		}
		out.Organizations[account], out.Devices[account] = d.Organizations(account), d.Devices(account)
		out.Contracts[account], out.Certifications[account] = d.Contracts(account), d.Certifications(account)
		out.Remediations[account], out.Keys[device] = d.Remediations(account), d.Keys(device)
		out.Incidents[account] = d.Incidents(account)
		out.Reviews[account] = d.Reviews(account)
		out.Certificates[device], out.Enrollments[device] = d.Certificates(device), d.Enrollments(device)
		if staff, _ := d.StaffByCertificate(fixedPrint(n)); staff != nil {
			out.Badges[fixedPrint(n)] = staff.ID
		}
		out.Tokens[fixedPrint(n)] = d.EnrollmentByToken(fixedPrint(n))
		out.Foreign[fixedPrint(n)] = d.TokenByMAC(fixedPrint(n))
	}
	for _, p := range probes() {
		out.Callers[p] = caller(d, &p)
	}
	for _, a := range []string{"s0", "s1", "s2"} {
		for _, o := range []string{"s0", "s1", "s2"} {
			for _, v := range []string{"s0", "s1", "s2"} {
				out.Paths[a], _ = id(d.Account)(a)
				out.Paths[a+"/"+o], _ = id(d.Organization)(a + "/" + o)
				out.Paths[a+"/"+o+"/"+v], _ = id(d.Device)(a + "/" + o + "/" + v)
			}
		}
	}
	return out
}

// probes are all combinations of what there may be to present.
func probes() []Probe {
	var all []Probe
	for crt := range poolSize + 1 {
		for key := range poolSize + 1 {
			p := Probe{Host: "host-0", Anchor: fixedPrint(0)}
			if crt < poolSize {
				p.Leaf = fixedPrint(crt)
			}
			if key < poolSize {
				p.Handle = fmt.Sprintf("handle-%d", key)
			}
			all = append(all, p)
		}
	}
	return all
}

func pooled(prefix string, n int) string { return fmt.Sprintf("%s_%d", prefix, n) }

// drawn makes a random record of a random kind: few identifiers, so that they meet, and references that may lead nowhere.
func drawn(t *rapid.T) gate.Record {
	kind := rapid.SampledFrom(gate.RecordKinds()).Draw(t, "kind")
	n := rapid.IntRange(0, poolSize-1)
	own := n.Draw(t, "id")
	ref := func(prefix string) string { return pooled(prefix, n.Draw(t, prefix)) }
	name := func() string { return fmt.Sprintf("s%d", rapid.IntRange(0, 2).Draw(t, "name")) }
	flag := rapid.Bool()
	account := gate.AccountID(ref("acc"))
	revoked := func() *gate.Revocation {
		if flag.Draw(t, "revoked") {
			return &gate.Revocation{At: dawn, Why: "drawn"}
		}
		return nil
	}
	slug := name()
	switch kind {
	case gate.AccountRecord:
		return &gate.Account{ID: gate.AccountID(pooled("acc", own)), Slug: slug, Name: name()}
	case gate.OrganizationRecord:
		return &gate.Organization{ID: gate.OrganizationID(pooled("org", own)), Account: account, Slug: slug, Name: name()}
	case gate.DeviceRecord:
		return &gate.Device{ID: gate.DeviceID(pooled("dev", own)), Account: account, Organization: gate.OrganizationID(ref("org")), Slug: slug, Name: name(), Environment: gate.Production}
	case gate.ContractRecord:
		return &gate.Contract{ID: gate.ContractID(pooled("con", own)), Account: account, First: "2027-01-01", Last: "2027-06-30", Zone: rapid.SampledFrom([]string{"UTC", "Asia/Tokyo"}).Draw(t, "zone")}
	case gate.CertificationRecord:
		return &gate.Certification{ID: gate.CertificationID(pooled("cas", own)), Account: account, Devices: drawnDevices(t)}
	case gate.KeyRecord:
		return drawnKey(t, own, account, revoked())
	case gate.CertificateRecord:
		return &gate.Certificate{ID: gate.CertificateID(pooled("crt", own)), Account: account, Device: gate.DeviceID(ref("dev")), Environment: gate.Production, Fingerprint: fixedPrint(n.Draw(t, "print")), DER: []byte{1}, Revoked: revoked()}
	case gate.EnrollmentRecord:
		return &gate.Enrollment{ID: gate.EnrollmentID(pooled("enr", own)), Device: gate.DeviceID(ref("dev")), TokenHash: fixedPrint(n.Draw(t, "token"))}
	case gate.RemediationRecord:
		return drawnRemediation(t, own, account)
	case gate.ReviewRecord:
		return &gate.Review{ID: gate.ReviewID(pooled("rev", own)), Account: account}
	case gate.IncidentRecord:
		return &gate.Incident{ID: gate.IncidentID(pooled("inc", own)), Account: account}
	case gate.RulingRecord:
		return &gate.Ruling{ID: gate.RulingID(pooled("rul", own)), Account: account}
	case gate.NoticeRecord:
		return &gate.Notice{ID: gate.NoticeID(pooled("not", own)), Body: name()}
	case gate.StaffRecord:
		return &gate.Staff{ID: gate.StaffID(pooled("stf", own)), Name: name(), Certificates: []gate.StaffCertificate{{Fingerprint: fixedPrint(n.Draw(t, "badge"))}, {Fingerprint: fixedPrint(100 + own)}}}
	case gate.CARecord:
		return &gate.CA{Fingerprint: fixedPrint(own), Audience: gate.Customers, SealedKey: []byte(name())}
	case gate.PepperRecord:
		return &gate.Pepper{Version: own, Sealed: []byte(name())}
	case gate.BehaviorsRecord:
		return &gate.BehaviorTable{Behaviors: []gate.Behavior{{Name: name(), Method: "GET", Path: "/x", Cost: 1}}}
	case gate.HostRecord:
		return &gate.Host{Name: fmt.Sprintf("host-%d", own), Strictest: gate.Preprod}
	case gate.ReminderRecord:
		return &gate.Reminder{ID: pooled("reminder", own), Account: account}
	case gate.SecretRecord:
		return &gate.Secret{Version: own}
	case gate.LossRecord:
		return &gate.Loss{ID: gate.LossID(pooled("los", own)), Event: int64(own)}
	case gate.UseRecord:
		return &gate.Use{ID: pooled("key", own), Account: account, At: dawn}
	case gate.RevocationListRecord:
		return &gate.RevocationList{CA: fixedPrint(own), URL: name()}
	case gate.ObservedRecord:
		return &gate.Observed{Device: gate.DeviceID(pooled("dev", own)), Account: account}
	case gate.SpentRecord:
		return &gate.Spent{Account: account}
	case gate.CRLRecord:
		return &gate.PublishedCRL{CA: fixedPrint(own), Number: int64(own), At: dawn}
	case gate.BlockedKeyRecord:
		return &gate.BlockedKey{PublicKey: fixedPrint(own), At: dawn, Cause: gate.BlockedByStaff}
	case gate.MarkRecord:
	}
	return &gate.Mark{ID: pooled("mark", own), Object: name()}
}

func drawnKey(t *rapid.T, own int, account gate.AccountID, revoked *gate.Revocation) gate.Record {
	n := rapid.IntRange(0, poolSize-1)
	k := &gate.Key{ID: gate.KeyID(pooled("key", own)), Account: account, Device: gate.DeviceID(pooled("dev", n.Draw(t, "dev"))), Environment: gate.Production,
		Handle: fmt.Sprintf("handle-%d", n.Draw(t, "handle")), Pepper: 1, MAC: fixedPrint(n.Draw(t, "mac")), Revoked: revoked}
	if rapid.Bool().Draw(t, "imported") {
		k.Imported, k.Pepper = &gate.TakenOver{Import: gate.Import{ID: "imp_1"}}, n.Draw(t, "pepper")
	}
	return k
}

func drawnDevices(t *rapid.T) []gate.DeviceID {
	var list []gate.DeviceID
	for n := range poolSize {
		if rapid.Bool().Draw(t, "covers") {
			list = append(list, gate.DeviceID(pooled("dev", n)))
		}
	}
	return list
}

func drawnRemediation(t *rapid.T, own int, account gate.AccountID) gate.Record {
	prefix := map[gate.SubjectKind]string{
		gate.AccountSubject: "acc", gate.OrganizationSubject: "org", gate.DeviceSubject: "dev", gate.KeySubject: "key", gate.CertificateSubject: "crt",
	}
	kind := rapid.SampledFrom([]gate.SubjectKind{gate.AccountSubject, gate.OrganizationSubject, gate.DeviceSubject, gate.KeySubject, gate.CertificateSubject}).Draw(t, "subject")
	r := suspension(own, kind, pooled(prefix[kind], rapid.IntRange(0, poolSize-1).Draw(t, "of")), account)
	if rapid.Bool().Draw(t, "lifted") {
		r.Lifted = &gate.Lifting{At: dawn, By: "stf_cho"}
	}
	return r
}

// model is what the store should hold: the records, by kind and identifier.
type model map[gate.RecordKind]map[string]gate.Record

func (m model) put(r gate.Record) {
	if m[r.RecordKind()] == nil {
		m[r.RecordKind()] = map[string]gate.Record{}
	}
	m[r.RecordKind()][r.RecordID()] = r
}

// records lists one kind in order.
func records[P gate.Record](m model, kind gate.RecordKind) []P {
	var list []P
	for _, id := range sorted(m[kind]) {
		if r, ok := m[kind][id].(P); ok {
			list = append(list, r)
		}
	}
	return list
}

// caller computes from all records, one by one, what the directory links.
func (m model) caller(p Probe) *gate.Caller {
	out := &gate.Caller{}
	if r, ok := m[gate.HostRecord][p.Host].(*gate.Host); ok {
		out.Host = r
	}
	if r, ok := m[gate.CARecord][p.Anchor.String()].(*gate.CA); ok {
		out.Issuer = r
	}
	var owner gate.DeviceID
	for _, r := range records[*gate.Certificate](m, gate.CertificateRecord) {
		if r.Fingerprint == p.Leaf {
			without := *r
			without.DER = nil
			out.Certificate, owner = &without, r.Device
			out.Remediations[gate.OfCertificate] = m.standing(gate.CertificateSubject, string(r.ID))
		}
	}
	for _, r := range records[*gate.Key](m, gate.KeyRecord) {
		if r.Handle == p.Handle {
			out.Key, owner = r, r.Device
			out.Remediations[gate.OfKey] = m.standing(gate.KeySubject, string(r.ID))
		}
	}
	out.Remediations[gate.OfDevice] = m.standing(gate.DeviceSubject, string(owner))
	device, ok := m[gate.DeviceRecord][string(owner)].(*gate.Device)
	if !ok {
		return out
	}
	out.Device = device
	if r, ok := m[gate.OrganizationRecord][string(device.Organization)].(*gate.Organization); ok {
		out.Organization = r
	}
	out.Remediations[gate.OfOrganization] = m.standing(gate.OrganizationSubject, string(device.Organization))
	if r, ok := m[gate.AccountRecord][string(device.Account)].(*gate.Account); ok {
		out.Account = r
	}
	out.Remediations[gate.OfAccount] = m.standing(gate.AccountSubject, string(device.Account))
	for _, r := range records[*gate.Contract](m, gate.ContractRecord) {
		if r.Account == device.Account {
			out.Contracts = append(out.Contracts, r)
		}
	}
	for _, r := range records[*gate.Certification](m, gate.CertificationRecord) {
		if r.Account == device.Account && r.Covers(device.ID) {
			out.Certifications = append(out.Certifications, r)
		}
	}
	return out
}

func (m model) standing(kind gate.SubjectKind, of string) []*gate.Remediation {
	return slices.DeleteFunc(records[*gate.Remediation](m, gate.RemediationRecord), func(r *gate.Remediation) bool {
		return r.Subject != gate.Subject{Kind: kind, ID: of} || r.Lifted != nil
	})
}

func TestTheDirectoryIsWhatReadingTheStoreAgainGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := testOptions("")
		o.InMemory = true
		s, err := New(o, created)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		want := model{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 5).Draw(t, "bookkeep") == 0 {
				n := &gate.Notice{ID: gate.NoticeID(pooled("not", rapid.IntRange(0, 3).Draw(t, "id"))), Body: rapid.StringN(0, 3, 9).Draw(t, "body")}
				if err := s.Bookkeep(func(tx *Tx) error { Put(tx, n); return nil }); err != nil {
					t.Fatal(err)
				}
				continue
			}
			changes := []gate.Record{drawn(t)}
			if rapid.Bool().Draw(t, "another") {
				changes = append(changes, drawn(t))
			}
			_, err := tryUpdate(s, changes...)
			if err != nil && gate.KindOf(err) != gate.Exists {
				t.Fatal(err)
			}
			for _, r := range changes {
				if err == nil {
					want.put(r)
				}
			}
		}
		compare(t, s, want)
	})
}

func compare(t *rapid.T, s *Store, want model) {
	again, err := s.Reread()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dumpOf(again), dumpOf(s.Directory()), same); diff != "" {
		t.Fatalf("the directory differs from the store (-store +directory):\n%s", diff)
	}
	for _, r := range records[*gate.Contract](want, gate.ContractRecord) {
		if err := r.Resolve(time.LoadLocation); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range probes() {
		if diff := cmp.Diff(want.caller(p), caller(s.Directory(), &p), same); diff != "" {
			t.Fatalf("%+v (-computed from all records +directory):\n%s", p, diff)
		}
	}
}

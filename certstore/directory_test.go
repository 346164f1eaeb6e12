package certstore

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/onerecord/certgate/gate"
)

// same compares records as deeply as it gets.
var same = cmp.Options{
	cmp.AllowUnexported(gate.Contract{}), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{}),
}

// caller asks the directory, into a value that held something else.
func caller(d *Directory, p *Probe) *gate.Caller {
	out := &gate.Caller{KeyProven: true, Account: &gate.Account{Name: "of the request before"}, Contracts: []*gate.Contract{nil}}
	d.Caller(p, out)
	return out
}

func TestACallerIsEverythingAboutWhoCalls(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	host := &gate.Host{Name: "api.example.com", Strictest: gate.Production}
	update(t, s, append(w.records(), host, newWorld(2).account)...)

	certificate := *w.certificate
	certificate.DER = nil
	contract := *w.contract
	if err := contract.Resolve(s.options.Zones); err != nil {
		t.Fatal(err)
	}
	want := &gate.Caller{
		Issuer: w.ca, Certificate: &certificate, Key: w.key, Device: w.device, Organization: w.organization, Account: w.account,
		Contracts: []*gate.Contract{&contract}, Certifications: []*gate.Certification{w.certification}, Host: host,
	}
	if diff := cmp.Diff(want, caller(s.Directory(), w.probe()), same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAStrangerIsTheZeroCaller(t *testing.T) {
	s := inMemory(t)
	update(t, s, newWorld(1).records()...)
	for _, p := range []*Probe{{}, {Leaf: fixedPrint(77), Anchor: fixedPrint(78), Handle: "nobody", Host: "other.example.com"}} {
		if diff := cmp.Diff(&gate.Caller{}, caller(s.Directory(), p), same); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", p, diff)
		}
	}
}

func TestTheOwnerIsTheKeysDeviceElseTheCertificates(t *testing.T) {
	s := inMemory(t)
	a, b := newWorld(1), newWorld(2)
	update(t, s, append(a.records(), b.records()[:7]...)...)
	rows := []struct {
		name  string
		probe Probe
		want  gate.DeviceID
	}{
		{"both", Probe{Leaf: a.certificate.Fingerprint, Handle: b.key.Handle}, b.device.ID},
		{"certificate alone", Probe{Leaf: a.certificate.Fingerprint}, a.device.ID},
		{"certificate and unknown key", Probe{Leaf: a.certificate.Fingerprint, Handle: "nobody"}, a.device.ID},
		{"key alone", Probe{Handle: a.key.Handle}, a.device.ID},
	}
	for _, row := range rows {
		got := caller(s.Directory(), &row.probe)
		if got.Device == nil || got.Device.ID != row.want || got.Account.ID != got.Device.Account {
			t.Errorf("%s: device %v of %v, want %s", row.name, got.Device, got.Account, row.want)
		}
	}
}

func TestRemediationsStandWhereTheyWereImposedUntilLifted(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	subjects := [5]struct {
		kind gate.SubjectKind
		id   string
	}{
		{gate.AccountSubject, string(w.account.ID)},
		{gate.OrganizationSubject, string(w.organization.ID)},
		{gate.DeviceSubject, string(w.device.ID)},
		{gate.KeySubject, string(w.key.ID)},
		{gate.CertificateSubject, string(w.certificate.ID)},
	}
	for place, subject := range subjects {
		r := suspension(place, subject.kind, subject.id, w.account.ID)
		update(t, s, r)
		got := caller(s.Directory(), w.probe()).Remediations
		for i, list := range got {
			if (i == place) != (len(list) == 1) {
				t.Errorf("%s suspended: %d remediations in place %d", subject.kind, len(list), i)
			}
		}
		lifted := *r
		lifted.Lifted = &gate.Lifting{At: dawn, By: "stf_cho"}
		update(t, s, &lifted)
		if left := caller(s.Directory(), w.probe()).Remediations[place]; len(left) != 0 {
			t.Errorf("%s reinstated: %v still stands", subject.kind, left)
		}
	}
	if n := len(s.Directory().Remediations(w.account.ID)); n != len(subjects) {
		t.Errorf("%d remediations are listed, want %d, lifted ones too", n, len(subjects))
	}
}

func TestWhatACallerHoldsStaysAsItWas(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	before := caller(s.Directory(), w.probe())
	contract, certification := *w.contract, *w.certification
	contract.Ended = &gate.Ending{At: dawn, By: "stf_cho", Why: "early"}
	certification.Revoked = contract.Ended
	update(t, s, &contract, &certification, suspension(1, gate.AccountSubject, string(w.account.ID), w.account.ID))
	if before.Contracts[0].Ended != nil || before.Certifications[0].Revoked != nil || len(before.Remediations[gate.OfAccount]) != 0 {
		t.Error("a change shows in a caller that was taken before it")
	}
	after := caller(s.Directory(), w.probe())
	if after.Contracts[0].Ended == nil || after.Certifications[0].Revoked == nil || len(after.Remediations[gate.OfAccount]) != 1 {
		t.Error("a change does not show in the next caller")
	}
}

func TestRecordsAreFoundByIdentifierAndByName(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	person := &gate.Staff{ID: "stf_1", Name: "ben", Certificates: []gate.StaffCertificate{{Fingerprint: fixedPrint(1)}, {Fingerprint: fixedPrint(2)}}}
	enrollment := &gate.Enrollment{ID: "enr_1", Device: w.device.ID, TokenHash: fixedPrint(3)}
	update(t, s, append(w.records(), person, enrollment)...)
	d := s.Directory()

	path := "acmeb/main/" + w.device.Slug
	rows := []struct {
		ref  string
		find func(string) (string, error)
		want string
	}{
		{"acmeb", id(d.Account), string(w.account.ID)},
		{string(w.account.ID), id(d.Account), string(w.account.ID)},
		{"nobody", id(d.Account), ""},
		{"", id(d.Account), ""},
		{"acmeb/main", id(d.Organization), string(w.organization.ID)},
		{string(w.account.ID) + "/main", id(d.Organization), string(w.organization.ID)},
		{string(w.organization.ID), id(d.Organization), string(w.organization.ID)},
		{"acmeb", id(d.Organization), ""},
		{"acmeb/", id(d.Organization), ""},
		{path, id(d.Device), string(w.device.ID)},
		{string(w.organization.ID) + "/" + w.device.Slug, id(d.Device), string(w.device.ID)},
		{string(w.device.ID), id(d.Device), string(w.device.ID)},
		{"acmeb/main", id(d.Device), ""},
		{"acmeb/main/other", id(d.Device), ""},
		{"x/y/z", id(d.Device), ""},
		{"ben", id(d.Staff), "stf_1"},
		{"stf_1", id(d.Staff), "stf_1"},
		{"cho", id(d.Staff), ""},
	}
	for _, row := range rows {
		got, err := row.find(row.ref)
		if got != row.want || (row.want == "") != (gate.KindOf(err) == gate.NotFound && err != nil) {
			t.Errorf("%q: found %q, error %v, want %q", row.ref, got, err, row.want)
		}
	}
	if staff, badge := d.StaffByCertificate(fixedPrint(2)); staff == nil || staff.ID != "stf_1" || badge.Fingerprint != fixedPrint(2) {
		t.Errorf("by certificate: %v, %v", staff, badge)
	}
	if staff, badge := d.StaffByCertificate(fixedPrint(9)); staff != nil || badge != nil {
		t.Errorf("by an unknown certificate: %v, %v", staff, badge)
	}
	if got := d.EnrollmentByToken(fixedPrint(3)); got == nil || got.ID != "enr_1" {
		t.Errorf("by token: %v", got)
	}
}

// id makes finders of different records comparable.
func id[P gate.Record](find func(string) (P, error)) func(string) (string, error) {
	return func(ref string) (string, error) {
		r, err := find(ref)
		if err != nil {
			return "", err
		}
		return r.RecordID(), nil
	}
}

func TestACertificateOfADisabledPersonIsStillFound(t *testing.T) {
	s := inMemory(t)
	person := gate.Staff{ID: "stf_1", Name: "ben", Certificates: []gate.StaffCertificate{{Fingerprint: fixedPrint(1)}}}
	update(t, s, &person)
	disabled := person
	disabled.Disabled = &gate.Act{By: "stf_cho", At: dawn}
	update(t, s, &disabled)
	if staff, _ := s.Directory().StaffByCertificate(fixedPrint(1)); staff == nil || staff.Disabled == nil {
		t.Errorf("found %v", staff)
	}
}

func TestFindingACallerDoesNotAllocate(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	p, out := w.probe(), new(gate.Caller)
	if n := testing.AllocsPerRun(100, func() { s.Directory().Caller(p, out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A caller is one cut: contract and certification are always of the same change.
func TestCallersSeeWholeChangesOnly(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			var out gate.Caller
			for {
				select {
				case <-stop:
					return
				default:
				}
				s.Directory().Caller(w.probe(), &out)
				if out.Contracts[0].Agreements == nil && out.Device.Name != "Production" ||
					out.Contracts[0].Agreements != nil && out.Device.Name != out.Contracts[0].Agreements[0].Reference {
					t.Errorf("device %q with contract %v", out.Device.Name, out.Contracts[0].Agreements)
					return
				}
				s.Directory().Devices("")
			}
		})
	}
	for n := range 200 {
		name := fixedPrint(n).String()
		device, contract := *w.device, *w.contract
		device.Name, contract.Agreements = name, []gate.Agreement{{Reference: name}}
		update(t, s, &device, &contract)
	}
	close(stop)
	readers.Wait()
}

package certstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestUpdateCommitsRecordsWithTheirEvent(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	event := update(t, s, w.account, w.organization)

	if event.Seq != 1 || s.EventCount() != 2 {
		t.Errorf("the event is number %d of %d, want 1 of 2", event.Seq, s.EventCount())
	}
	want := []gate.Change{
		{Kind: gate.AccountRecord, ID: string(w.account.ID), After: formHash(t, w.account)},
		{Kind: gate.OrganizationRecord, ID: string(w.organization.ID), After: formHash(t, w.organization)},
	}
	if diff := cmp.Diff(want, event.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	events, err := s.Events(1, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]gate.Event{event}, events); diff != "" {
		t.Errorf("the event as read (-want +got):\n%s", diff)
	}
	if got, err := s.Directory().Account("acmeb"); err != nil || got.ID != w.account.ID {
		t.Errorf("the directory has %v, error %v", got, err)
	}
}

func TestAChangeListsTheStateBefore(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	first := update(t, s, w.account)
	w.account.Name = "Acme Health"
	second := update(t, s, w.account)
	if second.Changes[0].Before != first.Changes[0].After {
		t.Errorf("before is %s, want what the first event left, %s", second.Changes[0].Before, first.Changes[0].After)
	}
}

func TestAFailedUpdateChangesNothing(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	refusal := errors.New("no")
	_, err := s.Update(func(tx *Tx) (gate.Event, error) {
		Put(tx, w.account)
		return happened(gate.AccountCreated), refusal
	})
	if !errors.Is(err, refusal) || s.EventCount() != 1 || len(s.Directory().Accounts()) != 0 {
		t.Errorf("error %v, %d events, %d accounts", err, s.EventCount(), len(s.Directory().Accounts()))
	}
	if err := s.View(func(tx *Tx) error {
		_, err := Get[gate.Account](tx, string(w.account.ID))
		return err
	}); gate.KindOf(err) != gate.NotFound {
		t.Errorf("reading gives %v, want not found", err)
	}
}

func TestWhatIsStoredAlreadyIsNotWritten(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	event := update(t, s, w.records()...)
	if len(event.Changes) != 0 {
		t.Errorf("changes %v, want none", event.Changes)
	}
}

func TestATransactionReadsItsOwnWrites(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	_, err := s.Update(func(tx *Tx) (gate.Event, error) {
		Put(tx, w.account)
		got, err := Get[gate.Account](tx, string(w.account.ID))
		if err != nil {
			return gate.Event{}, err
		}
		got.Name = "changed by the reader"
		again, err := Get[gate.Account](tx, string(w.account.ID))
		if err != nil {
			return gate.Event{}, err
		}
		if again.Name != w.account.Name {
			t.Errorf("a reader's copy is shared: %q", again.Name)
		}
		n := 0
		for r, err := range All[gate.Account](tx) {
			for inner, err := range All[gate.Account](tx) { // several at once, and writes meanwhile
				if err != nil || inner.ID != r.ID {
					t.Error(inner, err)
				}
			}
			r.Name = "Acme Health"
			Put(tx, r)
			if n++; err != nil {
				return gate.Event{}, err
			}
		}
		if n != 1 {
			t.Errorf("%d accounts, want 1", n)
		}
		return happened(gate.AccountCreated), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Directory().Account("acmeb"); got == nil || got.Name != "Acme Health" {
		t.Errorf("the directory has %v", got)
	}
}

func TestAllIteratesInOrderOfIdentifiers(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, newDevice(w, 30), newDevice(w, 10), newDevice(w, 20))
	var got []string
	if err := s.View(func(tx *Tx) error {
		for d, err := range All[gate.Device](tx) {
			if err != nil {
				return err
			}
			got = append(got, string(d.ID))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{fixedID("dev_", 10), fixedID("dev_", 20), fixedID("dev_", 30)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBookkeepingLeavesNoEvent(t *testing.T) {
	s := inMemory(t)
	mark := &gate.Mark{ID: "stf_ben/1", Object: "acc_1", At: dawn}
	if err := s.Bookkeep(func(tx *Tx) error { Put(tx, mark); return nil }); err != nil {
		t.Fatal(err)
	}
	if s.EventCount() != 1 {
		t.Errorf("%d events, want the first only", s.EventCount())
	}
	if err := s.View(func(tx *Tx) error {
		got, err := Get[gate.Mark](tx, mark.ID)
		if diff := cmp.Diff(mark, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestNothingElseCanBeBookkept(t *testing.T) {
	s := inMemory(t)
	for _, kind := range gate.RecordKinds() {
		err := s.Bookkeep(func(tx *Tx) error { Put(tx, golden()[kind]); return nil })
		if allowed := bookkept(kind); allowed != (err == nil) {
			t.Errorf("%s: error %v", kind, err)
		}
	}
}

func TestAViewCannotWrite(t *testing.T) {
	s := inMemory(t)
	err := s.View(func(tx *Tx) error { Put(tx, newWorld(1).account); return nil })
	if err == nil || !strings.Contains(err.Error(), "nothing can be written while viewing") {
		t.Errorf("error %v", err)
	}
}

func TestBadRecordsAreRefusedBeforeTheyAreWritten(t *testing.T) {
	rows := []struct {
		name   string
		record gate.Record
		want   string
	}{
		{"no identifier", &gate.Account{}, `account "": an identifier has 1 to 1000 bytes and no zero byte`},
		{"a zero byte", &gate.Mark{ID: "a\x00b"}, "no zero byte"},
		{"too long an identifier", &gate.Host{Name: strings.Repeat("a", 1001)}, "an identifier has 1 to 1000 bytes"},
		{"too large", &gate.Notice{ID: "not_1", Body: strings.Repeat("a", maxRecord)}, "a record may take"},
		{"text that cannot be read again", &gate.Host{Name: "api.example.com"}, `environment "none"`},
		{"an unknown zone", &gate.Contract{ID: "con_1", Zone: "Mars/Olympus"}, `its time zone cannot be loaded: zone: "Mars/Olympus"`},
		{"a kind that is not stored", unknownRecord{}, "not in the list of stored kinds"},
	}
	for _, row := range rows {
		s := inMemory(t)
		_, err := tryUpdate(s, newWorld(1).account, row.record)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q in it", row.name, err, row.want)
		}
		if s.EventCount() != 1 || len(s.Directory().Accounts()) != 0 {
			t.Errorf("%s: something was committed", row.name)
		}
	}
}

type unknownRecord struct{}

func (unknownRecord) RecordKind() gate.RecordKind { return "nonsense" }
func (unknownRecord) RecordID() string            { return "1" }

func TestACommitHasABound(t *testing.T) {
	s := inMemory(t)
	var many []gate.Record
	for n := range 8 {
		many = append(many, &gate.Notice{ID: gate.NoticeID(fixedID(gate.NoticePrefix, n)), Body: strings.Repeat("a", maxRecord/2)})
	}
	_, err := tryUpdate(s, many...)
	if err == nil || !strings.Contains(err.Error(), "too large for one commit") {
		t.Errorf("error %v", err)
	}
	if _, err := tryUpdate(s, many[0]); err != nil {
		t.Errorf("the next change is refused: %v", err)
	}
}

func TestAnEventSaysWhatWhenAndByWhom(t *testing.T) {
	s := inMemory(t)
	for _, spoil := range []func(*gate.Event){
		func(e *gate.Event) { e.Verb = "" },
		func(e *gate.Event) { e.At = time.Time{} },
		func(e *gate.Event) { e.By = gate.Actor{} },
	} {
		_, err := s.Update(func(tx *Tx) (gate.Event, error) {
			Put(tx, newWorld(1).account)
			e := happened(gate.AccountCreated)
			spoil(&e)
			return e, nil
		})
		if err == nil || s.EventCount() != 1 {
			t.Errorf("error %v, %d events", err, s.EventCount())
		}
	}
}

func TestWhatARecordIsFoundByIsItsOwn(t *testing.T) {
	w := newWorld(1)
	other := newWorld(2)
	second := func(r gate.Record, edit func()) gate.Record { edit(); return r }
	account := *other.account
	organization, device := *w.organization, *w.device
	key, certificate := *w.key, *w.certificate
	staff := &gate.Staff{ID: "stf_a", Name: "ben", Roles: []gate.Role{gate.Admin}, Certificates: []gate.StaffCertificate{{Fingerprint: fixedPrint(9)}}}
	namesake, borrower := *staff, *staff
	enrollment := &gate.Enrollment{ID: "enr_a", TokenHash: fixedPrint(5)}
	twin := *enrollment
	rows := []struct {
		record gate.Record
		want   string
	}{
		{second(&account, func() { account.Slug = w.account.Slug }), `account slug "acmeb" is taken by ` + string(w.account.ID)},
		{second(&organization, func() { organization.ID = "org_x" }), "organization slug"},
		{second(&device, func() { device.ID = "dev_x" }), "device slug"},
		{second(&key, func() { key.ID = "key_x" }), "key handle"},
		{second(&certificate, func() { certificate.ID = "crt_x" }), `certificate fingerprint "` + w.certificate.Fingerprint.String()},
		{second(&namesake, func() { namesake.ID, namesake.Certificates = "stf_b", nil }), `staff name "ben" is taken by stf_a`},
		{second(&borrower, func() { borrower.ID, borrower.Name = "stf_c", "cho" }), `staff certificate "` + fixedPrint(9).String()},
		{second(&twin, func() { twin.ID = "enr_b" }), "enrollment token hash"},
	}
	s := inMemory(t)
	update(t, s, append(w.records(), staff, enrollment)...)
	for _, row := range rows {
		_, err := tryUpdate(s, row.record)
		if gate.KindOf(err) != gate.Exists || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q in it", row.record.RecordKind(), err, row.want)
		}
	}
	// Nor can two records of one change share a name.
	a, b := *newWorld(3).account, *newWorld(4).account
	b.Slug = a.Slug
	if _, err := tryUpdate(s, &a, &b); gate.KindOf(err) != gate.Exists {
		t.Errorf("two at once: error %v", err)
	}
}

func TestNamesCanBeSwappedInOneChange(t *testing.T) {
	s := inMemory(t)
	a, b := *newWorld(1).account, *newWorld(2).account
	update(t, s, &a, &b)
	a.Slug, b.Slug = b.Slug, a.Slug
	update(t, s, &a, &b)
	if got, err := s.Directory().Account(a.Slug); err != nil || got.ID != a.ID {
		t.Errorf("%s is %v, error %v", a.Slug, got, err)
	}
	if got, err := s.Directory().Account(b.Slug); err != nil || got.ID != b.ID {
		t.Errorf("%s is %v, error %v", b.Slug, got, err)
	}
	b.Slug = "new"
	update(t, s, &b)
	a.Slug = "acmeb"
	update(t, s, &a) // given up, so free
}

func TestEventsAreReadInOrder(t *testing.T) {
	s := inMemory(t)
	for range 5 {
		update(t, s)
	}
	rows := []struct {
		from int64
		n    int
		want []int64
	}{
		{0, 3, []int64{0, 1, 2}}, {4, 10, []int64{4, 5}}, {6, 10, nil}, {2, 0, nil},
	}
	for _, row := range rows {
		events, err := s.Events(row.from, row.n)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, e := range events {
			got = append(got, e.Seq)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("from %d, %d (-want +got):\n%s", row.from, row.n, diff)
		}
	}
	if _, err := s.Events(-1, 1); gate.KindOf(err) != gate.Invalid {
		t.Errorf("error %v", err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s := inMemory(t)
	update(t, s, newWorld(1).account)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, eventsErr := s.Events(0, 1)
	_, updateErr := tryUpdate(s)
	_, sealErr := s.Seal("a", nil)
	_, unsealErr := s.Unseal("a", nil)
	for _, err := range []error{
		eventsErr, updateErr, sealErr, unsealErr,
		s.View(func(*Tx) error { return nil }), s.Bookkeep(func(*Tx) error { return nil }),
	} {
		if !errors.Is(err, ErrClosed) || gate.KindOf(err) != gate.ShuttingDown {
			t.Errorf("error %v", err)
		}
	}
	if len(s.Directory().Accounts()) != 1 {
		t.Error("the directory is gone")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestSealedValuesOpenUnderTheirLabelOnly(t *testing.T) {
	s := inMemory(t)
	sealed, err := s.Seal("ca/1", []byte("private"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(sealed), "private") {
		t.Error("it is not encrypted")
	}
	if got, err := s.Unseal("ca/1", sealed); err != nil || string(got) != "private" {
		t.Errorf("%q, error %v", got, err)
	}
	again, err := s.Seal("ca/1", []byte("private"))
	if err != nil || string(again) == string(sealed) {
		t.Errorf("the same twice, error %v", err)
	}
	flipped := append([]byte{}, sealed...)
	flipped[len(flipped)-1] ^= 1
	for name, try := range map[string]struct {
		label string
		value []byte
	}{
		"another label": {"ca/2", sealed}, "a flipped bit": {"ca/1", flipped}, "cut off": {"ca/1", sealed[:8]}, "empty": {"ca/1", nil},
	} {
		if got, err := s.Unseal(try.label, try.value); err == nil {
			t.Errorf("%s: opened as %q", name, got)
		}
	}
	o := testOptions("")
	o.InMemory, o.Secret = true, [32]byte{9}
	other, err := New(o, func(tx *Tx) (gate.Event, error) {
		own, err := tx.Seal("x", []byte("y"))
		if err != nil {
			return gate.Event{}, err
		}
		if got, err := tx.Unseal("x", own); err != nil || string(got) != "y" {
			t.Errorf("%q, error %v", got, err)
		}
		return happened(gate.StoreCreated), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, other)
	if got, err := other.Unseal("ca/1", sealed); err == nil {
		t.Errorf("another secret opened it as %q", got)
	}
}

func TestETagsDifferExactlyWhereRecordsDo(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	before := ETag(w.certificate)
	if fromDirectory := ETag(s.Directory().Certificate(w.certificate.ID)); before != fromDirectory || len(before) != 16 {
		t.Errorf("of the stored record %q, of the directory's %q", before, fromDirectory)
	}
	w.certificate.FirstUsedAt = &dawn
	if ETag(w.certificate) == before {
		t.Error("a change does not show")
	}
	if ETag(s.Directory().Contract(w.contract.ID)) != ETag(w.contract) {
		t.Error("resolving a contract's term changes its tag")
	}
}

func formHash(t *testing.T, r gate.Record) gate.Fingerprint {
	t.Helper()
	body, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return gate.FingerprintOf(body)
}

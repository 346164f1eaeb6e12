package gate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestEveryKindOfRecordHasOneType(t *testing.T) {
	records := []gate.Record{
		&gate.Account{ID: "1"}, &gate.Organization{ID: "1"}, &gate.Device{ID: "1"}, &gate.Contract{ID: "1"}, &gate.Certification{ID: "1"},
		&gate.Key{ID: "1"}, &gate.Certificate{ID: "1"}, &gate.Enrollment{ID: "1"}, &gate.Remediation{ID: "1"}, &gate.Notice{ID: "1"},
		&gate.Staff{ID: "1"}, &gate.CA{}, &gate.Pepper{Version: 1}, &gate.BehaviorTable{}, &gate.Host{Name: "1"}, &gate.Mark{ID: "1"}, &gate.Reminder{ID: "1"}, &gate.Observed{Device: "1"}, &gate.Use{ID: "1"}, &gate.Spent{Account: "1"}, &gate.Loss{ID: "1"},
		&gate.Secret{}, &gate.PublishedCRL{}, &gate.BlockedKey{}, &gate.RevocationList{}, &gate.Incident{ID: "1"}, &gate.Ruling{ID: "1"}, &gate.Review{ID: "1"},
	}
	ids := map[gate.RecordKind]string{gate.CARecord: strings.Repeat("0", 64), gate.BlockedKeyRecord: strings.Repeat("0", 64), gate.RevocationListRecord: strings.Repeat("0", 64), gate.CRLRecord: strings.Repeat("0", 64), gate.PepperRecord: "00000001", gate.BehaviorsRecord: "table", gate.SecretRecord: "secret"}
	got := map[gate.RecordKind]bool{}
	for _, r := range records {
		kind := r.RecordKind()
		if got[kind] {
			t.Errorf("two types are of kind %s", kind)
		}
		got[kind] = true
		want, ok := ids[kind]
		if !ok {
			want = "1"
		}
		if r.RecordID() != want {
			t.Errorf("%s: identifier %q, want %q", kind, r.RecordID(), want)
		}
	}
	want := map[gate.RecordKind]bool{}
	for _, kind := range gate.RecordKinds() {
		want[kind] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPepperVersionsSortAsNumbers(t *testing.T) {
	if a, b := (&gate.Pepper{Version: 9}).RecordID(), (&gate.Pepper{Version: 10}).RecordID(); a >= b {
		t.Errorf("%s is not before %s", a, b)
	}
}

func TestReasonsForRevocationAreReadAsTheyArePrinted(t *testing.T) {
	// The numbers are those of RFC 5280 section 5.3.1 and go into revocation lists.
	want := map[gate.RevocationReason]string{
		0: "unspecified", 1: "keyCompromise", 3: "affiliationChanged", 4: "superseded", 5: "cessationOfOperation", 9: "privilegeWithdrawn",
	}
	all := gate.RevocationReasons()
	if len(all) != len(want) {
		t.Errorf("%d reasons, want %d", len(all), len(want))
	}
	for _, reason := range all {
		name := want[reason]
		text, err := json.Marshal(reason)
		var back gate.RevocationReason
		if err != nil || string(text) != `"`+name+`"` || json.Unmarshal(text, &back) != nil || back != reason {
			t.Errorf("%s: %s is read as %s, %v", name, text, back, err)
		}
	}
	for _, s := range []string{"", "KeyCompromise", "cACompromise", "certificateHold", "removeFromCRL"} {
		if _, err := gate.ParseRevocationReason(s); !errors.Is(err, gate.Invalid) || !strings.HasPrefix(err.Error(), "reason: ") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestAFingerprintIsReadAsItIsPrinted(t *testing.T) {
	f := gate.FingerprintOf([]byte("abc"))
	if got := f.String(); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("%s is not the SHA-256 of abc", got)
	}
	text, err := json.Marshal(f)
	var back gate.Fingerprint
	if err != nil || json.Unmarshal(text, &back) != nil || back != f || f.IsZero() {
		t.Errorf("%s is read as %s, %v", text, back, err)
	}
	for _, s := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("0", 65), "00" + strings.Repeat("g", 62)} {
		given := f
		if err := given.UnmarshalText([]byte(s)); !errors.Is(err, gate.Invalid) || given != f {
			t.Errorf("%q: %v, and the fingerprint is %s", s, err, given)
		}
	}
	if !(gate.Fingerprint{}).IsZero() {
		t.Error("the zero fingerprint is not zero")
	}
}

func TestWhoIsToldWhat(t *testing.T) {
	account := acme()
	account.Contacts = append(account.Contacts, gate.Contact{Role: gate.SecurityContact, Name: "Sec", Email: "sec@acme.example"})
	for _, kind := range gate.NoticeKinds() {
		want := account.Contacts
		switch kind {
		case gate.EnrollmentNotice, gate.FindingsNotice, gate.CertificateEndsNotice, gate.KeyEndsNotice, gate.OldInUseNotice, gate.LinkEndsNotice,
			gate.QuotaNotice, gate.CutOffNotice:
			want = account.Contacts[1:2] // nobody else can take a credential, or change what calls
		case gate.RenewedNotice, gate.LeakedNotice, gate.ImportedNotice, gate.ListEndsNotice, gate.IncidentOpenedNotice, gate.IncidentOverNotice, gate.StrangersNotice,
			gate.AppealReceivedNotice, gate.BarredNotice:
			want = account.Contacts[1:] // who holds the credential, and who watches over it
		case gate.ContractEndsNotice, gate.RecertificationDueNotice:
			want = account.Contacts[:2]
		default:
			if kind.ForStaff() {
				want = nil
			}
		}
		if diff := cmp.Diff(want, gate.Recipients(&account, kind)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
	if got := gate.Recipients(&gate.Account{}, gate.EnrollmentNotice); len(got) != 0 {
		t.Errorf("an account without contacts: %v", got)
	}
}

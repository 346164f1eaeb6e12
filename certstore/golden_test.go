package certstore

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

// golden is one record of each kind with every field set, so that a field that is renamed or lost shows in testdata. Fields are only added,
// always optional: an old golden file must go on being read.
func golden() map[gate.RecordKind]gate.Record {
	later := dawn.Add(time.Hour)
	act := gate.Act{By: "stf_cho", At: dawn, Why: "all answered"}
	revoked := &gate.Revocation{At: later, By: "stf_eve", Reason: gate.KeyCompromise, Why: "seen in a public repository"}
	grant := gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment, gate.Payment}}
	profile := gate.Profile{Grant: grant, Hosting: "own", KeyStorage: "HSM", DailyVolume: 1000, Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	plan := gate.Plan{At: dawn, Minutes: 90, Link: "https://meet.example.com/7", Interviewer: "stf_ben", Findings: []int{1}}
	limits := gate.Limits{{Kind: gate.RateLimit, Per: gate.DeviceSubject, Behavior: "fhir-query", Amount: 600, Seconds: 60, Burst: 100}}
	terms := gate.Terms{Grant: grant, Plan: limits, PlanName: "gold", Agreements: []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "vault 7", SignedOn: "2026-12-01"}}}
	badge := gate.StaffCertificate{Fingerprint: fixedPrint(1), Issuer: fixedPrint(2), DER: []byte{1, 2}, NotBefore: dawn, NotAfter: later, Revoked: revoked, RenewedFrom: fixedPrint(15)}
	contact := gate.Contact{Role: gate.TechnicalContact, Name: "Ops <&>", Email: "ops@example.com", Phone: "+1 555 0100"}
	imported := gate.Import{ID: "imp_1", By: "stf_cho", At: dawn, Source: "the spreadsheet"}
	allowance := gate.Allowance{Accounts: []gate.AccountID{"acc_1"}, CRL: "http://pki.acme.example/issuing.crl", GraceHours: 24, DistributionPoint: true, Act: act, Confirmed: act}
	note := gate.PolicyNote{Version: "1", Risk: "records copied", Scope: "one device", Alternatives: "a notice alone", Duration: "4 hours"}
	list := []gate.Record{
		&gate.Account{ID: "acc_1", Slug: "acme", Name: "Acme", Zone: "America/New_York", Contacts: []gate.Contact{contact}, Owner: "stf_ben", Notes: "calls on Mondays", CreatedAt: dawn, Imported: &imported,
			ProposedContacts: &gate.ContactProposal{Contacts: []gate.Contact{contact}, Act: act, Replaced: true, Withdrawn: &act},
			ContactChanges:   []gate.ContactCorrection{{From: []gate.Contact{contact}, To: []gate.Contact{contact}, Proposed: act, Confirmed: act, Ended: []gate.EnrollmentID{"enr_1"}}},
			Deletion:         &gate.DeletionProposal{Act: act}},
		&gate.Organization{ID: "org_1", Account: "acc_1", Slug: "main", Name: "Main", CreatedAt: dawn},
		&gate.Device{
			ID: "dev_1", Account: "acc_1", Organization: "org_1", Slug: "prod-1", Name: "Production", Environment: gate.Preprod, Grant: &grant,
			DefaultPurpose: gate.Treatment, Addresses: gate.Addresses{Any: true, These: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}, CreatedAt: dawn,
		},
		&gate.Contract{
			ID: "con_1", Account: "acc_1", First: "2027-01-01", Last: "2027-12-31", Zone: "America/New_York", Grant: grant, Plan: limits, PlanName: "gold",
			Agreements: []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "vault 7", SignedOn: "2026-12-01"}}, CreatedAt: dawn,
			Ended:      &gate.Ending{At: later, By: "stf_cho", Why: "by consent"},
			Renewal:    &gate.Renewal{Of: "con_0", Changed: true, Act: act},
			Amendments: []gate.Amendment{{Act: act, From: terms, To: terms}}, Extensions: []gate.Extension{{From: "2027-12-29", To: "2027-12-31", Proposed: act, Confirmed: act}},
			ProposedExtension: &gate.ExtensionProposal{Last: "2028-01-01", Act: act, Replaced: true},
			Extras:            []gate.Extra{{Limit: "day", Subject: "dev_1", Amount: 5000, Reset: true, Ends: later, Act: act}},
		},
		&gate.Certification{
			ID: "cas_1", Account: "acc_1", Contract: "con_1", Devices: []gate.DeviceID{"dev_1"},
			Profile: profile, Requested: act, Questions: 1, Written: []gate.WrittenAnswers{{Answers: []gate.Answer{{Question: "tls", Text: "1.3", NotApplicable: "no"}}, Act: act}},
			Interviews: []gate.Interview{{ID: "int_1", Plan: plan, Follows: "int_0", Moved: []gate.Moving{{Was: plan, Act: act}}, Canceled: true, Missed: true, Ended: &act, Held: &gate.Transcript{
				By: "stf_ben", At: dawn, Attendees: []gate.Attendee{{Name: "Dana", Consented: true}},
				Recording: gate.Recording{Reference: "rec-1", SHA256: fixedPrint(3).String(), HashSource: gate.ComputedHash, Attached: &act}, DemoShown: true,
				Answers: []gate.Answer{{Question: "Where is the key?", Text: "in an HSM", NotApplicable: "no"}},
			}}},
			Findings: []gate.Finding{{Text: "no rotation", Question: "key-rotation", Severity: gate.HighSeverity, Due: &later, Interview: "int_1", Raised: act,
				Answers: []gate.FindingAnswer{{Text: "twice a year", Document: gate.Document{Reference: "DMS-9", SHA256: fixedPrint(3).String(), HashSource: gate.TypedHash}, CameIn: later, Act: act}},
				Closed:  &act}},
			Evidence: []gate.Evidence{{Kind: gate.PenetrationTest, Document: gate.Document{Reference: "DMS-8", SHA256: fixedPrint(3).String(), HashSource: gate.ComputedHash}, Note: "of 2026", Added: act}},
			Approved: &act, Rejected: &act, Withdrawn: &act,
			Imported:    &gate.PastApproval{On: "2026-03-01", By: "Dana, by mail", Import: imported},
			IssuanceDue: &later, Released: &act, EnrolledAt: &later, RecertifyBy: &later, Revoked: &gate.Ending{At: later, By: "stf_cho", Why: "for cause"},
			Carried: []gate.Carrying{{Contract: "con_2", Act: act}}, Joined: []gate.Joining{{Device: "dev_1", Act: act}},
			Changes:  []gate.ChangeReport{{Kind: gate.HostingChanged, Text: "moved", Reported: act, Judged: &act, Material: true}},
			Demanded: &act, Update: &gate.ProfileUpdate{Profile: profile, Documents: "vault 9", Submitted: act},
			Recertified: []gate.Recertification{{Act: act, Demanded: act, Due: later, Was: profile, Documents: "vault 8"}},
		},
		&gate.Key{
			ID: "key_1", Account: "acc_1", Device: "dev_1", Environment: gate.Production, Handle: "0123456789", Pepper: 1, MAC: fixedPrint(4),
			IssuedAt: dawn, FirstUsedAt: &later, RetireAt: &later, Revoked: revoked, Imported: &gate.TakenOver{Import: imported, Confirmed: &act},
			Replaces: "key_0",
		},
		&gate.Certificate{
			ID: "crt_1", Account: "acc_1", Device: "dev_1", Environment: gate.Sandbox, Fingerprint: fixedPrint(5), Issuer: fixedPrint(6), Serial: "0a",
			PublicKey: fixedPrint(7), DER: []byte{3, 4}, NotBefore: dawn, NotAfter: later, IssuedAt: dawn, FirstUsedAt: &later, Revoked: revoked,
			Imported: &gate.TakenOver{Import: imported, Confirmed: &act}, Renews: "crt_0", Brought: true,
		},
		&gate.Enrollment{
			ID: "enr_1", Account: "acc_1", Device: "dev_1", Certification: "cas_1", TokenHash: fixedPrint(8), Notice: "not_1", ReleasedBy: "stf_eve",
			ReleasedAt: dawn, ExpiresAt: later, Redemptions: 1, PublicKey: fixedPrint(9), Key: "key_1", Certificate: "crt_1", Handed: []gate.Handing{{At: dawn, Key: "key_1", Certificate: "crt_1"}}, Acknowledged: &later, Canceled: &act,
		},
		&gate.Remediation{
			ID: "rem_1", Account: "acc_1", Subject: gate.Subject{Kind: gate.DeviceSubject, ID: "dev_1"}, Measure: gate.Suspend, Limit: &limits[0], From: dawn, PlannedAt: &dawn, Until: &later,
			By: "stf_ben", Why: "a leak", Notice: "not_1", Policy: &note, Lifted: &gate.Lifting{At: later, By: "stf_cho", Why: "closed", Mistake: true, Notice: "not_2"},
		},
		&gate.Review{ID: "rev_1", Account: "acc_1", Signed: act, From: dawn, Until: later, Digest: fixedPrint(7)},
		&gate.Incident{
			ID: "inc_1", Account: "acc_1", Device: "dev_1", Subject: gate.Subject{Kind: gate.KeySubject, ID: "key_1"}, Origin: gate.IncidentLeak, Opened: act,
			Notes: []gate.Act{act}, Remediations: []gate.RemediationID{"rem_1"}, Security: &act, Closed: &gate.IncidentClosing{Act: act, Outcome: gate.IncidentConfirmed, Stays: true},
			Evidence: []gate.Detection{{
				At: dawn, Rule: "patient-scraping", Ruling: "rul_1", Subject: gate.Subject{Kind: gate.DeviceSubject, ID: "dev_1"}, From: dawn, To: later,
				Figures: []gate.Figure{{Name: "patients", Seen: 210, Limit: 100}}, Weight: 60, Asks: "limit", Observed: "held",
			}},
			MoreEvidence: 1,
			Steps:        []gate.Step{{At: dawn, Rung: gate.RungThrottle, By: "stf_ben", Policy: note, Notice: "not_1", Remediation: "rem_1"}},
			Holds:        []gate.Hold{{Began: act, Ended: &act}},
			Appeals:      []gate.Appeal{{At: dawn, By: "stf_1", Text: "we moved", Notice: "not_2", Answer: &gate.AppealAnswer{Act: act, Granted: true, Notice: "not_3"}}},
			Plan:         &gate.CorrectivePlan{Text: "narrow the query", Due: "2027-04-01", Agreed: act, Notice: "not_4", Done: &act},
			Barred:       &gate.Bar{Until: dawn, Act: act, Notice: "not_5"},
		},
		&gate.Ruling{
			ID: "rul_1", Version: 7, Scope: gate.PlanScope, Plan: "gold", Account: "acc_1", Modes: map[string]string{"volume-spike": "enforce"},
			Thresholds: map[string]float64{"volume_spike.ratio": 3.5}, Set: act, Waits: true, Confirmed: &act, Refused: &act,
		},
		&gate.Notice{
			ID: "not_1", Kind: gate.EnrollmentNotice, Account: "acc_1", To: []gate.Contact{contact}, Subject: "Your link", Body: "See {link}",
			HTML: "<p>See {link}</p>", ReplyTo: "certification@example.com", Event: `{"specversion":"1.0"}`,
			Meeting: &gate.Meeting{Method: "REQUEST", Calendar: "BEGIN:VCALENDAR"}, CreatedAt: dawn, SealedLink: []byte{5}, TakenAt: &later,
			Deliveries: []gate.Delivery{{
				Channel: gate.MailChannel, Attempts: 3, Failures: 2, Problem: "550 unknown", LastAt: &later, NextAt: &later,
				Accepted: []gate.Receipt{{Address: "ann@example.com", At: later, Answer: "250 ok"}},
				Refused:  []gate.Receipt{{Address: "ops@example.com", At: later, Answer: "550 unknown"}},
				DoneAt:   &later, FailedAt: &later, DeadAt: &later,
			}},
			Told: &gate.Telling{By: "stf_ben", At: later, Who: "Ann", How: "by telephone"}, Reported: &later,
		},
		&gate.Staff{
			ID: "stf_1", Name: "ben", Email: "ben@example.com", Roles: []gate.Role{gate.Admin}, CreatedAt: dawn, Bootstrap: true,
			Proposal:     &gate.Proposal{Roles: []gate.Role{gate.Auditor}, Certificate: &badge, Link: true, Email: "new@example.com", By: "stf_cho", At: later, Replaced: true},
			Certificates: []gate.StaffCertificate{badge}, Disabled: &act, Until: &later,
			Link: &gate.StaffLink{TokenHash: fixedPrint(12), Notice: "not_1", By: "stf_cho", SentAt: dawn, ExpiresAt: later, Redemptions: 1,
				PublicKey: fixedPrint(13), Certificate: fixedPrint(14)},
		},
		&gate.CA{
			Fingerprint: fixedPrint(10), Audience: gate.Customers, DER: []byte{6}, RootDER: []byte{7}, SealedKey: []byte{8}, NotBefore: dawn, NotAfter: later,
			IssuesFrom: &dawn, Retired: &gate.Ending{At: later, By: "stf_eve", Why: "rotated"}, Imported: &gate.TakenOver{Import: imported, Confirmed: &act},
			Proposal: &gate.CAProposal{Change: gate.CARetire, Compromised: true, Act: act, Replaced: true, Withdrawn: &act, Allowance: &allowance}, Compromised: true, Allowance: &allowance,
			Request: &gate.CARequest{CSR: []byte{9}, PublicKey: fixedPrint(15), SealedKey: []byte{10}, At: later, By: "stf_cho"},
		},
		&gate.Pepper{Version: 1, Sealed: []byte{9}, CreatedAt: dawn},
		&gate.Secret{Version: 2, Since: dawn, Recipients: []string{"age1"}, Lasting: []byte{11}, Rotation: &act, Kit: &act,
			Proposal: &gate.SecretProposal{Change: gate.RotateSecret, Recipients: []string{"age1"}, Act: act, Replaced: true}},
		&gate.BehaviorTable{
			Behaviors:  []gate.Behavior{{Name: "fhir-query", Method: "GET", Path: "/fhir/*", Cost: 1, WebSocket: true}},
			Allowances: []gate.Behavior{{Name: "old", Method: "GET", Path: "/old/*", Cost: 2, WebSocket: true}},
		},
		&gate.Host{Name: "api.example.com", Strictest: gate.Production, Lowering: &gate.Lowering{To: gate.Sandbox, Why: "moved", ProposedBy: "stf_ben", ConfirmedBy: "stf_cho", Replaced: true, Until: &dawn, Raised: &gate.Ending{At: dawn, By: "stf_ben", Why: "over"}}},
		&gate.Mark{ID: "stf_ben/abc", Hash: fixedPrint(11), Object: "acc_1", At: dawn},
		&gate.Loss{
			ID: "los_1", Lost: gate.LostPart{Kept: 7, Size: 9, Root: fixedPrint(12), Until: later}, Since: dawn, FoundAt: later,
			Proposed: &gate.LossProposal{Act: act, Replaced: true}, Accepted: &act, Event: 8,
		},
		&gate.Observed{
			Device: "dev_1", Account: "acc_1", Behaviors: []gate.Observation{{Name: "fhir-query", First: dawn, Last: later}},
			Purposes: []gate.Observation{{Name: "TREAT", First: dawn, Last: later}}, Networks: []gate.Observation{{Name: "203.0.113.0/24", First: dawn, Last: later}}, Overflowed: true,
		},
		&gate.BlockedKey{PublicKey: fixedPrint(16), At: dawn, By: "stf_eve", Cause: gate.BlockedByStaff, Why: "found in a firmware image"},
		&gate.Use{ID: "key_1", Account: "acc_1", At: later, From: netip.MustParseAddr("203.0.113.7")},
		&gate.Spent{Account: "acc_1", Quotas: []gate.SpentQuota{{Subject: "acc_1", Limit: "day", Used: 17, Start: dawn, End: later}}},
		&gate.PublishedCRL{CA: fixedPrint(16), Number: 1806570000000000000, At: later},
		&gate.RevocationList{
			CA: fixedPrint(20), URL: "http://pki.acme.example/issuing.crl", Number: "1f", ThisUpdate: dawn, NextUpdate: later, Hash: fixedPrint(21), Entries: 3,
			FetchedAt: dawn, TriedAt: later, ETag: `"a"`, LastModified: "Mon, 01 Mar 2027 09:00:00 GMT", Failures: 2, FailingSince: &dawn, Problem: "no answer",
			Told: &later, Warned: &later,
		},
		&gate.Reminder{
			ID: "contract-ends/con_1/2027-03-01T10:00:00Z/30", Account: "acc_1", Kind: gate.ContractEndsNotice, Subject: "con_1", Ends: later, Days: 30, Percent: 80, Used: 8000,
			At: dawn, Notice: "not_1",
		},
	}
	byKind := make(map[gate.RecordKind]gate.Record)
	for _, r := range list {
		byKind[r.RecordKind()] = r
	}
	return byKind
}

func TestStoredFormsNeverChange(t *testing.T) {
	for _, kind := range gate.RecordKinds() {
		r := golden()[kind]
		if r == nil {
			t.Errorf("%s: no golden record", kind)
			continue
		}
		body, err := encode(r)
		if err != nil {
			t.Fatal(err)
		}
		// Indented, so that a change can be read; without blanks it is what is stored.
		var shown bytes.Buffer
		if err := json.Indent(&shown, body, "", "  "); err != nil {
			t.Fatal(err)
		}
		shown.WriteByte('\n')
		name := filepath.Join("testdata", string(kind)+".json")
		if *rewrite {
			if err := os.WriteFile(name, shown.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), shown.String()); diff != "" {
			t.Errorf("%s is stored differently (-golden +now):\n%s", kind, diff)
		}
		back := blank(kind)
		if err := decodeInto(back, want, time.LoadLocation); err != nil {
			t.Errorf("%s: the golden file cannot be read: %v", kind, err)
		}
		if again, err := encode(back); err != nil || string(again) != string(body) {
			t.Errorf("%s: read and stored again it is another, error %v:\n%s\n%s", kind, err, body, again)
		}
	}
}

// A field that no golden record sets could be renamed without notice.
func TestGoldenRecordsSetEveryField(t *testing.T) {
	for kind, r := range golden() {
		for _, field := range unset(reflect.ValueOf(r).Elem(), string(kind)) {
			t.Errorf("%s is set in no golden record", field)
		}
	}
}

// unset lists the fields of ours that are zero, all the way down.
func unset(v reflect.Value, path string) []string {
	var found []string
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return unset(v.Elem(), path)
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Index(0).Kind() == reflect.Struct:
		return unset(v.Index(0), path+"[0]")
	case v.Kind() == reflect.Struct && strings.HasSuffix(v.Type().PkgPath(), "certgate/gate"):
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				found = append(found, unset(v.Field(i), path+"."+f.Name)...)
			}
		}
	case v.IsZero():
		found = append(found, path)
	}
	return found
}

func TestEveryKindOfRecordCanBeStored(t *testing.T) {
	s := inMemory(t)
	for _, kind := range gate.RecordKinds() {
		if got := blank(kind); got == nil || got.RecordKind() != kind {
			t.Errorf("blank(%s) is a %T", kind, got)
		}
		update(t, s, golden()[kind])
	}
}

func TestTheStoredEventNeverChanges(t *testing.T) {
	e := gate.Event{
		Seq: 17, At: dawn, By: gate.Actor{Staff: "stf_ben", Name: "ben", Roles: []gate.Role{gate.Admin}}, Verb: gate.CredentialRevoked, Account: "acc_1",
		Object: "key_1", Why: "a leak", Detail: "prod-1",
		Changes: []gate.Change{{Kind: gate.KeyRecord, ID: "key_1", Before: fixedPrint(1), After: fixedPrint(2)}, {Kind: gate.NoticeRecord, ID: "not_1", After: fixedPrint(3)}},
	}
	body, err := encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"seq":17,"at":"2027-03-01T09:00:00Z","by":{"staff":"stf_ben","name":"ben"},"verb":"credential.revoked","account":"acc_1",` +
		`"object":"key_1","why":"a leak","detail":"prod-1","changes":[{"kind":"key","id":"key_1",` +
		`"before":"cd2662154e6d76b2b2b92e70c0cac3ccf534f9b74eb5b89819ec509083d00a50","after":"cd04a4754498e06db5a13c5f371f1f04ff6d2470f24aa9bd886540e5dce77f70"},` +
		`{"kind":"notice","id":"not_1","after":"d5688a52d55a02ec4aea5ec1eadfffe1c9e0ee6a4ddbe2377f98326d42dfc975"}]}`
	if diff := cmp.Diff(want, string(body)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The bytes around the JSON: version, MAC under a key derived from the secret, which covers the place as well.
func TestTheWrappingNeverChanges(t *testing.T) {
	keys, err := newKeyring([32]byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	got := gate.FingerprintOf(keys.wrap(recordKey(gate.HostRecord, "api.example.com"), []byte("{}"))).String()
	const want = "f3d7fa8d44dcffe311acca3ec0ec916f720a2d59b20cf032c614863cbb9d67e6"
	if got != want {
		t.Errorf("the wrapped form hashes to %s, want %s", got, want)
	}
}

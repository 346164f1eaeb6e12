package authority_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// reader may take dossiers and nothing more.
func reader() gate.Actor { return gate.Actor{Name: "olga", Roles: []gate.Role{gate.Auditor}} }

// unpacked are the files of a dossier.
func unpacked(t testing.TB, text []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	must(t, err)
	files := make(map[string][]byte)
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		files[f.Name], err = io.ReadAll(r)
		must(t, err)
	}
	return files
}

// packed makes a zip file again.
func packed(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		must(t, err)
		_, err = w.Write(content)
		must(t, err)
	}
	must(t, z.Close())
	return b.Bytes()
}

func verifyDossier(o *office, text []byte) (audit.DossierReport, error) {
	return audit.VerifyDossier(bytes.NewReader(text), int64(len(text)), o.Store().Vkey())
}

// storied is a customer with a history that has some of everything, with other customers' events between.
func storied(o *office) *customer {
	c := o.customer("acme")
	o.customer("beta")
	subject := gate.Subject{Kind: gate.AccountSubject, ID: string(c.account.ID)}
	r, err := o.Impose(o.ben, authority.Imposition{Subject: subject, Measure: gate.Suspend, Why: "a key was <b>seen</b> in public"})
	must(o.t, err)
	o.clock.advance(time.Minute)
	_, err = o.Lift(o.ben, r.ID, "it was not ours")
	must(o.t, err)
	if reason := o.reason(c.got); reason != gate.Allowed {
		o.t.Fatal(reason)
	}
	o.pass(2 * time.Second) // that it called is written down, without an event
	return c
}

func TestADossierVerifiesWithoutTheStore(t *testing.T) {
	o := newOffice(t)
	c := storied(o)
	text, err := o.Dossier(o.ben, c.account.ID)
	must(t, err)
	report, err := verifyDossier(o, text)
	if err != nil {
		t.Fatal(err)
	}
	if report.Account != string(c.account.ID) || report.Origin != o.Store().Origin() || report.LogSize != o.Store().EventCount() ||
		report.Events < 10 || report.Compared < 6 || report.Shown < 3 || report.OwnKey {
		t.Errorf("%+v", report)
	}
	again, err := o.Dossier(o.by("cho"), c.account.ID)
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("the same state gives other bytes: %v", err)
	}
	other, err := verifyOwn(text)
	if err != nil || !other.OwnKey || !strings.Contains(other.String(), "No key was given") {
		t.Errorf("%+v, %v", other, err)
	}
}

func verifyOwn(text []byte) (audit.DossierReport, error) {
	return audit.VerifyDossier(bytes.NewReader(text), int64(len(text)), "")
}

func TestADossierTellsTheStoryOfOneCustomerAndNoSecret(t *testing.T) {
	o := newOffice(t)
	c := storied(o)
	text, err := o.Dossier(o.ben, c.account.ID)
	must(t, err)
	files := unpacked(t, text)
	page := string(files["index.html"])
	for _, want := range []string{
		"Dossier of", "it was not ours", "Interview", "Recording:", "Approved by cho", "baa", "What the customer was told", "certification approved",
		"a key was &lt;b&gt;seen&lt;/b&gt; in public", o.Store().Vkey()[:20],
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if regexp.MustCompile(`(?i)<script|<b>seen|src=|href=|@import|url\(|beta`).MatchString(page) {
		t.Error("the page has a script, something from outside, what was not escaped, or another customer")
	}
	key := o.Directory().Keys(c.device.ID)[0]
	enrollment := o.Directory().Enrollments(c.device.ID)[0]
	for name, content := range files {
		for what, secret := range map[string]string{
			"the key's MAC": key.MAC.String(), "the link's hash": enrollment.TokenHash.String(), "the key": c.got.Key, "a sealed link": "sealed_link",
		} {
			if name != audit.EventsFile && bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds %s", name, what)
			}
		}
	}
}

func TestADossierIsForThoseWhoMayTakeIt(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	for name, want := range map[string]error{"ben": nil, "cho": nil} {
		if _, err := o.Dossier(o.by(name), account.ID); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	by := o.ben
	by.Actor = reader()
	if _, err := o.Dossier(by, account.ID); err != nil {
		t.Error(err)
	}
	by.Roles = []gate.Role{gate.Interviewer, gate.Approver, gate.Issuer}
	if _, err := o.Dossier(by, account.ID); !errors.Is(err, gate.Forbidden) {
		t.Errorf("without the role: %v", err)
	}
	if _, err := o.Dossier(o.ben, "acc_none"); !errors.Is(err, gate.NotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestADossierThatWasChangedDoesNotVerify(t *testing.T) {
	o := newOffice(t)
	c := storied(o)
	text, err := o.Dossier(o.ben, c.account.ID)
	must(t, err)
	record := "records/account/" + string(c.account.ID) + ".json"
	for _, row := range []struct {
		name   string
		change func(files map[string][]byte)
		says   string
	}{
		{"a record", func(f map[string][]byte) { f[record] = bytes.Replace(f[record], []byte("acme"), []byte("acne"), 1) }, record + ": its SHA-256 is not"},
		{"a record left out", func(f map[string][]byte) { delete(f, record) }, `"` + record + `" is missing`},
		{"a file more", func(f map[string][]byte) { f["more.txt"] = []byte("x") }, `"more.txt" is in the dossier and not in its manifest`},
		{"the page", func(f map[string][]byte) { f["index.html"] = append(f["index.html"], ' ') }, "index.html: its SHA-256"},
		{"an event", func(f map[string][]byte) {
			f["events.jsonl"] = bytes.Replace(f["events.jsonl"], []byte("seen"), []byte("sent"), 1)
		}, "events.jsonl: its SHA-256"},
		{"the manifest", func(f map[string][]byte) {
			f["manifest.json"] = bytes.Replace(f["manifest.json"], []byte(`"events":`), []byte(`"events":1`), 1)
		}, "signature.txt is signed, but not for this manifest"},
		{"the manifest's spelling", func(f map[string][]byte) { f["manifest.json"] = append(f["manifest.json"], '\n') }, "not as certgate writes it"},
		{"no signature", func(f map[string][]byte) { delete(f, "signature.txt") }, `"signature.txt" is missing`},
		{"a checkpoint as signature", func(f map[string][]byte) { f["signature.txt"] = f["checkpoint.txt"] }, "not for this manifest"},
		{"another key", func(f map[string][]byte) { f["key.txt"] = bytes.ToUpper(f["key.txt"]) }, "it is another log's, or a forgery"},
	} {
		files := unpacked(t, text)
		row.change(files)
		if _, err := verifyDossier(o, packed(t, files)); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want %q", row.name, err, row.says)
		}
	}
	if _, err := verifyDossier(o, text[:len(text)/2]); err == nil {
		t.Error("half of it verifies")
	}
	if _, err := o.Store().OpenCheckpoint(unpacked(t, text)["signature.txt"]); err == nil {
		t.Error("the signature of a dossier passes for a checkpoint")
	}
}

func TestThePageOfADossierShowsEveryFieldOfACaseThatIsAskedFor(t *testing.T) {
	o := newOffice(t)
	c := storied(o)
	act := gate.Act{By: o.ben.Staff, At: o.clock.now(), Why: "an act"}
	due := o.clock.now()
	_, err := o.Store().Update(func(tx *certstore.Tx) (gate.Event, error) {
		k, err := certstore.Get[gate.Certification](tx, string(c.cert.ID))
		if err != nil {
			return gate.Event{}, err
		}
		k.Findings = append(k.Findings, gate.Finding{Text: "no rotation", Severity: gate.HighSeverity, Due: &due, Raised: act,
			Answers: []gate.FindingAnswer{{Text: "rotated now", Document: gate.Document{Reference: "doc-7"}, CameIn: due, Act: act}}})
		k.Evidence = append(k.Evidence, gate.Evidence{Kind: gate.PenetrationTest, Document: gate.Document{Reference: "pen-8"}, Note: "second", Added: act})
		k.Joined = append(k.Joined, gate.Joining{Device: c.device.ID, Act: act})
		k.Changes = append(k.Changes, gate.ChangeReport{Kind: gate.HostingChanged, Text: "moved house", Reported: act, Judged: &act, Material: true})
		k.Recertified = append(k.Recertified, gate.Recertification{Act: act, Documents: "doc-9"})
		certstore.Put(tx, k)
		return gate.Event{Verb: gate.EvidenceAdded, By: o.ben.Actor, At: due, Account: c.account.ID, Object: string(k.ID)}, nil
	})
	must(t, err)
	text, err := o.Dossier(o.ben, c.account.ID)
	must(t, err)
	page := string(unpacked(t, text)["index.html"])
	for _, want := range []string{"of severity high: no rotation", "rotated now (document: doc-7)", "Evidence (penetration-test): pen-8; second", "acme/main/prod joined by ben", "moved house", "Documents: doc-9"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if _, err := verifyDossier(o, text); err != nil {
		t.Error(err)
	}
}

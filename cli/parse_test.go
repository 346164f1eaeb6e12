package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestEveryKindHasAnExitCode(t *testing.T) {
	for _, kind := range gate.Kinds() {
		if code := exitCode(gate.Errorf(kind, "x")); code < 1 || exitCodes[kind] != code {
			t.Errorf("%s: code %d", kind.Error(), code)
		}
	}
}

func TestALinkIsReadWholeOrNotAtAll(t *testing.T) {
	base, token, err := parseLink("https://connect.example.com/enroll#abc")
	if base != "https://connect.example.com" || token != "abc" || err != nil {
		t.Errorf("%q %q %v", base, token, err)
	}
	base, _, err = parseLink("https://example.com/below/enroll#abc")
	if base != "https://example.com/below" || err != nil {
		t.Errorf("%q %v", base, err)
	}
	for _, link := range []string{
		"", "https://connect.example.com/enroll", "https://connect.example.com/enroll#", "http://connect.example.com/enroll#sesame",
		"https:///enroll#sesame", "https://connect.example.com/#sesame", "https://connect.example.com/enroll?x#sesame", "connect.example.com/enroll#sesame", "sesame",
	} {
		if _, _, err := parseLink(link); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", link, err)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add("https://connect.example.com/enroll#abc")
	f.Add("https://[::1]:8445/enroll#a#b")
	f.Fuzz(func(t *testing.T, link string) {
		base, token, err := parseLink(link)
		if err == nil && base+"/enroll#"+token != link {
			t.Errorf("%q was read as %q and %q", link, base, token)
		}
	})
}

func TestContactsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]gate.Contact{
		"technical=Ann Lee <ann@acme.example>":               {Role: "technical", Name: "Ann Lee", Email: "ann@acme.example"},
		"security=Desk <desk@acme.example> +1 555 0100":      {Role: "security", Name: "Desk", Email: "desk@acme.example", Phone: "+1 555 0100"},
		`business="Lee, Ann" <ann@acme.example>`:             {Role: "business", Name: "Lee, Ann", Email: "ann@acme.example"},
		"technical=Zoë =?x <zoe@acme.example>   ":            {Role: "technical", Name: "Zoë =?x", Email: "zoe@acme.example"},
		"technical=<ann@acme.example>":                       {Role: "technical", Email: "ann@acme.example"},
		"nobody=Ann Lee <ann@acme.example>":                  {Role: "nobody", Name: "Ann Lee", Email: "ann@acme.example"},
		"technical=a <a@b.example> c <d@e.example> +1 (555)": {},
		"technical=ann@acme.example":                         {},
		"Ann Lee <ann@acme.example>":                         {},
		"":                                                   {},
	} {
		got, err := parseContact(text)
		if (err == nil) != (want != gate.Contact{}) {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestAgreementsMayHaveAnAtInTheirReference(t *testing.T) {
	got, err := parseAgreement("baa=dms@4711@2026-12-01")
	if diff := cmp.Diff(gate.Agreement{Kind: "baa", Reference: "dms@4711", SignedOn: "2026-12-01"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"", "baa", "baa=", "baa=@2026-12-01", "baa=x"} {
		if _, err := parseAgreement(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestAddressesSaySoThatAnEmptyListIsNobody(t *testing.T) {
	got, err := parseAddresses([]string{"203.0.113.0/24", "2001:db8::/32", "any"})
	if !got.Any || len(got.These) != 2 || err != nil {
		t.Errorf("%+v %v", got, err) // that both are given is the server's to refuse
	}
	if got, err := parseAddresses(nil); got.Any || len(got.These) != 0 || err != nil {
		t.Errorf("%+v %v", got, err)
	}
}

// What customers wrote is shown, and cannot move the cursor, color the terminal or break out of its column.
func TestWhatOthersWroteStaysInItsPlace(t *testing.T) {
	var out strings.Builder
	items := []object{{"name": "a\x1b[31mb\tc\nd\u202ee", "at": "2027-03-01T15:00:00Z", "list": []any{"x", 1.0, true}, "deep": map[string]any{"er": "y"}}}
	err := printTable(&out, []column{{"NAME", "name"}, {"AT", "at"}, {"LIST", "list"}, {"DEEP", "deep.er"}, {"NOTHING", "deep.est.x"}}, items)
	want := "NAME           AT                 LIST      DEEP  NOTHING\na\uFFFD[31mb\uFFFDc d\uFFFDe  2027-03-01 15:00Z  x,1,true  y     -\n"
	if diff := cmp.Diff(want, out.String()); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	out.Reset()
	err = printDetail(&out, []byte(`{"b":"x\u001b[2J","a":{"n":12345678901234567890,"list":[{"x":null},[]]},"pem":"one\ntwo\n"}`))
	want = "b            x\uFFFD[2J\na.n          12345678901234567890\na.list[0].x  \npem          one\n             two\n"
	if diff := cmp.Diff(want, out.String()); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestTheCaddyfileOfTheDemoIsQuoted(t *testing.T) {
	d := &demo{dir: `/tmp/a "dir" {here}`, now: time.Unix(0, 0)}
	text := d.caddyfile(t.Context(), "127.0.0.1:1")
	if !strings.Contains(text, `data_dir "/tmp/a \"dir\" {here}/data"`) || strings.Contains(text, "{UPSTREAM}") || strings.Contains(text, "{API}") {
		t.Error(text)
	}
}

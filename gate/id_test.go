package gate_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

var prefixes = []string{
	gate.AccountPrefix, gate.OrganizationPrefix, gate.DevicePrefix, gate.ContractPrefix, gate.CertificationPrefix, gate.InterviewPrefix,
	gate.KeyPrefix, gate.CertificatePrefix, gate.EnrollmentPrefix, gate.RemediationPrefix, gate.NoticePrefix, gate.StaffPrefix, gate.DecisionPrefix,
	gate.ImportPrefix, gate.IncidentPrefix, gate.RulingPrefix, gate.ReviewPrefix,
}

var raw = rapid.Custom(func(rt *rapid.T) (id [16]byte) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "raw"))
	return id
})

func TestPrefixesTellNounsApart(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range prefixes {
		if len(p) != 4 || p[3] != '_' || seen[p] {
			t.Errorf("prefix %q", p)
		}
		seen[p] = true
	}
}

func TestAnIdentifierIsRecognizedByItsPrefixAlone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		id := gate.FormatID(rapid.SampledFrom(prefixes).Draw(rt, "prefix"), raw.Draw(rt, "raw"))
		for _, p := range prefixes {
			if err := gate.CheckID(p, id); (err == nil) != strings.HasPrefix(id, p) {
				rt.Fatalf("%s as %s: %v", id, p, err)
			}
		}
	})
}

func TestIdentifiersSortAsTheirBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := raw.Draw(rt, "a"), raw.Draw(rt, "b")
		want := bytes.Compare(a[:], b[:])
		if got := strings.Compare(gate.FormatID("acc_", a), gate.FormatID("acc_", b)); got != want {
			rt.Fatalf("%x and %x sort as %d, printed as %d", a, b, want, got)
		}
	})
}

func TestAnIdentifierHasOneSpelling(t *testing.T) {
	id := gate.FormatID("acc_", [16]byte{1, 0x99, 3, 15: 0xff})
	for _, other := range []string{
		"", "acc_", strings.ToUpper(id), id[:len(id)-1], id + "0", "acc_" + id, " " + id, id + "\n", id[:len(id)-1] + "\n",
		id[:len(id)-2] + "\r\n", id[:6] + "i" + id[7:], id[:6] + "l" + id[7:], id[:6] + "o" + id[7:], id[:6] + "u" + id[7:],
		id[:6] + "=" + id[7:], id[:len(id)-1] + "z", "acc_" + strings.Repeat("z", 26), "acc_" + strings.Repeat("x", 1<<16),
	} {
		err := gate.CheckID("acc_", other)
		if !errors.Is(err, gate.Invalid) {
			t.Errorf("%.60q passes for %s", other, id)
		} else if strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 300 {
			t.Errorf("%.60q is repeated as it is: %q", other, err)
		}
	}
}

func TestSlugs(t *testing.T) {
	for _, s := range []string{"a", "0", "acme", "prod-1", "a--b", "az09", strings.Repeat("a", 40)} {
		if err := gate.CheckSlug(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"", "-", "-a", "a-", "A", "a_b", "a.b", "a/b", "a b", "é", "a\n", "..", strings.Repeat("a", 41)} {
		if err := gate.CheckSlug(s); !errors.Is(err, gate.Invalid) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestWhatSomebodyElseWroteIsClipped(t *testing.T) {
	rows := []struct {
		text  string
		limit int
		want  string
	}{
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc... (4 bytes)"},
		{"abé", 3, "ab... (4 bytes)"},
	}
	for _, row := range rows {
		if got := gate.Clip(row.text, row.limit); got != row.want || !utf8.ValidString(got) {
			t.Errorf("%q: %q, want %q", row.text, got, row.want)
		}
	}
}

package notify_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/onerecord/certgate/notify"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the notices of these tests were made.
var noon = time.Date(2027, time.March, 9, 12, 0, 0, 0, time.UTC)

var (
	anna = notify.Mailbox{Name: "Anna Müller-Lüdenscheidt", Email: "anna@acme.example"}
	bob  = notify.Mailbox{Name: "Bob", Email: "bob@acme.example"}
	us   = notify.Mailbox{Name: "OneRecord Certification", Email: "certification@connect.example.com"}
)

func message(to ...notify.Mailbox) notify.Message {
	return notify.Message{
		ID: "not_01jq8z5v3n7t2m4k6h9r0s1w2x", Time: noon, To: to, ReplyTo: notify.Mailbox{Name: "Eve", Email: "eve@example.com"},
		Subject: "[cas_1] Prüfung bestanden", Text: "Hello,\n\n.a line with a dot\nGrüße: {link}\n",
	}
}

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, diff)
	}
}

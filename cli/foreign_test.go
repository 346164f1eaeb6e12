package cli_test

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/onerecord/certgate/gatetest"
)

func (s *server) foreign(ts *testscript.TestScript, _ bool, args []string) {
	ca := gatetest.NewForeignCA(s.t, "Delta Private CA", s.Now())
	text := ts.ReadFile(args[0])
	for mark, pem := range map[string]string{"@CA@": ca.PEM(), "@LEAF@": gatetest.PEM(ca.Issue(nil).Leaf.Raw)} {
		quoted, err := json.Marshal(pem)
		ts.Check(err)
		text = strings.ReplaceAll(text, mark, strings.Trim(string(quoted), `"`))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// customers writes so many customers from before certgate into a file, one on a line. In that of the line given, the contract ends on a
// day that does not exist.
func customers(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	wrong, err := strconv.Atoi(args[2])
	ts.Check(err)
	lines := []string{"["}
	for i := range n {
		slug, last, comma := fmt.Sprintf("clinic-%03d", i), "2027-12-31", ","
		if len(lines)+1 == wrong {
			last = "2027-02-29"
		}
		if i == n-1 {
			comma = ""
		}
		lines = append(lines, fmt.Sprintf(customer, slug, slug, slug, last, comma))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(append(lines, "]"), "\n")+"\n"), 0o600))
}

const customer = `  {"account": {"slug": "%s", "name": "Clinic %s", "zone": "America/Chicago", "contacts": [{"role": "technical", "name": "Ann", "email": "ann@%s.example"}]}, ` +
	`"devices": [{"slug": "prod-1", "name": "Engine", "environment": "production", "addresses": {"any": true}, "default_purpose": "TREAT"}], ` +
	`"contract": {"first": "2027-01-01", "last": "%s", "grant": {"behaviors": ["fhir-query"], "purposes": ["TREAT"]}, ` +
	`"agreements": [{"kind": "baa", "reference": "D1", "signed_on": "2026-01-01"}, {"kind": "participation", "reference": "D2", "signed_on": "2026-01-01"}]}, ` +
	`"certified": {"approved_on": "2026-02-01", "approved_by": "Dana Ng", "devices": ["prod-1"], ` +
	`"profile": {"grant": {"behaviors": ["fhir-query"], "purposes": ["TREAT"]}, "hosting": "own", "key_storage": "HSM", "daily_volume": 10}}}%s`

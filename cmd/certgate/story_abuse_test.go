package main

import (
	"net/http"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// scrapePatients calls about one patient after the other, on one connection.
func (s *story) scrapePatients(ts *testscript.TestScript, _ bool, args []string) {
	first, err := strconv.Atoi(args[1])
	ts.Check(err)
	last, err := strconv.Atoi(args[2])
	ts.Check(err)
	c := s.newCaller(ts, args[0])
	defer c.http.CloseIdleConnections()
	for n := first; n <= last; n++ {
		r, err := c.do(http.MethodGet, s.url("https", apiSite)+"/fhir/Patient/"+strconv.Itoa(n))
		ts.Check(err)
		if r.status != http.StatusOK {
			ts.Fatalf("patient %d: %s", n, r)
		}
	}
}

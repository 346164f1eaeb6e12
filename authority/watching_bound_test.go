package authority_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// After hours in which the store took nothing, all that was found of a customer meanwhile is taken at once. People get a notice that they can read.
func TestWhatWasFoundForHoursIsToldInANoticeThatCanBeRead(t *testing.T) {
	o := newOffice(t)
	o.enforced()
	c := o.customer("acme")
	var found []abuse.Finding
	for n := range 2000 {
		f := o.surge(c, abuse.Enforce)
		f.To = f.To.Add(time.Duration(n-2000) * time.Minute)
		found = append(found, f)
	}
	must(t, authority.TakeFindings(o.Authority, found...))
	if i := o.incidents(c)[0]; len(i.Evidence)+i.MoreEvidence != 2000 {
		t.Errorf("%d pieces, and %d more", len(i.Evidence), i.MoreEvidence)
	}
	all, err := o.Notices("", 10)
	must(t, err)
	told := 0
	for _, n := range all {
		if n.Kind != gate.IncidentOpenedNotice && n.Kind != gate.StaffIncidentNotice {
			continue
		}
		if told++; len(n.Body) > 10_000 || n.Kind == gate.StaffIncidentNotice && !strings.Contains(n.Body, "and 1980 more") {
			t.Errorf("a notice of kind %s has %d bytes", n.Kind, len(n.Body))
		}
	}
	if told == 0 {
		t.Error("nobody was told")
	}
}

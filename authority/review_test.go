package authority_test

import (
	"strings"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestAnOverdueReviewIsToldStaffUntilItIsSigned(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	overdue := func() int { return o.Stats().Expiring[authority.Expiring{Kind: authority.ReviewDue, Days: 0}] }
	o.until("2027-06-01 08:01:00") // the first business day after the 90 days
	list := o.digests()
	if len(list) == 0 || !strings.Contains(list[len(list)-1].Body, "acme: OVERDUE since ") || overdue() != 1 {
		t.Fatalf("%d overdue, %d digests", overdue(), len(list))
	}
	page, err := o.ReviewPage(c.account.ID)
	must(t, err)
	by := o.ben
	by.IfMatch = page.ETag()
	_, err = o.SignReview(by, c.account.ID, "As declared.")
	must(t, err)
	told := len(list)
	o.until("2027-06-02 08:01:00")
	for _, n := range o.digests()[told:] {
		if strings.Contains(n.Body, "acme: OVERDUE") {
			t.Errorf("it is signed, and staff are told %s", n.Body)
		}
	}
	if n := overdue(); n != 0 {
		t.Errorf("%d are overdue", n)
	}
}

func TestWhatIsTerminatedIsNotReviewed(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	if n := len(o.Reviews()); n != 1 {
		t.Fatalf("%d accounts", n)
	}
	_, err := o.Impose(o.cho, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(c.account.ID)}, Measure: gate.Terminate, Why: "over"})
	must(t, err)
	if n := len(o.Reviews()); n != 0 {
		t.Errorf("%d accounts", n)
	}
}

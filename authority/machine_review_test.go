package authority_test

import (
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// signReview signs what was read, or now and then what was read of another account. What there is to review is the clock's to say, which gate's
// own tests hold; here it is who may, and that nothing else comes of it.
func (x *machine) signReview() {
	_, account := x.accountOf()
	_, other := x.accountOf()
	a, why := x.actor(gate.SignReview, ""), x.why()
	r := a.refusals(gate.SignReview)
	page, err := x.ReviewPage(account)
	read := page
	if x.chance(6, "another page") {
		read, _ = x.ReviewPage(other)
	}
	etag := "none"
	if read != nil {
		etag = read.ETag()
	}
	r.when(err != nil, gate.NotFound)
	r.when(page != nil && page.Due == nil, gate.Conflict)
	r.when(page != nil && page.ETag() != etag, gate.Stale)
	r.when(why == "", gate.Invalid)
	x.try(attempt{name: "SignReview", by: a, refused: r, commit: func() {}, do: func(by authority.By) error {
		by.IfMatch = etag
		_, err := x.SignReview(by, account, why)
		return err
	}})
}

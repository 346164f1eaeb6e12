package api

import (
	"net/http"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewTrial asks what rules would have found.
type NewTrial struct {
	From       string         `json:"from"`                 // a day such as 2027-03-01, from its beginning in UTC on, or a whole hour (RFC 3339)
	To         string         `json:"to"`                   // likewise; not in it
	Account    string         `json:"account,omitempty"`    // by id or slug; without: all
	Rules      []abuse.Rule   `json:"rules,omitempty"`      // without: all that are not off
	Thresholds map[string]any `json:"thresholds,omitempty"` // laid over those in force
}

// testRules is a POST because thresholds do not fit an address; it changes nothing.
func testRules(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	body, err := x.body(maxBody)
	if err != nil {
		return err
	}
	in := new(NewTrial)
	if len(body) == 0 {
		return unreadable("the request has no body; send a JSON object with from and to")
	}
	if err := decode(body, in); err != nil {
		return err
	}
	q := authority.TrialQuestion{Rules: in.Rules}
	if q.From, err = hourOf("from", in.From); err != nil {
		return err
	}
	if q.To, err = hourOf("to", in.To); err != nil {
		return err
	}
	if in.Account != "" {
		account, err := x.dir.Account(in.Account)
		if err != nil {
			return reference("account", err)
		}
		q.Account = account.ID
	}
	if q.Thresholds, err = thresholdsOf(in.Thresholds); err != nil {
		return err
	}
	out, err := x.a.TestRules(x.r.Context(), &q)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, out)
}

// hourOf reads a day, which begins in UTC, or an instant.
func hourOf(field, s string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC(), nil
	}
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return at, gate.FieldErrorf(field, "%q: must be a day such as 2027-03-01, or a whole hour such as 2027-03-01T16:00:00Z", gate.Clip(s, 40))
	}
	return at, nil
}

package api

import (
	"net/url"
	"slices"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Notice is a message owed to a customer, or to staff where it has no account, as it was rendered, with its state now: owed, sent, failed, told-by-phone or void. Where it
// carries a secret link, that stays sealed.
type Notice struct {
	ID         gate.NoticeID   `json:"id"`
	Kind       gate.NoticeKind `json:"kind"`
	Account    gate.AccountID  `json:"account,omitempty"` // empty: to staff
	State      string          `json:"state"`
	Problem    string          `json:"problem,omitempty"` // why it has not arrived, as far as it is known
	Attempts   int             `json:"attempts"`          // to send it, over all channels
	To         []gate.Contact  `json:"to"`
	Subject    string          `json:"subject"`
	Body       string          `json:"body"`
	HTML       string          `json:"html,omitempty"`
	Meeting    *gate.Meeting   `json:"meeting,omitempty"` // what goes with it for calendars
	CreatedAt  time.Time       `json:"created_at"`
	HasLink    bool            `json:"has_link"`           // a link is waiting to be delivered with it
	TakenAt    *time.Time      `json:"taken_at,omitempty"` // the link was handed over
	Deliveries []gate.Delivery `json:"deliveries,omitempty"`
	Told       *gate.Telling   `json:"told,omitempty"`
	Reported   *time.Time      `json:"reported,omitempty"` // staff were told that it failed
}

// Telling says how a notice was delivered by hand.
type Telling struct {
	Who string `json:"who"` // who was told
	How string `json:"how"` // by telephone, at which number; in person
}

// Preview is a kind of notice as it would be sent now, with made-up data, and the template behind it.
type Preview struct {
	Kind         gate.NoticeKind `json:"kind"`
	Subject      string          `json:"subject"`
	Body         string          `json:"body"`
	HTML         string          `json:"html,omitempty"`
	TextTemplate string          `json:"text_template"`
	HTMLTemplate string          `json:"html_template,omitempty"`
}

var notices = listing[*gate.Notice, *Notice]{
	filters: []string{"account", "state"},
	all:     (*exchange).notices,
	id:      func(r *gate.Notice) string { return string(r.ID) },
	view:    (*exchange).noticeView,
}

func (x *exchange) noticeView(r *gate.Notice) *Notice {
	n := &Notice{ID: r.ID, Kind: r.Kind, Account: r.Account, State: r.State(x.now).String(), To: r.To, Subject: r.Subject, Body: r.Body, HTML: r.HTML,
		Meeting: r.Meeting, CreatedAt: r.CreatedAt, HasLink: r.SealedLink != nil, TakenAt: r.TakenAt, Deliveries: r.Deliveries, Told: r.Told, Reported: r.Reported}
	for _, d := range r.Deliveries {
		n.Attempts += d.Attempts
		if d.Problem != "" {
			n.Problem = d.Problem
		}
	}
	switch channels := x.a.Channels(); {
	case r.State(x.now).Settled() || n.Problem != "":
	case len(r.To) == 0:
		n.Problem = "there is no contact for it; deliver it by hand"
	case r.Kind.HasLink() && !slices.Contains(channels, gate.MailChannel):
		n.Problem = "no mail server is configured, and only a mail carries the link"
	case len(channels) == 0:
		n.Problem = "no mail server or webhook is configured; configure smtp or deliver it by hand"
	}
	return n
}

// notices are read from the store: no decision needs them, so the directory does not hold them.
func (x *exchange) notices(q url.Values) (all []*gate.Notice, err error) {
	account, err := x.accountFilter(q)
	if err != nil {
		return nil, err
	}
	state := q.Get("state")
	if state != "" && !slices.ContainsFunc(gate.NoticeStates(), func(s gate.NoticeState) bool { return s.String() == state }) {
		return nil, gate.FieldErrorf("state", "%q: must be one of %s", gate.Clip(state, 40), gate.NoticeStates())
	}
	err = x.a.Store().View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if (account == "" || n.Account == account) && (state == "" || n.State(x.now).String() == state) {
				all = append(all, n)
			}
		}
		return nil
	})
	return all, err
}

func (x *exchange) showNotice(id string) (*shown, error) {
	var n *gate.Notice
	err := x.a.Store().View(func(tx *certstore.Tx) (err error) {
		n, err = certstore.Get[gate.Notice](tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &shown{view: x.noticeView(n), etag: certstore.ETag(n), path: "/v1/notices/" + id}, nil
}

func replayNotice(x *exchange, by authority.By, _ *struct{}) (string, error) {
	made, err := x.a.ReplayNotice(by, gate.NoticeID(x.r.PathValue("notice")))
	return idOf(made, err)
}

func tellNotice(x *exchange, by authority.By, in *Telling) (string, error) {
	made, err := x.a.TellNotice(by, gate.NoticeID(x.r.PathValue("notice")), gate.Telling{Who: in.Who, How: in.How})
	return idOf(made, err)
}

func (x *exchange) previewNotice(kind string) (*shown, error) {
	words, source, err := x.a.Preview(gate.NoticeKind(kind))
	if err != nil {
		return nil, err
	}
	return &shown{view: &Preview{Kind: gate.NoticeKind(kind), Subject: words.Subject, Body: words.Text, HTML: words.HTML,
		TextTemplate: source.Text, HTMLTemplate: source.HTML}}, nil
}

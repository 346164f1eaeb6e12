package api

import (
	"net/http"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewExtra grants more of a quota until its day or month ends, or with Reset as much as is used.
type NewExtra struct {
	Limit  string `json:"limit"`         // its name, or as it is written in the plan
	For    string `json:"for,omitempty"` // organization or device, by path or id; empty: each that the limit is for
	Amount int64  `json:"amount,omitempty"`
	Reset  bool   `json:"reset,omitempty"`
	Why    string `json:"why"`
}

// LimitList is what is left of the limits of an account.
type LimitList struct {
	Items []LimitLeft `json:"items"`
}

// LimitLeft is what is left of a limit for one whom it is for.
type LimitLeft struct {
	Name    string    `json:"name"`    // of the limit, as answers name it
	Limit   string    `json:"limit"`   // as it is written in the plan
	Subject string    `json:"subject"` // identifier of the account, organization or device
	Path    string    `json:"path"`
	Amount  int64     `json:"amount"` // what the plan says
	Extra   int64     `json:"extra"`  // what was granted beyond it for this day or month
	Used    int64     `json:"used"`   // in this hour, day or month; 0 of limits that have none
	Left    int64     `json:"left"`
	MoreAt  time.Time `json:"more_at"` // when there is more
}

func grantExtra(x *exchange, by authority.By, in *NewExtra) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	made, err := x.a.GrantExtra(by, account.ID, authority.NewExtra{Limit: in.Limit, For: in.For, Amount: in.Amount, Reset: in.Reset, Why: in.Why})
	return idOf(made, err)
}

// listLimits tells what is left of each limit of the contract in force.
func listLimits(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return err
	}
	standings, err := x.a.LimitsOf(gate.AccountID(account.RecordID()))
	if err != nil {
		return err
	}
	out := LimitList{Items: []LimitLeft{}}
	for _, s := range standings {
		out.Items = append(out.Items, LimitLeft{Name: s.Limit.Name(), Limit: s.Limit.String(), Subject: s.ID, Path: s.Path, Amount: s.Limit.Amount, Extra: s.Extra,
			Used: s.Used, Left: s.Left, MoreAt: x.now.Add(s.More).UTC().Truncate(time.Second)})
	}
	return x.json(http.StatusOK, out)
}

package api

import (
	"net/url"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Contract is a term, with its state now: not-started, in-force or ended.
type Contract struct {
	gate.Contract
	State string `json:"state"`
}

// NewContract is what staff say of a new contract.
type NewContract struct {
	Account    string           `json:"account"` // by id or slug
	First      gate.Date        `json:"first"`
	Last       gate.Date        `json:"last"` // inclusive
	Zone       string           `json:"zone"`
	Grant      gate.Grant       `json:"grant"`
	Plan       gate.Limits      `json:"plan,omitempty"`      // how much may be used; left out: no limit
	PlanName   string           `json:"plan_name,omitempty"` // a slug, for rules that are set by plan
	Agreements []gate.Agreement `json:"agreements"`
}

// Why is the reason for a change, where it needs nothing else.
type Why struct {
	Why string `json:"why"`
}

var contracts = listing[*gate.Contract, *Contract]{
	filters: []string{"account"},
	all: func(x *exchange, q url.Values) ([]*gate.Contract, error) {
		account, err := x.accountFilter(q)
		return x.dir.Contracts(account), err
	},
	id:   func(r *gate.Contract) string { return string(r.ID) },
	view: (*exchange).contractView,
}

func (x *exchange) contractView(r *gate.Contract) *Contract {
	return &Contract{Contract: *r, State: r.State(x.now).String()}
}

func (x *exchange) showContract(id string) (*shown, error) {
	r := x.dir.Contract(gate.ContractID(id))
	if r == nil {
		return nil, absent("contract", id)
	}
	return &shown{view: x.contractView(r), etag: certstore.ETag(r), path: "/v1/contracts/" + id}, nil
}

// absent says that there is no such record.
func absent(noun, id string) error {
	return gate.Errorf(gate.NotFound, "there is no %s %q", noun, gate.Clip(id, 60))
}

func createContract(x *exchange, by authority.By, in *NewContract) (string, error) {
	account, err := x.dir.Account(in.Account)
	if err != nil {
		return "", reference("account", err)
	}
	made, err := x.a.CreateContract(by, gate.Contract{Account: account.ID, First: in.First, Last: in.Last, Zone: in.Zone, Grant: in.Grant, Plan: in.Plan, PlanName: in.PlanName, Agreements: in.Agreements})
	return idOf(made, err)
}

func endContract(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.EndContract(by, gate.ContractID(x.r.PathValue("contract")), in.Why)
	return idOf(made, err)
}

package api

import (
	"net/http"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewRenewal adds the term that follows a contract without gap, and answers the one question that a renewal asks.
type NewRenewal struct {
	Last    gate.Date `json:"last"`    // inclusive
	Changed *bool     `json:"changed"` // has the integration changed materially? It must be answered
	Why     string    `json:"why"`
}

// NewAmendment changes what a contract grants; what is left out stays. Agreements are added.
type NewAmendment struct {
	Behaviors  []string         `json:"behaviors,omitempty"` // all that are granted from now on
	Purposes   []gate.Purpose   `json:"purposes,omitempty"`  // all that are granted from now on
	Plan       gate.Limits      `json:"plan,omitzero"`       // all limits from now on; none at all: []
	PlanName   string           `json:"plan_name,omitempty"` // a slug
	Agreements []gate.Agreement `json:"agreements,omitempty"`
	Why        string           `json:"why"`
}

// NewExtension proposes a later last day, at most a week after the one that was agreed; a second person must confirm it.
type NewExtension struct {
	Last gate.Date `json:"last"`
	Why  string    `json:"why"`
}

// unanswered is a question of yes or no that was left out, or answered with null: neither means no.
func unanswered(field, question string) error {
	return &statusError{http.StatusBadRequest, gate.FieldErrorf(field, "must be answered with true or false: %s", question)}
}

// contract is the one that the address names.
func (x *exchange) contract() gate.ContractID { return gate.ContractID(x.r.PathValue("contract")) }

func renewContract(x *exchange, by authority.By, in *NewRenewal) (string, error) {
	if in.Changed == nil {
		return "", unanswered("changed", "has the integration changed materially?")
	}
	made, err := x.a.Renew(by, x.contract(), authority.NewTerm{Last: in.Last, Changed: *in.Changed, Why: in.Why})
	return idOf(made, err)
}

func amendContract(x *exchange, by authority.By, in *NewAmendment) (string, error) {
	made, err := x.a.Amend(by, x.contract(), gate.Terms{Grant: gate.Grant{Behaviors: in.Behaviors, Purposes: in.Purposes}, Plan: in.Plan, PlanName: in.PlanName, Agreements: in.Agreements}, in.Why)
	return idOf(made, err)
}

func proposeExtension(x *exchange, by authority.By, in *NewExtension) (string, error) {
	made, err := x.a.ProposeExtension(by, x.contract(), in.Last, in.Why)
	return idOf(made, err)
}

func confirmExtension(x *exchange, by authority.By, _ *struct{}) (string, error) {
	made, err := x.a.ConfirmExtension(by, x.contract())
	return idOf(made, err)
}

// Closing plans the end of an account.
type Closing struct {
	Last gate.Date `json:"last"` // inclusive, in the account's zone
	Why  string    `json:"why"`
}

func closeAccount(x *exchange, by authority.By, in *Closing) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	made, err := x.a.CloseAccount(by, account.ID, in.Last, in.Why)
	return idOf(made, err)
}

package api

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// OldDevice is a calling system of a customer from before certgate, with what it has used until now.
type OldDevice struct {
	Organization   string           `json:"organization,omitempty"` // by slug; default main
	Slug           string           `json:"slug"`
	Name           string           `json:"name"`
	Environment    gate.Environment `json:"environment"`
	Grant          *gate.Grant      `json:"grant,omitempty"`
	DefaultPurpose gate.Purpose     `json:"default_purpose,omitempty"`
	Addresses      gate.Addresses   `json:"addresses"`
	Tokens         []string         `json:"tokens,omitempty"`       // as they follow "Bearer "; kept as HMACs alone
	Certificates   []string         `json:"certificates,omitempty"` // PEM: the certificate, and after it its CA unless cas has it
}

// NewImport takes over customers from before certgate, all or none of them.
type NewImport struct {
	Source    string        `json:"source"` // where the list was read from, in words
	Customers []OldCustomer `json:"customers"`
	CAs       []string      `json:"cas,omitempty"`     // PEM: customers' own CAs that issued certificates of several devices
	DryRun    bool          `json:"dry_run,omitempty"` // find out what is wrong and change nothing
}

// Imported says what an import has made: its identifier, none after a dry run, and the accounts by slug.
type Imported struct {
	ID       gate.ImportID `json:"id,omitempty"`
	DryRun   bool          `json:"dry_run"`
	Accounts []string      `json:"accounts"` // by slug; after a dry run those that would be made
	// Credentials is how many tokens and certificates came along and wait for a second admin, or after a dry run would.
	Credentials int `json:"credentials"`
}

// Import is a take-over of customers from before certgate, and what came in with it.
type Import struct {
	ID           gate.ImportID `json:"id"`
	By           gate.StaffID  `json:"by"`
	At           time.Time     `json:"at"`
	Source       string        `json:"source"`
	Accounts     int           `json:"accounts"`
	Tokens       int           `json:"tokens"`
	Certificates int           `json:"certificates"`
	Waiting      int           `json:"waiting"` // of the tokens and certificates, for a second admin

	// Not in lists.
	Customers   []string      `json:"customers,omitempty"` // slugs
	Credentials []*Credential `json:"credentials,omitempty"`
	CAs         []*CA         `json:"cas,omitempty"` // that issued the certificates
}

// maxImport bounds the body of an import, in bytes.
const maxImport = 8 << 20

// importing is the handler of an import; what a dry run finds is no record that could be shown.
func importing(x *exchange) error {
	found := &Imported{Accounts: []string{}}
	show := func(x *exchange, id string) (*shown, error) {
		if found.DryRun {
			return &shown{view: found}, nil
		}
		made, err := x.a.ImportByID(gate.ImportID(id))
		if err != nil {
			return nil, err
		}
		found = &Imported{ID: made.Import.ID, Accounts: slugs(made.Accounts), Credentials: len(made.Keys) + len(made.Certificates)}
		return &shown{view: found}, nil
	}
	return write(writing{show: show, limit: maxImport, mustBeMeant: true}, func(x *exchange, by authority.By, in *NewImport) (string, error) {
		list := authority.Takeover{Source: in.Source, Rehearse: in.DryRun, CAs: in.CAs}
		for i := range in.Customers {
			c := in.Customers[i].customer()
			list.Customers = append(list.Customers, c)
			found.Accounts = append(found.Accounts, c.Account.Slug)
			for _, d := range c.Devices {
				found.Credentials += len(d.Old.Tokens) + len(d.Old.Certificates)
			}
		}
		found.DryRun = in.DryRun
		id, err := x.a.Import(by, list)
		return string(id), err
	})(x)
}

func slugs(accounts []*gate.Account) []string {
	list := make([]string, len(accounts))
	for i, r := range accounts {
		list[i] = r.Slug
	}
	return list
}

func (in *OldCustomer) customer() authority.Customer {
	now := NewCustomer{Account: in.Account, Organizations: in.Organizations, Contract: in.Contract, Certification: in.Certification}
	out := now.customer()
	for i := range in.Devices {
		d := &in.Devices[i]
		out.Devices = append(out.Devices, authority.CustomerDevice{Organization: d.Organization, Device: gate.Device{Slug: d.Slug, Name: d.Name,
			Environment: d.Environment, Grant: d.Grant, DefaultPurpose: d.DefaultPurpose, Addresses: d.Addresses},
			Old: authority.OldCredentials{Tokens: d.Tokens, Certificates: d.Certificates}})
	}
	if c := in.Certified; c != nil {
		out.Certified = &authority.PastCase{ApprovedOn: c.ApprovedOn, ApprovedBy: c.ApprovedBy,
			CustomerCase: authority.CustomerCase{Devices: c.Devices, Profile: c.Profile}}
	}
	return out
}

var imports = listing[*authority.ImportContents, *Import]{
	all:  func(x *exchange, _ url.Values) ([]*authority.ImportContents, error) { return x.a.Imports(), nil },
	id:   func(c *authority.ImportContents) string { return string(c.Import.ID) },
	view: (*exchange).importView,
}

func (x *exchange) importView(c *authority.ImportContents) *Import {
	return &Import{ID: c.Import.ID, By: c.Import.By, At: c.Import.At, Source: c.Import.Source, Accounts: len(c.Accounts), Tokens: len(c.Keys),
		Certificates: len(c.Certificates), Waiting: c.Waiting()}
}

func (x *exchange) showImport(id string) (*shown, error) {
	c, err := x.a.ImportByID(gate.ImportID(id))
	if err != nil {
		return nil, err
	}
	v := x.importView(c)
	v.Customers = slugs(c.Accounts)
	for _, k := range c.Keys {
		v.Credentials = append(v.Credentials, x.credentialView(k))
	}
	for _, crt := range c.Certificates {
		v.Credentials = append(v.Credentials, x.credentialView(crt))
	}
	v.CAs = viewed(x, c.CAs, (*exchange).caView)
	return &shown{view: v, path: "/v1/imports/" + id}, nil
}

func confirmImport(x *exchange, by authority.By, _ *struct{}) (string, error) {
	id := x.r.PathValue("import")
	return id, x.a.ConfirmImport(by, gate.ImportID(id))
}

func rejectImport(x *exchange, by authority.By, in *Why) (string, error) {
	id := x.r.PathValue("import")
	return id, x.a.RejectImport(by, gate.ImportID(id), in.Why)
}

func importRoutes() []route {
	shows := writing{show: (*exchange).showImport}
	return []route{
		{http.MethodPost, "/v1/import", importing},
		get("/v1/imports", imports.list),
		get("/v1/imports/{import}", read(byPath("import", (*exchange).showImport))),
		post("/v1/imports/{import}/confirmation", write(shows, confirmImport)),
		post("/v1/imports/{import}/rejection", write(shows, rejectImport)),
	}
}

// subjectOf is the whole name of a certificate, empty if it cannot be read.
func subjectOf(der []byte) string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return ""
	}
	return c.Subject.String()
}

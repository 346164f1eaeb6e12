package authority

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

//go:embed dossier.html
var dossierHTML string

// dossierPage is what the page of a dossier tells. Notices and events are read as they are written.
type dossierPage struct {
	Account        *gate.Account
	Organizations  []*gate.Organization
	Devices        []*gate.Device
	Contracts      []*gate.Contract
	Certifications []*gate.Certification
	Keys           []*gate.Key
	Certificates   []*gate.Certificate
	Enrollments    []*gate.Enrollment
	Remediations   []*gate.Remediation
	Incidents      []*gate.Incident
	Reviews        []*gate.Review
	Origin         string
	Vkey           string
	LogSize        int64
	At             time.Time

	d      *dossier
	people map[gate.StaffID]string
	paths  map[string]string // slug paths by identifier
	err    error             // of what was read while the page was written
}

func (d *dossier) page() (*dossierPage, error) {
	p := &dossierPage{
		Origin: d.checkpoint.Origin, Vkey: d.a.store.Vkey(), LogSize: d.checkpoint.Size, At: d.checkpoint.Time,
		d: d, people: make(map[gate.StaffID]string), paths: make(map[string]string),
	}
	for s, err := range certstore.All[gate.Staff](d.tx) {
		if err != nil {
			return nil, err
		}
		p.people[s.ID] = s.Name
	}
	for r, err := range certstore.Belonging(d.tx, d.account) {
		if err == nil {
			err = p.take(r)
		}
		if err != nil {
			return nil, err
		}
	}
	p.namePaths()
	return p, nil
}

// take decodes a record into the list of its kind; notices and reminders are not kept in memory.
func (p *dossierPage) take(r certstore.Stored) error {
	switch r.Kind {
	case gate.AccountRecord:
		return json.Unmarshal(r.Body, &p.Account)
	case gate.OrganizationRecord:
		return grow(&p.Organizations, r.Body)
	case gate.DeviceRecord:
		return grow(&p.Devices, r.Body)
	case gate.ContractRecord:
		return grow(&p.Contracts, r.Body)
	case gate.CertificationRecord:
		return grow(&p.Certifications, r.Body)
	case gate.KeyRecord:
		return grow(&p.Keys, r.Body)
	case gate.CertificateRecord:
		return grow(&p.Certificates, r.Body)
	case gate.EnrollmentRecord:
		return grow(&p.Enrollments, r.Body)
	case gate.RemediationRecord:
		return grow(&p.Remediations, r.Body)
	case gate.IncidentRecord:
		return grow(&p.Incidents, r.Body)
	case gate.ReviewRecord:
		return grow(&p.Reviews, r.Body)
	default:
		return nil
	}
}

func grow[T any](list *[]*T, body []byte) error {
	r := new(T)
	if err := json.Unmarshal(body, r); err != nil {
		return fmt.Errorf("%T: %w", r, err)
	}
	*list = append(*list, r)
	return nil
}

func (p *dossierPage) namePaths() {
	for _, o := range p.Organizations {
		p.paths[string(o.ID)] = p.Account.Slug + "/" + o.Slug
	}
	for _, d := range p.Devices {
		p.paths[string(d.ID)] = p.paths[string(d.Organization)] + "/" + d.Slug
	}
	p.paths[string(p.Account.ID)] = p.Account.Slug
}

// write renders the page.
func (p *dossierPage) write(w io.Writer) error {
	t, err := template.New("dossier").Funcs(template.FuncMap{
		"when": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") },
		"who":  p.who,
		"act":  p.act,
		"path": p.path,
		"verb": func(v gate.Verb) string { return strings.NewReplacer(".", " ", "-", " ").Replace(string(v)) },
		"join": func(list []string) string { return strings.Join(list, ", ") },
		"purposes": func(list []gate.Purpose) string {
			words := make([]string, 0, len(list))
			for _, purpose := range list {
				words = append(words, fmt.Sprint(purpose))
			}
			return strings.Join(words, ", ")
		},
		"question": question,
	}).Parse(dossierHTML)
	if err != nil {
		return fmt.Errorf("the page of dossiers: %w", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("the page of the dossier: %w", err)
	}
	return p.err
}

// Notices are those of the account, oldest first.
func (p *dossierPage) Notices() iter.Seq[*gate.Notice] {
	return func(yield func(*gate.Notice) bool) {
		for r, err := range certstore.Belonging(p.d.tx, p.d.account) {
			n := new(gate.Notice)
			if err == nil && r.Kind == gate.NoticeRecord {
				err = json.Unmarshal(r.Body, n)
			}
			if err != nil {
				p.err = err
				return
			}
			if r.Kind == gate.NoticeRecord && !yield(n) {
				return
			}
		}
	}
}

// Events are those that name the account or one of its records, in order.
func (p *dossierPage) Events() iter.Seq[*gate.Event] {
	return func(yield func(*gate.Event) bool) {
		for _, seq := range p.d.events {
			leaf, err := certstore.Leaf(p.d.tx, seq)
			e := new(gate.Event)
			if err == nil {
				err = json.Unmarshal(leaf, e)
			}
			if err != nil {
				p.err = err
				return
			}
			if !yield(e) {
				return
			}
		}
	}
}

// KeysOf are those of a device.
func (p *dossierPage) KeysOf(id gate.DeviceID) []*gate.Key {
	return slices.DeleteFunc(slices.Clone(p.Keys), func(k *gate.Key) bool { return k.Device != id })
}

// CertificatesOf are those of a device.
func (p *dossierPage) CertificatesOf(id gate.DeviceID) []*gate.Certificate {
	return slices.DeleteFunc(slices.Clone(p.Certificates), func(c *gate.Certificate) bool { return c.Device != id })
}

// EnrollmentsOf are those of a device.
func (p *dossierPage) EnrollmentsOf(id gate.DeviceID) []*gate.Enrollment {
	return slices.DeleteFunc(slices.Clone(p.Enrollments), func(e *gate.Enrollment) bool { return e.Device != id })
}

func (p *dossierPage) who(id gate.StaffID) string {
	switch name, known := p.people[id]; {
	case id == "":
		return "the customer or certgate itself"
	case known:
		return name
	}
	return string(id)
}

// act says who did something, when and why.
func (p *dossierPage) act(a gate.Act) string {
	s := "by " + p.who(a.By) + " on " + a.At.UTC().Format("2 January 2006, 15:04 MST")
	if a.Why != "" {
		s += ": " + a.Why
	}
	return s
}

// path is the slug path of an identifier, or the identifier.
func (p *dossierPage) path(id any) string {
	s := fmt.Sprint(id)
	if path := p.paths[s]; path != "" {
		return path
	}
	return s
}

// question is what a question asked, in the version that the case was asked.
func question(version int, id string) string {
	for _, q := range gate.Questions(max(version, 1)) {
		if q.ID == id {
			return q.Text
		}
	}
	return id
}

package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Certification is one case, with its state now and everything that keeps it from approval while it is undecided, or a change to it from
// being certified.
type Certification struct {
	gate.Certification
	State    string    `json:"state"`
	Findings []Finding `json:"findings"`
	Missing  []string  `json:"missing"`
	Issuance string    `json:"issuance"` // how the promise to release within one business day stands; see issuance_due
	// OpenFindings are those not closed; OverdueFindings those of them whose answer is overdue.
	OpenFindings    int `json:"open_findings"`
	OverdueFindings int `json:"overdue_findings"`
}

// NewCertification is what staff say of a new case.
type NewCertification struct {
	Contract gate.ContractID `json:"contract"`
	Devices  []string        `json:"devices"` // production devices, each by id or slug path
	Profile  gate.Profile    `json:"profile"`
}

// NewInterview plans an interview.
type NewInterview struct {
	At          time.Time `json:"at"`
	Minutes     int       `json:"minutes,omitempty"`     // default 60
	Link        string    `json:"link,omitempty"`        // of the meeting
	Interviewer string    `json:"interviewer,omitempty"` // staff member by id or name; default whoever plans it
	Findings    []int     `json:"findings,omitempty"`    // numbers of those that a follow-up takes up
}

// InterviewRecord is what an interview yielded.
type InterviewRecord struct {
	Attendees []gate.Attendee   `json:"attendees"`
	Recording NewRecording      `json:"recording"`
	DemoShown bool              `json:"demo_shown"`
	Answers   []gate.Answer     `json:"answers"`
	Findings  []gate.NewFinding `json:"findings,omitempty"` // what must be closed before approval
}

// NewAnswers are what the customer answered in writing.
type NewAnswers struct {
	Answers []gate.Answer `json:"answers"`
}

// Approval decides a case for the customer.
type Approval struct {
	Why string `json:"why,omitempty"`
}

// Recertification demands that a material change be certified.
type Recertification struct {
	Due time.Time `json:"due"`
	Why string    `json:"why"`
}

// Release names the device whose customer may take a credential.
type Release struct {
	Device string `json:"device"` // by id or slug path
}

var certifications = listing[*gate.Certification, *Certification]{
	filters: []string{"account", "state", "findings"},
	all:     (*exchange).certifications,
	id:      func(r *gate.Certification) string { return string(r.ID) },
	view:    (*exchange).certificationView,
}

func (x *exchange) certificationView(r *gate.Certification) *Certification {
	contract := r.Term(x.dir.Contract, x.now)
	v := &Certification{Certification: *r, State: r.State(contract, x.now).String(), Issuance: r.Issuance(x.now).String(), Missing: []string{}}
	if r.Approved == nil && r.Rejected == nil && r.Withdrawn == nil || r.RecertifyBy != nil && r.Revoked == nil {
		v.Missing = append(v.Missing, r.Missing(contract, x.a.Requirements(), x.now)...)
	}
	x.addFindings(v)
	return v
}

func (x *exchange) showCertification(id string) (*shown, error) {
	r := x.dir.Certification(gate.CertificationID(id))
	if r == nil {
		return nil, absent("certification", id)
	}
	return &shown{view: x.certificationView(r), etag: certstore.ETag(r), path: "/v1/certifications/" + id}, nil
}

// certification is the case that the address names.
func (x *exchange) certification() gate.CertificationID {
	return gate.CertificationID(x.r.PathValue("certification"))
}

func createCertification(x *exchange, by authority.By, in *NewCertification) (string, error) {
	c := gate.Certification{Contract: in.Contract, Profile: in.Profile}
	for i, ref := range in.Devices {
		device, err := x.dir.Device(ref)
		if err != nil {
			return "", reference(fmt.Sprintf("devices[%d]", i), err)
		}
		c.Devices = append(c.Devices, device.ID)
	}
	if x.dir.Contract(in.Contract) == nil {
		return "", reference("contract", absent("contract", string(in.Contract)))
	}
	made, err := x.a.RequestCertification(by, c)
	return idOf(made, err)
}

func scheduleInterview(x *exchange, by authority.By, in *NewInterview) (string, error) {
	var interviewer gate.StaffID
	if in.Interviewer != "" {
		person, err := x.dir.Staff(in.Interviewer)
		if err != nil {
			return "", reference("interviewer", err)
		}
		interviewer = person.ID
	}
	made, err := x.a.ScheduleInterview(by, x.certification(), gate.Plan{
		At: in.At, Minutes: in.Minutes, Link: in.Link, Interviewer: interviewer, Findings: in.Findings})
	return idOf(made, err)
}

// interview is the interview that the address names.
func (x *exchange) interview() gate.InterviewID { return gate.InterviewID(x.r.PathValue("interview")) }

func cancelInterview(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.CancelInterview(by, x.certification(), x.interview(), in.Why)
	return idOf(made, err)
}

func missInterview(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.MissInterview(by, x.certification(), x.interview(), in.Why)
	return idOf(made, err)
}

func recordInterview(x *exchange, by authority.By, in *InterviewRecord) (string, error) {
	made, err := x.a.HoldInterview(by, x.certification(), x.interview(),
		gate.Transcript{Attendees: in.Attendees, Recording: in.Recording.recording(), DemoShown: in.DemoShown, Answers: in.Answers}, in.Findings)
	return idOf(made, err)
}

func answerQuestions(x *exchange, by authority.By, in *NewAnswers) (string, error) {
	made, err := x.a.AnswerQuestions(by, x.certification(), in.Answers)
	return idOf(made, err)
}

func approve(x *exchange, by authority.By, in *Approval) (string, error) {
	made, err := x.a.Approve(by, x.certification(), in.Why)
	return idOf(made, err)
}

func reject(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.Reject(by, x.certification(), in.Why)
	return idOf(made, err)
}

func withdraw(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.Withdraw(by, x.certification(), in.Why)
	return idOf(made, err)
}

func recertify(x *exchange, by authority.By, in *Recertification) (string, error) {
	made, err := x.a.Recertify(by, x.certification(), in.Due, in.Why)
	return idOf(made, err)
}

func revokeCertification(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.RevokeCertification(by, x.certification(), in.Why)
	return idOf(made, err)
}

func releaseCertified(x *exchange, by authority.By, in *Release) (string, error) {
	device, err := x.dir.Device(in.Device)
	if err != nil {
		return "", reference("device", err)
	}
	made, err := x.a.Release(by, device.ID, x.certification())
	return idOf(made, err)
}

// owed lists the approved cases whose credential is owed, the most urgent first.
func owed(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	page := Page[*Certification]{Items: []*Certification{}}
	for _, c := range x.a.Queue() {
		page.Items = append(page.Items, x.certificationView(c))
	}
	return x.json(http.StatusOK, page)
}

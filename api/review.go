package api

import (
	"github.com/onerecord/certgate/gate"
)

// Review is a case as people look at it: what it needs on its way, and what was declared beside what was seen.
type Review struct {
	Certification *Certification `json:"certification"`
	// Account and Devices are named by slugs; the devices in the order of the case.
	Account   string               `json:"account"`
	Devices   []string             `json:"devices"`
	Checklist []gate.ChecklistItem `json:"checklist"`
	// Compared is what the profile declares, or the one that waits to be certified, beside what the account's devices did in pre-production.
	Compared []gate.Compared `json:"compared"`
	// Undelivered are the enrollment links of the case that nobody got.
	Undelivered []UndeliveredLink `json:"undelivered"`
	// Handed is what the links of the case gave, and when.
	Handed []HandedOver `json:"handed"`
}

// UndeliveredLink is an enrollment link that is open and whose notice has failed.
type UndeliveredLink struct {
	Device  string        `json:"device"` // its slug path
	Notice  gate.NoticeID `json:"notice"`
	Problem string        `json:"problem"` // why it has not arrived
}

// showReview looks at one case.
func (x *exchange) showReview(id string) (*shown, error) {
	c := x.dir.Certification(gate.CertificationID(id))
	if c == nil {
		return nil, absent("certification", id)
	}
	seen, err := x.a.Observed(c.Account)
	if err != nil {
		return nil, err
	}
	profile := &c.Profile
	if c.Update != nil {
		profile = &c.Update.Profile
	}
	r := &Review{Certification: x.certificationView(c), Devices: []string{}, Undelivered: []UndeliveredLink{}, Handed: []HandedOver{}, Compared: append([]gate.Compared{}, gate.Compare(profile, seen)...)}
	if account, err := x.dir.Account(string(c.Account)); err == nil {
		r.Account = account.Slug
	}
	var enrolled []gate.DeviceID
	for _, d := range c.Devices {
		name := string(d)
		if device, err := x.dir.Device(name); err == nil {
			name = x.deviceView(device).Path
		}
		r.Devices = append(r.Devices, name)
		r.Undelivered = append(r.Undelivered, x.undelivered(c, d, name)...)
		r.Handed = append(r.Handed, x.handed(c, d, name)...)
		for _, crt := range x.dir.Certificates(d) {
			if crt.State(x.now).Live() {
				enrolled = append(enrolled, d)
				break
			}
		}
	}
	r.Checklist = c.Checklist(c.Term(x.dir.Contract, x.now), x.a.Requirements(), enrolled, x.now)
	return &shown{view: r}, nil
}

// undelivered are the links to a device of the case that wait to be opened and have not arrived.
func (x *exchange) undelivered(c *gate.Certification, device gate.DeviceID, name string) (list []UndeliveredLink) {
	for _, e := range x.dir.Enrollments(device) {
		if e.Certification != c.ID || e.State(false, x.now) != gate.EnrollmentOpen {
			continue
		}
		if n := x.a.Failed(e.Notice); n != nil {
			list = append(list, UndeliveredLink{Device: name, Notice: n.ID, Problem: n.Trouble()})
		}
	}
	return list
}

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
	r := &Review{Certification: x.certificationView(c), Devices: []string{}, Compared: append([]gate.Compared{}, gate.Compare(profile, seen)...)}
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

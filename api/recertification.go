package api

import (
	"strconv"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewChangeReport says what has changed about a certified integration.
type NewChangeReport struct {
	Kind gate.ChangeKind `json:"kind"`
	Text string          `json:"text"`
}

// Judgment says whether a reported change is material.
type Judgment struct {
	Material *bool  `json:"material"` // it must be answered
	Why      string `json:"why"`
}

// NewProfile is the profile as the customer declares it after a change.
type NewProfile struct {
	Profile   gate.Profile `json:"profile"`
	Documents string       `json:"documents"` // where the updated documents are held
}

// Joiner names the device that joins a certification.
type Joiner struct {
	Device string `json:"device"` // by id or slug path
	Why    string `json:"why"`
}

func reportChange(x *exchange, by authority.By, in *NewChangeReport) (string, error) {
	made, err := x.a.ReportChange(by, x.certification(), in.Kind, in.Text)
	return idOf(made, err)
}

func judgeChange(x *exchange, by authority.By, in *Judgment) (string, error) {
	if in.Material == nil {
		return "", unanswered("material", "is the change material?")
	}
	n, err := strconv.Atoi(x.r.PathValue("change"))
	if err != nil {
		return "", absent("change", x.r.PathValue("change"))
	}
	made, err := x.a.JudgeChange(by, x.certification(), authority.Judgment{Change: n, Material: *in.Material, Why: in.Why})
	return idOf(made, err)
}

func updateProfile(x *exchange, by authority.By, in *NewProfile) (string, error) {
	made, err := x.a.UpdateProfile(by, x.certification(), in.Profile, in.Documents)
	return idOf(made, err)
}

func passRecertification(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.PassRecertification(by, x.certification(), in.Why)
	return idOf(made, err)
}

func joinDevice(x *exchange, by authority.By, in *Joiner) (string, error) {
	device, err := x.dir.Device(in.Device)
	if err != nil {
		return "", reference("device", err)
	}
	made, err := x.a.Join(by, x.certification(), device.ID, in.Why)
	return idOf(made, err)
}

package api

import (
	"net/url"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Enrollment is a one-time link to take a credential, with its state now: open, redeemed, done, spent, expired or canceled. Neither the
// link nor anything that its token could be found by is shown.
type Enrollment struct {
	ID            gate.EnrollmentID    `json:"id"`
	Account       gate.AccountID       `json:"account"`
	Device        gate.DeviceID        `json:"device"`
	Certification gate.CertificationID `json:"certification,omitempty"`
	State         string               `json:"state"`
	Notice        gate.NoticeID        `json:"notice"` // carries the link to the technical contacts
	ReleasedBy    gate.StaffID         `json:"released_by"`
	ReleasedAt    time.Time            `json:"released_at"`
	ExpiresAt     time.Time            `json:"expires_at"`
	Redemptions   int                  `json:"redemptions"`
	Key           gate.KeyID           `json:"key,omitempty"`
	Certificate   gate.CertificateID   `json:"certificate,omitempty"`
	Handed        []gate.Handing       `json:"handed,omitempty"` // what it gave, and when, at each redemption
	Acknowledged  *time.Time           `json:"acknowledged,omitempty"`
	Canceled      *gate.Act            `json:"canceled,omitempty"`
}

var enrollments = listing[*gate.Enrollment, *Enrollment]{
	filters: []string{"device"},
	all: func(x *exchange, q url.Values) ([]*gate.Enrollment, error) {
		device, err := x.deviceFilter(q)
		return x.dir.Enrollments(device), err
	},
	id:   func(r *gate.Enrollment) string { return string(r.ID) },
	view: (*exchange).enrollmentView,
}

func (x *exchange) enrollmentView(r *gate.Enrollment) *Enrollment {
	key := x.dir.Key(r.Key)
	return &Enrollment{
		ID: r.ID, Account: r.Account, Device: r.Device, Certification: r.Certification, Notice: r.Notice,
		State:      r.State(key != nil && x.dir.FirstUse(string(r.Key), key.FirstUsedAt) != nil, x.now).String(),
		ReleasedBy: r.ReleasedBy, ReleasedAt: r.ReleasedAt, ExpiresAt: r.ExpiresAt, Redemptions: r.Redemptions,
		Key: r.Key, Certificate: r.Certificate, Handed: x.handings(r), Acknowledged: r.Acknowledged, Canceled: r.Canceled,
	}
}

func (x *exchange) showEnrollment(id string) (*shown, error) {
	r := x.dir.Enrollment(gate.EnrollmentID(id))
	if r == nil {
		return nil, absent("enrollment", id)
	}
	return &shown{view: x.enrollmentView(r), etag: certstore.ETag(r), path: "/v1/enrollments/" + id}, nil
}

// releaseDevice is for pre-production; in production the certification is released.
func releaseDevice(x *exchange, by authority.By, _ *struct{}) (string, error) {
	device, err := x.dir.Device(x.r.PathValue("device"))
	if err != nil {
		return "", err
	}
	made, err := x.a.Release(by, device.ID, "")
	return idOf(made, err)
}

func cancelEnrollment(x *exchange, by authority.By, in *Why) (string, error) {
	ended, err := x.a.CancelEnrollment(by, gate.EnrollmentID(x.r.PathValue("enrollment")), in.Why)
	return idOf(ended, err)
}

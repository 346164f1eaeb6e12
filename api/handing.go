package api

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// HandedOver is what a link of a case gave to a device, and when.
type HandedOver struct {
	Device     string            `json:"device"` // its slug path
	Enrollment gate.EnrollmentID `json:"enrollment"`
	gate.Handing

	Acknowledged *time.Time `json:"acknowledged,omitempty"` // when the customer said that it has stored it
}

// handings are the redemptions of a link. Of one from before they were noted the last is known by its key.
func (x *exchange) handings(e *gate.Enrollment) []gate.Handing {
	if len(e.Handed) > 0 || e.Redemptions == 0 {
		return e.Handed
	}
	k := x.dir.Key(e.Key)
	if k == nil {
		return nil
	}
	return []gate.Handing{{At: k.IssuedAt, Key: e.Key, Certificate: e.Certificate}}
}

// handedOver fills in which link gave a credential, and when.
func (x *exchange) handedOver(v *Credential) {
	for _, e := range x.dir.Enrollments(v.Device) {
		list := x.handings(e)
		for i, h := range list {
			if v.ID != string(h.Key) && v.ID != string(h.Certificate) {
				continue
			}
			v.Enrollment, v.HandedOver = e.ID, &h.At
			if i == len(list)-1 { // what was given before was lost
				v.Acknowledged = e.Acknowledged
			}
		}
	}
}

// handed are what the links of a case gave to one of its devices.
func (x *exchange) handed(c *gate.Certification, device gate.DeviceID, name string) (all []HandedOver) {
	for _, e := range x.dir.Enrollments(device) {
		if e.Certification != c.ID {
			continue
		}
		list := x.handings(e)
		for i, h := range list {
			made := HandedOver{Device: name, Enrollment: e.ID, Handing: h}
			if i == len(list)-1 {
				made.Acknowledged = e.Acknowledged
			}
			all = append(all, made)
		}
	}
	return all
}

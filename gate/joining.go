package gate

import "slices"

// Joining is that a device joined a case after it was approved.
type Joining struct {
	Device DeviceID `json:"device"`
	Act    Act      `json:"act"`
}

// Join lets another production device of the same integration be covered. That it is the same integration is the approver's to see, who
// says why; nobody who interviewed may.
func (c Certification) Join(contract *Contract, d *Device, act Act) (Certification, error) {
	switch state := c.State(contract, act.At); {
	case state != Approved && state != Released && state != InForce:
		return c, Errorf(Conflict, "certification %s is %s; a device can only join one that is approved and has not lapsed or ended", c.ID, state)
	case d.Account != c.Account || d.Environment != Production:
		return c, FieldErrorf("device", "%s is not a production device of the certification's account", d.ID)
	case c.Covers(d.ID):
		return c, Errorf(Conflict, "certification %s covers device %s already", c.ID, d.ID)
	case c.Interviewed(act.By):
		return c, Errorf(Forbidden, "you interviewed in this case; somebody else must let the device join")
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	c = c.clone()
	c.Devices = append(c.Devices, d.ID)
	c.Joined = append(c.Joined, Joining{Device: d.ID, Act: act})
	return c, nil
}

// ReleaseTo lets the customer enroll a device that the case covers. Who approved the case, or let the device join, does not release.
func (c Certification) ReleaseTo(device DeviceID, contract *Contract, act Act) (Certification, error) {
	if !c.Covers(device) {
		return c, Errorf(Conflict, "certification %s does not cover device %s", c.ID, device)
	}
	if slices.ContainsFunc(c.Joined, func(j Joining) bool { return j.Device == device && j.Act.By == act.By }) {
		return c, Errorf(Forbidden, "you let this device join; somebody else must release it")
	}
	return c.Release(contract, act)
}

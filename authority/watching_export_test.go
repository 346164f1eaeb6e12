package authority

import (
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// CountCall counts a call of a device, as if it had just ended.
func CountCall(a *Authority, device gate.DeviceID, c *usage.Call) {
	a.usage.Meter.Count(a.now(), device, c, nil)
}

package gate

import (
	"net/netip"
	"time"
)

// Use is when and from where a key or certificate was last used. In memory it is known to the second; it is written down about once an
// hour, which is enough to tell what is still in use. It is no change of state.
type Use struct {
	ID      string     `json:"id"` // of the key or certificate
	Account AccountID  `json:"account"`
	At      time.Time  `json:"at"`
	From    netip.Addr `json:"from"` // the TCP peer
}

package authority

import (
	"net/netip"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// DefaultSourceLimit is how many refused requests may come from one address, or with one certificate, before further ones are told to wait.
// A program that is configured wrongly and tries again each second still learns why.
var DefaultSourceLimit = gate.Limit{Kind: gate.RateLimit, Amount: 60, Seconds: 60, Burst: 300}

// sourceName is what refused requests of a place have in common, as far as it is known who sends them.
type sourceName struct {
	network netip.Prefix     // the address; of IPv6 the /64, of which one machine has any number
	leaf    gate.Fingerprint // of a certificate of ours: whoever presents it has its private key
}

// countRefused counts a refused request against where it came from. If that has sent too many, the refusal is 429 in place of what it was, which
// is already remembered. A request that is in order never comes here, whatever others sent from the same place.
func (c *Call) countRefused(limit *gate.Limit, now time.Time) {
	if limit == nil || !c.Reason.CountsAgainstSource() {
		return
	}
	a := c.authority
	wait := ratelimit.Refused(a.sources, sourceName{network: networkOf(c.Request.Peer)}, limit, now)
	if leaf := c.Request.Leaf; leaf != nil && !leaf.Anchor.IsZero() {
		wait = max(wait, ratelimit.Refused(a.sources, sourceName{leaf: leaf.Fingerprint}, limit, now))
	}
	if network := gate.NetworkOf(c.Request.Peer); !identified(c.Reason) && a.suspects.has(network, now) {
		wait = max(wait, ratelimit.Refused(a.sources, sourceName{network: network}, &suspectLimit, now))
	}
	if wait > 0 {
		c.Reason = gate.SourceExceeded
		c.Exceeded = ratelimit.Refusal{Reason: c.Reason, Limits: []string{"source"}, Wait: wait}
	}
}

func networkOf(peer netip.Addr) netip.Prefix {
	peer = peer.Unmap()
	bits := peer.BitLen()
	if peer.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(peer.WithZone(""), bits).Masked()
}

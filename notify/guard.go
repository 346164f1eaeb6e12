package notify

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// errAddress marks an address that we would not dial.
var errAddress = errors.New("address not allowed")

// Ranges that the methods of netip.Addr do not know. Those that carry an IPv4 address inside are refused whole: they would lead around
// the rules for it.
var (
	sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598: carriers and clusters; private in all but name

	never = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),          // "this network"
		netip.MustParsePrefix("192.0.0.0/24"),       // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),       // documentation
		netip.MustParsePrefix("198.18.0.0/15"),      // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"),    // documentation
		netip.MustParsePrefix("203.0.113.0/24"),     // documentation
		netip.MustParsePrefix("240.0.0.0/4"),        // reserved, broadcast
		netip.MustParsePrefix("::/96"),              // IPv4-compatible, unspecified
		netip.MustParsePrefix("64:ff9b::/96"),       // NAT64
		netip.MustParsePrefix("64:ff9b:1::/48"),     // NAT64, local
		netip.MustParsePrefix("2001::/32"),          // Teredo
		netip.MustParsePrefix("2001:db8::/32"),      // documentation
		netip.MustParsePrefix("2002::/16"),          // 6to4
		netip.MustParsePrefix("fec0::/10"),          // site-local, deprecated
		netip.MustParsePrefix("fd00:ec2::254/128"),  // metadata of Amazon
		netip.MustParsePrefix("fd20:ce::254/128"),   // metadata of Google
		netip.MustParsePrefix("100.100.100.200/32"), // metadata of Alibaba
		netip.MustParsePrefix("168.63.129.16/32"),   // Azure's wire server, a public address that is none
	}
)

// dialGuard is asked with the address that is about to be dialed, after every name was resolved: what a name resolved to when it was
// configured or a moment ago does not count.
func dialGuard(allowPrivate bool) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %q is no address with a port", errAddress, address)
		}
		return checkTarget(target.Addr(), allowPrivate)
	}
}

// checkTarget judges an address: public ones are allowed, private ones where the operator said so, the rest never.
func checkTarget(address netip.Addr, allowPrivate bool) error {
	address = address.Unmap().WithZone("")
	loopback := address.IsLoopback()
	for _, prefix := range never {
		if prefix.Contains(address) && !loopback {
			return fmt.Errorf("%w: %s is for special use (%s)", errAddress, address, prefix)
		}
	}
	switch {
	case loopback, address.IsPrivate(), sharedSpace.Contains(address):
		if !allowPrivate {
			return fmt.Errorf("%w: %s is private; allow private addresses for this webhook if it is meant", errAddress, address)
		}
	case !address.IsGlobalUnicast():
		return fmt.Errorf("%w: %s is not a public unicast address", errAddress, address)
	}
	return nil
}

package gate

import (
	"fmt"
	"slices"
)

// maxNetworks bounds what a profile declares.
const maxNetworks = 64

// Check reports the first thing wrong with what a profile declares beside its grant.
func (p *Profile) Check() error {
	for field, text := range map[string]string{"hosting": p.Hosting, "key_storage": p.KeyStorage} {
		if text == "" {
			continue
		}
		if err := checkText(field, text, 1000); err != nil {
			return err
		}
	}
	if p.DailyVolume < 0 {
		return FieldErrorf("daily_volume", "%d: must be the number of calls that are expected in a day", p.DailyVolume)
	}
	if len(p.Networks) > maxNetworks {
		return FieldErrorf("networks", "%d: at most %d can be declared", len(p.Networks), maxNetworks)
	}
	for i, n := range p.Networks {
		field := fmt.Sprintf("networks[%d]", i)
		switch {
		case !n.IsValid() || n != n.Masked() || n.Addr().Is4In6():
			return FieldErrorf(field, "%q must be a network such as 203.0.113.0/24 with no bits set after its length", n)
		case n.Addr().Is4() && n.Bits() < 8, n.Addr().Is6() && n.Bits() < 16:
			return FieldErrorf(field, "%s is larger than any customer's network; declare the networks that calls come from", n)
		case n.Addr().IsMulticast() || n.Addr().IsUnspecified():
			return FieldErrorf(field, "no call comes from %s", n)
		case slices.Contains(p.Networks[:i], n):
			return FieldErrorf(field, "%s is listed twice", n)
		}
	}
	return nil
}

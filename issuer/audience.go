package issuer

import "fmt"

// Audience says whom a CA vouches for. Each has a root of its own, and the two
// are unrelated: no certificate made for a customer can ever open the staff's
// endpoint, whatever mistake is made in a trust list. The zero value is no
// audience.
type Audience int

// The closed list of audiences.
const (
	// Customers are the calling systems of customers.
	Customers Audience = iota + 1
	// Staff are the persons who operate.
	Staff
)

var audienceNames = map[Audience]string{Customers: "customers", Staff: "staff"}

// Audiences returns every audience, in a fixed order.
func Audiences() []Audience { return []Audience{Customers, Staff} }

// String returns the name as it stands in file names and commands.
func (a Audience) String() string {
	if name, ok := audienceNames[a]; ok {
		return name
	}
	return fmt.Sprintf("audience(%d)", int(a))
}

// ParseAudience is the inverse of [Audience.String].
func ParseAudience(name string) (Audience, error) {
	for _, a := range Audiences() {
		if a.String() == name {
			return a, nil
		}
	}
	return 0, fmt.Errorf("audience %q is unknown; allowed are %q and %q", name, Customers, Staff)
}

// Profile returns the profile of the leaves this audience gets. An audience off
// the list gets the zero Profile, which [CA.Prepare] refuses.
func (a Audience) Profile() Profile {
	switch a {
	case Customers:
		return DeviceProfile
	case Staff:
		return StaffProfile
	}
	return 0
}

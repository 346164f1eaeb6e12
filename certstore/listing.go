package certstore

import (
	"slices"

	"github.com/onerecord/certgate/gate"
)

// The lists below are copies, in the order of identifiers; an empty account or device means all.

// Accounts lists all accounts.
func (d *Directory) Accounts() []*gate.Account { return all(d, &d.lists.accounts) }

// Organizations lists the organizations of an account.
func (d *Directory) Organizations(account gate.AccountID) []*gate.Organization {
	if account == "" {
		return all(d, &d.lists.organizations)
	}
	return part(d, &d.accounts, account, func(n *accountNode) []*gate.Organization { return n.organizations })
}

// Devices lists the devices of an account.
func (d *Directory) Devices(account gate.AccountID) []*gate.Device {
	if account == "" {
		return all(d, &d.lists.devices)
	}
	return part(d, &d.accounts, account, func(n *accountNode) []*gate.Device { return n.devices })
}

// Contracts lists the contracts of an account.
func (d *Directory) Contracts(account gate.AccountID) []*gate.Contract {
	if account == "" {
		return all(d, &d.lists.contracts)
	}
	return part(d, &d.accounts, account, func(n *accountNode) []*gate.Contract { return n.contracts })
}

// Certifications lists the certifications of an account.
func (d *Directory) Certifications(account gate.AccountID) []*gate.Certification {
	if account == "" {
		return all(d, &d.lists.certifications)
	}
	return part(d, &d.accounts, account, func(n *accountNode) []*gate.Certification { return n.certifications })
}

// Remediations lists the remediations of an account and of everything below it, lifted ones too.
func (d *Directory) Remediations(account gate.AccountID) []*gate.Remediation {
	if account == "" {
		return all(d, &d.lists.remediations)
	}
	return part(d, &d.accounts, account, func(n *accountNode) []*gate.Remediation { return n.remediations })
}

// Incidents lists the incidents of an account, closed ones too. They are few, so they are only kept in one list.
func (d *Directory) Incidents(account gate.AccountID) []*gate.Incident {
	list := all(d, &d.lists.incidents)
	return slices.DeleteFunc(list, func(i *gate.Incident) bool { return account != "" && i.Account != account })
}

// Rulings lists all versions of the rules against abuse, in the order in which they were made.
func (d *Directory) Rulings() []*gate.Ruling { return all(d, &d.lists.rulings) }

// Reviews lists the reviews of an account, in the order in which they were signed.
func (d *Directory) Reviews(account gate.AccountID) []*gate.Review {
	list := all(d, &d.lists.reviews)
	return slices.DeleteFunc(list, func(r *gate.Review) bool { return account != "" && r.Account != account })
}

// Keys lists the keys of a device.
func (d *Directory) Keys(device gate.DeviceID) []*gate.Key {
	if device == "" {
		return all(d, &d.lists.keys)
	}
	return part(d, &d.devices, device, func(n *deviceNode) []*gate.Key { return n.keys })
}

// Certificates lists the certificates of a device.
func (d *Directory) Certificates(device gate.DeviceID) []*gate.Certificate {
	if device == "" {
		return all(d, &d.lists.certificates)
	}
	return part(d, &d.devices, device, func(n *deviceNode) []*gate.Certificate { return n.certificates })
}

// Revoked lists the revoked certificates of a CA, in the order in which this process came to know of them. It is no copy and not to be
// changed: however many there are, nobody who waits for the lock waits for it. The records are those that revoked; what is revoked
// never changes.
func (d *Directory) Revoked(issuer gate.Fingerprint) []*gate.Certificate {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clip(d.revoked[issuer])
}

// Enrollments lists the enrollments of a device.
func (d *Directory) Enrollments(device gate.DeviceID) []*gate.Enrollment {
	if device == "" {
		return all(d, &d.lists.enrollments)
	}
	return part(d, &d.devices, device, func(n *deviceNode) []*gate.Enrollment { return n.enrollments })
}

// People lists all staff, former ones too.
func (d *Directory) People() []*gate.Staff { return all(d, &d.lists.people) }

// CAs lists all issuing CAs, retired ones too.
func (d *Directory) CAs() []*gate.CA { return all(d, &d.lists.cas) }

// Hosts lists all host names that were ever served.
func (d *Directory) Hosts() []*gate.Host { return all(d, &d.lists.hosts) }

// BlockedPublicKeys lists the public keys that never get a certificate again, in the order of their hashes.
func (d *Directory) BlockedPublicKeys() []*gate.BlockedKey { return all(d, &d.lists.blocked) }

// Peppers lists all versions of the pepper, oldest first.
func (d *Directory) Peppers() []*gate.Pepper { return all(d, &d.lists.peppers) }

// Secret is what is known of the secret; nil where nothing was ever written of it. It is shared and immutable.
func (d *Directory) Secret() *gate.Secret {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.secret
}

// all copies a list of d.
func all[P any](d *Directory, list *[]P) []P {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clone(*list)
}

// part copies the list that hangs off one node of d.
func part[K comparable, N, P any](d *Directory, nodes *map[K]*N, id K, list func(*N) []P) []P {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if n := (*nodes)[id]; n != nil {
		return slices.Clone(list(n))
	}
	return nil
}

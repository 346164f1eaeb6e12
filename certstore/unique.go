package certstore

import "github.com/onerecord/certgate/gate"

// name is something by which one record of a kind is found besides its identifier.
type name struct {
	kind  gate.RecordKind
	field string
	value string // a text, or a hash
	hash  gate.Fingerprint
}

func (n name) taken(by string) error {
	shown := n.value
	if shown == "" && n.kind == gate.KeyRecord { // the MAC of a token is nobody's to see
		return gate.Errorf(gate.Exists, "this token is taken by %s", by)
	}
	if shown == "" {
		shown = n.hash.String()
	}
	return gate.Errorf(gate.Exists, "%s %s %q is taken by %s", n.kind, n.field, gate.Clip(shown, 120), by)
}

// names lists what must be unique about a record. [Directory.holder] finds each of them.
func names(r gate.Record) []name {
	switch r := r.(type) {
	case *gate.Account:
		return []name{{kind: gate.AccountRecord, field: "slug", value: r.Slug}}
	case *gate.Organization:
		return []name{{kind: gate.OrganizationRecord, field: "slug", value: string(r.Account) + "/" + r.Slug}}
	case *gate.Device:
		return []name{{kind: gate.DeviceRecord, field: "slug", value: string(r.Organization) + "/" + r.Slug}}
	case *gate.Key:
		list := []name{{kind: gate.KeyRecord, field: "handle", value: r.Handle}}
		if r.Imported != nil {
			list = append(list, name{kind: gate.KeyRecord, field: "token", hash: r.MAC})
		}
		return list
	case *gate.Certificate:
		return []name{{kind: gate.CertificateRecord, field: "fingerprint", hash: r.Fingerprint}}
	case *gate.Enrollment:
		return []name{{kind: gate.EnrollmentRecord, field: "token hash", hash: r.TokenHash}}
	case *gate.Staff:
		list := []name{{kind: gate.StaffRecord, field: "name", value: r.Name}}
		for _, c := range r.Certificates {
			list = append(list, name{kind: gate.StaffRecord, field: "certificate", hash: c.Fingerprint})
		}
		return list
	}
	return nil
}

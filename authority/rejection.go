package authority

import (
	"fmt"
	"slices"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// RejectImport revokes the tokens and certificates of an import that wait, and retires the CAs that came with them. The customers and their
// cases stay, and can be released and enrolled. It never needs a second person.
func (a *Authority) RejectImport(by By, id gate.ImportID, why string) error {
	if err := by.May(gate.Stop); err != nil {
		return err
	}
	if err := gate.CheckReason(why); err != nil {
		return err
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := a.ImportByID(id)
		if err != nil {
			return gate.Event{}, err
		}
		if c.Waiting() == 0 {
			return gate.Event{}, gate.Errorf(gate.Conflict, "nothing in import %s waits to be confirmed; revoke what must end", id)
		}
		said, err := a.reject(tx, c, gate.Revocation{At: a.moment(), By: by.Staff, Reason: gate.Unspecified, Why: why})
		return gate.Event{Verb: gate.ImportRejected, Object: string(id), Why: why, Detail: said.String()}, err
	})
	return err
}

func (a *Authority) reject(tx *certstore.Tx, c *ImportContents, r gate.Revocation) (said brought, err error) {
	for _, k := range c.Keys {
		if k.Revoked != nil || !k.Imported.Waits() {
			continue
		}
		if err := a.revokeKey(tx, k.ID, r); err != nil {
			return said, err
		}
		said.tokens++
	}
	for _, known := range c.Certificates {
		if known.Revoked != nil || !known.Imported.Waits() {
			continue
		}
		crt, err := certstore.Get[gate.Certificate](tx, string(known.ID))
		if err != nil {
			return said, err
		}
		revoked, err := crt.Revoke(r)
		if err != nil {
			return said, err
		}
		a.putRevoked(tx, &revoked)
		said.certificates++
	}
	for _, known := range c.CAs {
		if known.Retired != nil || !known.Imported.Waits() || known.Imported.Import.ID != c.Import.ID || a.neededElsewhere(known, c.Import.ID) {
			continue
		}
		ca, err := certstore.Get[gate.CA](tx, known.RecordID())
		if err != nil {
			return said, err
		}
		ca.Retired = &gate.Ending{At: r.At, By: r.By, Why: r.Why}
		certstore.Put(tx, ca)
		said.cas++
	}
	return said, nil
}

// neededElsewhere reports whether another import has a certificate of the CA.
func (a *Authority) neededElsewhere(ca *gate.CA, than gate.ImportID) bool {
	return slices.ContainsFunc(a.dir.Certificates(""), func(c *gate.Certificate) bool {
		return c.Issuer == ca.Fingerprint && c.Imported != nil && c.Imported.Import.ID != than && c.Revoked == nil
	})
}

// brought counts the credentials of an import.
type brought struct{ tokens, certificates, cas int }

// String is one line for the reader of an event.
func (b brought) String() string {
	return fmt.Sprintf("tokens: %d, certificates: %d, CAs: %d", b.tokens, b.certificates, b.cas)
}

// brought says for the event which credentials came along, which is nothing if none did.
func (d *draft) brought() string {
	var b brought
	for _, r := range d.records {
		switch r.(type) {
		case *gate.Key:
			b.tokens++
		case *gate.Certificate:
			b.certificates++
		case *gate.CA:
			b.cas++
		}
	}
	if b == (brought{}) {
		return ""
	}
	return "; " + b.String() + ", which wait for a second admin"
}

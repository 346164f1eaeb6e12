package authority

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// ImportContents are the parts of an import that are there now.
type ImportContents struct {
	Import       gate.Import
	Accounts     []*gate.Account
	Keys         []*gate.Key
	Certificates []*gate.Certificate
	CAs          []*gate.CA // that issued the certificates
}

// Waiting counts the tokens and certificates that wait to be confirmed.
func (c *ImportContents) Waiting() (n int) {
	for _, k := range c.Keys {
		if k.Revoked == nil && k.Imported.Waits() {
			n++
		}
	}
	for _, crt := range c.Certificates {
		if crt.Revoked == nil && crt.Imported.Waits() {
			n++
		}
	}
	return n
}

// Imports lists all imports, oldest first.
func (a *Authority) Imports() []*ImportContents {
	byID := make(map[gate.ImportID]*ImportContents)
	var list []*ImportContents
	for _, account := range a.dir.Accounts() {
		if account.Imported == nil {
			continue
		}
		c := byID[account.Imported.ID]
		if c == nil {
			c = &ImportContents{Import: *account.Imported}
			byID[c.Import.ID], list = c, append(list, c)
		}
		c.Accounts = append(c.Accounts, account)
	}
	for _, k := range a.dir.Keys("") {
		if k.Imported != nil && byID[k.Imported.Import.ID] != nil {
			c := byID[k.Imported.Import.ID]
			c.Keys = append(c.Keys, k)
		}
	}
	for _, crt := range a.dir.Certificates("") {
		if crt.Imported != nil && byID[crt.Imported.Import.ID] != nil {
			byID[crt.Imported.Import.ID].add(a.dir, crt)
		}
	}
	slices.SortFunc(list, func(x, y *ImportContents) int { return strings.Compare(string(x.Import.ID), string(y.Import.ID)) })
	return list
}

func (c *ImportContents) add(dir *certstore.Directory, crt *gate.Certificate) {
	c.Certificates = append(c.Certificates, crt)
	if ca := dir.CA(crt.Issuer); ca != nil && !slices.Contains(c.CAs, ca) {
		c.CAs = append(c.CAs, ca)
	}
}

// ImportByID finds an import; the error is of kind gate.NotFound.
func (a *Authority) ImportByID(id gate.ImportID) (*ImportContents, error) {
	for _, c := range a.Imports() {
		if c.Import.ID == id {
			return c, nil
		}
	}
	return nil, gate.Errorf(gate.NotFound, "there is no import %q", gate.Clip(string(id), 60))
}

// ConfirmImport makes the tokens, certificates and CAs of an import count, from the next request on. It takes a second admin. For a device
// that brought both and was certified before, that is its release and enrollment in one: the case comes into force. Each customer is told.
func (a *Authority) ConfirmImport(by By, id gate.ImportID) error {
	if err := by.May(gate.TrustForeign); err != nil {
		return err
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := a.ImportByID(id)
		if err != nil {
			return gate.Event{}, err
		}
		if c.Waiting() == 0 {
			return gate.Event{}, gate.Errorf(gate.Conflict, "nothing in import %s waits to be confirmed", id)
		}
		if err := a.stillMay(c.Import.By, gate.TrustForeign); err != nil {
			return gate.Event{}, err
		}
		t := &confirming{a: a, tx: tx, act: a.act(by, ""), keys: make(map[gate.DeviceID]bool), certificates: make(map[gate.DeviceID]bool),
			parts: make(map[gate.DeviceID]*brought)}
		if err := t.confirm(c); err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.ImportConfirmed, Object: string(id), Detail: t.said.String()}, nil
	})
	if err != nil {
		return err
	}
	a.trustNow()
	return nil
}

// confirming is a confirmation on its way.
type confirming struct {
	a                  *Authority
	tx                 *certstore.Tx
	act                gate.Act
	keys, certificates map[gate.DeviceID]bool // the devices whose parts were confirmed
	parts              map[gate.DeviceID]*brought
	said               brought
}

// of are the parts of a device that were confirmed.
func (t *confirming) of(id gate.DeviceID) *brought {
	if t.parts[id] == nil {
		t.parts[id] = new(brought)
	}
	return t.parts[id]
}

// tell tells each customer which of its tokens and certificates count from now on: if they are not its own, it is the one that can know.
func (t *confirming) tell(c *ImportContents) error {
	for _, account := range c.Accounts {
		var lines []string
		for _, d := range t.a.dir.Devices(account.ID) {
			b := t.parts[d.ID]
			if b == nil {
				continue
			}
			path, err := t.a.devicePath(d)
			if err != nil {
				return err
			}
			lines = append(lines, fmt.Sprintf("%s: tokens: %d, certificates: %d", path, b.tokens, b.certificates))
		}
		if len(lines) == 0 {
			continue
		}
		_, err := t.a.notify(t.tx, account.ID, gate.ImportedNotice, notify.Data{Noun: "account", Name: account.Slug, Verb: "imported", From: t.act.At, Lines: strings.Join(lines, "\n")})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *confirming) confirm(c *ImportContents) error {
	for _, known := range c.Keys {
		if known.Revoked != nil || !known.Imported.Waits() {
			continue
		}
		k, err := certstore.Get[gate.Key](t.tx, string(known.ID))
		if err == nil {
			k.Imported, err = k.Imported.Confirm(t.act)
		}
		if err != nil {
			return err
		}
		certstore.Put(t.tx, k)
		t.keys[k.Device] = true
		t.of(k.Device).tokens++
		t.said.tokens++
	}
	for _, known := range c.Certificates {
		if known.Revoked != nil || !known.Imported.Waits() {
			continue
		}
		if _, blocked := t.a.dir.BlockedPublicKey(known.PublicKey); blocked {
			return gate.Errorf(gate.Conflict, "the public key of certificate %s was blocked since, because its private key may be in other hands; revoke it, or reject the import", known.ID)
		}
		crt, err := certstore.Get[gate.Certificate](t.tx, string(known.ID))
		if err == nil {
			crt.Imported, err = crt.Imported.Confirm(t.act)
		}
		if err != nil {
			return err
		}
		certstore.Put(t.tx, crt)
		t.certificates[crt.Device] = true
		t.of(crt.Device).certificates++
		t.said.certificates++
	}
	if err := t.cas(c.CAs); err != nil {
		return err
	}
	if err := t.tell(c); err != nil {
		return err
	}
	return t.cases(c)
}

// cas confirms those that wait, also where another import brought them first: who imported the certificates stands behind their CA too.
func (t *confirming) cas(list []*gate.CA) error {
	for _, known := range list {
		if !known.Imported.Waits() {
			continue
		}
		ca, err := certstore.Get[gate.CA](t.tx, known.RecordID())
		if err != nil {
			return err
		}
		confirmed := *ca.Imported
		confirmed.Confirmed = &t.act
		ca.Imported = &confirmed
		certstore.Put(t.tx, ca)
		t.said.cas++
	}
	return nil
}

// cases releases and enrolls what was certified before for the devices that have both halves now.
func (t *confirming) cases(c *ImportContents) error {
	for _, account := range c.Accounts {
		for _, known := range t.a.dir.Certifications(account.ID) {
			if known.Imported == nil || known.Imported.Import.ID != c.Import.ID {
				continue
			}
			if err := t.enroll(known.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *confirming) enroll(id gate.CertificationID) error {
	c, err := certstore.Get[gate.Certification](t.tx, string(id))
	if err != nil {
		return err
	}
	contract, err := t.a.termOf(t.tx, c)
	if err != nil {
		return err
	}
	changed := false
	for _, device := range c.Devices {
		state := c.State(contract, t.act.At)
		if !t.keys[device] || !t.certificates[device] || state != gate.Approved && state != gate.Released {
			continue
		}
		released, err := c.ReleaseTo(device, contract, t.act)
		if err != nil {
			return err
		}
		*c, changed = released.Enroll(t.act.At), true
	}
	if changed {
		certstore.Put(t.tx, c)
	}
	return nil
}

package gate

import "time"

// Import is one take-over of customers from before certgate: what came in with it says so for good.
type Import struct {
	ID     ImportID  `json:"id"`
	By     StaffID   `json:"by"`
	At     time.Time `json:"at"`
	Source string    `json:"source"` // where it was read from, in words: "the integrations spreadsheet of 2027-02"
}

// PastApproval marks a certification as taken over: who approved it before certgate, in words, because they may be nobody that it knows.
type PastApproval struct {
	On     Date   `json:"on"`
	By     string `json:"by"`
	Import Import `json:"import"`
}

// TakenOver marks a key, certificate or CA that came in with an import. None of them counts before a second admin has confirmed the
// import: who imports could otherwise let in whom they like.
type TakenOver struct {
	Import    Import `json:"import"`
	Confirmed *Act   `json:"confirmed,omitempty"`
}

// Waits reports whether the import waits to be confirmed. Nil does not: it is what was not imported.
func (t *TakenOver) Waits() bool { return t != nil && t.Confirmed == nil }

// Confirm makes what was imported count. Whoever imported it cannot confirm it.
func (t TakenOver) Confirm(act Act) (*TakenOver, error) {
	switch {
	case t.Import.By == act.By:
		return nil, Errorf(Forbidden, "you imported this; a second admin must confirm it")
	case t.Confirmed != nil:
		return nil, Errorf(Conflict, "import %s is confirmed already", t.Import.ID)
	}
	t.Confirmed = &act
	return &t, nil
}

// Check reports what is wrong with an import as it was given.
func (i *Import) Check() error { return checkText("source", i.Source, 300) }

// TakeOver approves a case on the word of whoever imports it, in place of an interview. They count as its approver, so somebody else
// must release it, and until then and the customer's enrollment nobody may call under it. No release is promised by a time.
func (c Certification) TakeOver(past PastApproval, contract *Contract, required Requirements) (Certification, error) {
	act := Act{By: past.Import.By, At: past.Import.At}
	if err := c.open(); err != nil {
		return c, err
	}
	if err := past.On.Check(); err != nil {
		return c, InField("approved_on", err)
	}
	if past.On.Start(time.UTC).After(act.At) {
		return c, FieldErrorf("approved_on", "%s is in the future", past.On)
	}
	if err := checkText("approved_by", past.By, 300); err != nil {
		return c, err
	}
	switch {
	case len(c.Devices) == 0:
		return c, FieldErrorf("devices", "must name at least one production device")
	case contract == nil:
		return c, Errorf(Invalid, "a certification ends with its contract; add one")
	case contract.State(act.At) == ContractEnded:
		return c, Errorf(Invalid, "its contract ended on %s; nothing is certified any more", contract.Last)
	}
	if lacking := contract.Lacks(required); len(lacking) > 0 {
		return c, Errorf(Invalid, "the contract lacks the signed agreement %s, without which nothing is certified", lacking[0])
	}
	c.Approved, c.Imported = &act, &past
	return c, nil
}

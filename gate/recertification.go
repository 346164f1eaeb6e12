package gate

import (
	"slices"
	"time"
)

// ChangeReport is that something about a certified integration has changed, and what staff made of it.
type ChangeReport struct {
	Kind     ChangeKind `json:"kind"`
	Text     string     `json:"text"`
	Reported Act        `json:"reported"` // who wrote it down
	Judged   *Act       `json:"judged,omitempty"`
	Material bool       `json:"material"` // as judged
}

// ChangeKind says what has changed.
type ChangeKind string

// The kinds of change that customers have to report, a closed list.
const (
	HostingChanged     ChangeKind = "hosting"
	KeyHandlingChanged ChangeKind = "key-handling"
	DataSharingChanged ChangeKind = "data-sharing"
	OwnershipChanged   ChangeKind = "ownership"
	SecurityIncident   ChangeKind = "security-incident"
	SubsidiaryChanged  ChangeKind = "subsidiary"
)

// ChangeKinds lists them all; certgate itself reports [SeenChangeKinds].
func ChangeKinds() []ChangeKind {
	return []ChangeKind{HostingChanged, KeyHandlingChanged, DataSharingChanged, OwnershipChanged, SecurityIncident, SubsidiaryChanged}
}

// ProfileUpdate is the profile as the customer declares it after a change, until it is certified.
type ProfileUpdate struct {
	Profile   Profile `json:"profile"`
	Documents string  `json:"documents"` // where the updated documents are held
	Submitted Act     `json:"submitted"`
}

// Recertification is that a material change was certified.
type Recertification struct {
	Act       Act       `json:"act"`
	Demanded  Act       `json:"demanded"`
	Due       time.Time `json:"due"`
	Was       Profile   `json:"was"` // certified until then
	Documents string    `json:"documents"`
}

// Recertify demands that a material change be certified by due; until then the certified profile goes on.
func (c Certification) Recertify(due time.Time, act Act) (Certification, error) {
	if err := c.certified(); err != nil {
		return c, err
	}
	switch {
	case due.Before(act.At):
		return c, FieldErrorf("due", "%s has passed", due.Format(time.RFC3339))
	case c.RecertifyBy != nil && due.After(*c.RecertifyBy):
		return c, FieldErrorf("due", "%s is after %s, when recertification is due already; only the recertification ends that",
			due.Format(time.RFC3339), c.RecertifyBy.Format(time.RFC3339))
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	return c.demand(due, act), nil
}

// ReportChange notes a change to a certified integration. Before approval changes are part of the interview.
func (c Certification) ReportChange(kind ChangeKind, text string, act Act) (Certification, error) {
	if err := c.certified(); err != nil {
		return c, err
	}
	if !slices.Contains(ChangeKinds(), kind) {
		return c, FieldErrorf("kind", "%q: must be one of %s", Clip(string(kind), 40), join(ChangeKinds(), ", "))
	}
	if err := checkText("text", text, 2000); err != nil {
		return c, err
	}
	c = c.clone()
	c.Changes = append(c.Changes, ChangeReport{Kind: kind, Text: text, Reported: act})
	return c, nil
}

// JudgeChange says whether the n-th reported change (from 0) is material; whoever reported it does not judge it. A material one must be
// certified within RecertificationDays, and by when an earlier one had to be if that is earlier.
func (c Certification) JudgeChange(n int, material bool, act Act) (Certification, error) {
	if err := c.certified(); err != nil {
		return c, err
	}
	switch {
	case n < 0 || n >= len(c.Changes):
		return c, Errorf(NotFound, "certification %s has %d reported changes, counted from 0; there is no %d", c.ID, len(c.Changes), n)
	case c.Changes[n].Judged != nil:
		return c, Errorf(Conflict, "change %d was judged already; report it again if there is more to say", n)
	case c.Changes[n].Reported.By == act.By:
		return c, Errorf(Forbidden, "you reported this change; somebody else must judge it")
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	c = c.clone()
	c.Changes[n].Judged, c.Changes[n].Material = &act, material
	if material {
		c = c.demand(act.At.AddDate(0, 0, RecertificationDays), act)
	}
	return c, nil
}

// certified refuses what concerns certified integrations only.
func (c *Certification) certified() error {
	switch {
	case c.Approved == nil:
		return Errorf(Conflict, "certification %s is not approved; there is nothing to recertify", c.ID)
	case c.Revoked != nil:
		return Errorf(Conflict, "certification %s was revoked; request a new case", c.ID)
	}
	return nil
}

// demand makes recertification due, no later than it was before. Interviews and documents count from the latest demand on.
func (c Certification) demand(due time.Time, act Act) Certification {
	if c.RecertifyBy == nil || due.Before(*c.RecertifyBy) {
		c.RecertifyBy = &due
	}
	c.Demanded = &act
	return c
}

// examinable refuses interviews in a case that is decided, unless a change to it has to be certified.
func (c *Certification) examinable() error {
	if c.RecertifyBy != nil && c.certified() == nil {
		return nil
	}
	return c.open()
}

// since is from when on interviews and documents count: in a recertification those after it was demanded.
func (c *Certification) since() time.Time {
	switch {
	case c.RecertifyBy == nil || c.Approved == nil:
		return time.Time{}
	case c.Demanded == nil:
		return c.Approved.At
	}
	return c.Demanded.At
}

// updated reports whether the profile and its documents were brought up to date since a change had to be certified.
func (c *Certification) updated() bool {
	return c.Update != nil && !c.Update.Submitted.At.Before(c.since())
}

// UpdateProfile takes the profile as it is after a change, with its documents. It counts once it is certified.
func (c Certification) UpdateProfile(u ProfileUpdate, known func(behavior string) bool) (Certification, error) {
	if c.RecertifyBy == nil || c.certified() != nil {
		return c, Errorf(Conflict, "certification %s does not have to be certified anew; report the change first", c.ID)
	}
	if err := checkGranted(&u.Profile.Grant, known); err != nil {
		return c, InField("profile", err)
	}
	if err := u.Profile.Check(); err != nil {
		return c, InField("profile", err)
	}
	if err := checkText("documents", u.Documents, 300); err != nil {
		return c, err
	}
	c.Update = &u
	return c, nil
}

// PassRecertification certifies what has changed, after a further interview with demo and with the documents brought up to date; the new
// profile counts from now on. Nobody who interviewed may.
func (c Certification) PassRecertification(contract *Contract, required Requirements, act Act) (Certification, error) {
	switch {
	case c.certified() != nil:
		return c, c.certified()
	case c.RecertifyBy == nil:
		return c, Errorf(Conflict, "certification %s does not have to be certified anew", c.ID)
	case c.Interviewed(act.By):
		return c, Errorf(Forbidden, "you interviewed in this case; somebody else must certify it anew")
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	if err := c.complete("certified anew", c.Missing(contract, required, act.At)); err != nil {
		return c, err
	}
	c = c.clone()
	passed := Recertification{Act: act, Demanded: *c.Approved, Due: *c.RecertifyBy, Was: c.Profile, Documents: c.Update.Documents}
	if c.Demanded != nil {
		passed.Demanded = *c.Demanded
	}
	c.Recertified = append(c.Recertified, passed)
	c.Profile, c.Update, c.RecertifyBy, c.Demanded = c.Update.Profile, nil, nil, nil
	return c, nil
}

package gate

import "time"

// RecordKind names a kind of record in the store.
type RecordKind string

// The kinds of record, a closed list; names are never reused.
const (
	AccountRecord       RecordKind = "account"
	OrganizationRecord  RecordKind = "organization"
	DeviceRecord        RecordKind = "device"
	ContractRecord      RecordKind = "contract"
	CertificationRecord RecordKind = "certification"
	KeyRecord           RecordKind = "key"
	CertificateRecord   RecordKind = "certificate"
	EnrollmentRecord    RecordKind = "enrollment"
	RemediationRecord   RecordKind = "remediation"
	NoticeRecord        RecordKind = "notice"
	StaffRecord         RecordKind = "staff"
	CARecord            RecordKind = "ca"
	PepperRecord        RecordKind = "pepper"
	BehaviorsRecord     RecordKind = "behaviors"
	HostRecord          RecordKind = "host"
	MarkRecord          RecordKind = "mark"
	ReminderRecord      RecordKind = "reminder"
	LossRecord          RecordKind = "loss"
	ObservedRecord      RecordKind = "observed"
	UseRecord           RecordKind = "use"
	SecretRecord        RecordKind = "secret"
	CRLRecord           RecordKind = "crl"
	BlockedKeyRecord    RecordKind = "blocked-key"

	RevocationListRecord RecordKind = "revocation-list"
	SpentRecord          RecordKind = "spent"
	IncidentRecord       RecordKind = "incident"
	RulingRecord         RecordKind = "ruling"
	ReviewRecord         RecordKind = "review"
)

// RecordKinds lists them all.
func RecordKinds() []RecordKind {
	return []RecordKind{AccountRecord, OrganizationRecord, DeviceRecord, ContractRecord, CertificationRecord, KeyRecord,
		CertificateRecord, EnrollmentRecord, RemediationRecord, NoticeRecord, StaffRecord, CARecord, PepperRecord, BehaviorsRecord,
		HostRecord, MarkRecord, ReminderRecord, LossRecord, ObservedRecord, UseRecord, SecretRecord, CRLRecord, BlockedKeyRecord, RevocationListRecord, SpentRecord, IncidentRecord, RulingRecord, ReviewRecord}
}

// Record is something that the store keeps under its kind and identifier. The JSON form of the implementing types is what lies on
// disk: fields are only added, always optional; names and meanings never change.
type Record interface {
	RecordKind() RecordKind
	RecordID() string
}

// Pepper is one version of the secret under which keys are hashed. It lies sealed; only the store can open it.
type Pepper struct {
	Version   int       `json:"version"` // from 1
	Sealed    []byte    `json:"sealed"`
	CreatedAt time.Time `json:"created_at"`
}

// Mark remembers a write that carried an Idempotency-Key: what it was and which record it made or changed. The answer is rendered
// anew from that record, so a secret that the first answer held is not remembered.
type Mark struct {
	ID     string      `json:"id"`     // actor and key
	Hash   Fingerprint `json:"hash"`   // of method, path and body: the same key with another request is an error
	Object string      `json:"object"` // identifier of the record that the answer shows
	At     time.Time   `json:"at"`
}

func (*Account) RecordKind() RecordKind       { return AccountRecord }
func (*Organization) RecordKind() RecordKind  { return OrganizationRecord }
func (*Device) RecordKind() RecordKind        { return DeviceRecord }
func (*Contract) RecordKind() RecordKind      { return ContractRecord }
func (*Certification) RecordKind() RecordKind { return CertificationRecord }
func (*Key) RecordKind() RecordKind           { return KeyRecord }
func (*Certificate) RecordKind() RecordKind   { return CertificateRecord }
func (*Enrollment) RecordKind() RecordKind    { return EnrollmentRecord }
func (*Remediation) RecordKind() RecordKind   { return RemediationRecord }
func (*Notice) RecordKind() RecordKind        { return NoticeRecord }
func (*Staff) RecordKind() RecordKind         { return StaffRecord }
func (*CA) RecordKind() RecordKind            { return CARecord }
func (*Pepper) RecordKind() RecordKind        { return PepperRecord }
func (*BehaviorTable) RecordKind() RecordKind { return BehaviorsRecord }
func (*Host) RecordKind() RecordKind          { return HostRecord }
func (*Mark) RecordKind() RecordKind          { return MarkRecord }
func (*Reminder) RecordKind() RecordKind      { return ReminderRecord }
func (*Loss) RecordKind() RecordKind          { return LossRecord }
func (*Observed) RecordKind() RecordKind      { return ObservedRecord }
func (*Use) RecordKind() RecordKind           { return UseRecord }
func (*Secret) RecordKind() RecordKind        { return SecretRecord }
func (*PublishedCRL) RecordKind() RecordKind  { return CRLRecord }
func (*Spent) RecordKind() RecordKind         { return SpentRecord }

// RecordKind implements Record.
func (*RevocationList) RecordKind() RecordKind { return RevocationListRecord }

// RecordID is the identifier under which the record is stored.
func (a *Account) RecordID() string       { return string(a.ID) }
func (o *Organization) RecordID() string  { return string(o.ID) }
func (d *Device) RecordID() string        { return string(d.ID) }
func (c *Contract) RecordID() string      { return string(c.ID) }
func (c *Certification) RecordID() string { return string(c.ID) }
func (k *Key) RecordID() string           { return string(k.ID) }
func (c *Certificate) RecordID() string   { return string(c.ID) }
func (e *Enrollment) RecordID() string    { return string(e.ID) }
func (r *Remediation) RecordID() string   { return string(r.ID) }
func (n *Notice) RecordID() string        { return string(n.ID) }
func (s *Staff) RecordID() string         { return string(s.ID) }
func (a *CA) RecordID() string            { return a.Fingerprint.String() }
func (p *Pepper) RecordID() string        { return padded(p.Version) }
func (*BehaviorTable) RecordID() string   { return "table" }
func (h *Host) RecordID() string          { return h.Name }
func (m *Mark) RecordID() string          { return m.ID }
func (u *Use) RecordID() string           { return u.ID }
func (r *Reminder) RecordID() string      { return r.ID }
func (l *Loss) RecordID() string          { return string(l.ID) }
func (o *Observed) RecordID() string      { return string(o.Device) }
func (*Secret) RecordID() string          { return SecretID }
func (p *PublishedCRL) RecordID() string  { return p.CA.String() }
func (s *Spent) RecordID() string         { return string(s.Account) }

// RecordID is the fingerprint of the CA.
func (l *RevocationList) RecordID() string { return l.CA.String() }

// padded prints a version so that text order is number order.
func padded(n int) string {
	var b [8]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b[:])
}

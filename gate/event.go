package gate

import "time"

// Event is one change of state: who did what to which records, when and why. Each is a leaf of the audit tree, in commit order.
//
// Rules for its evolution: fields are only added, always optional; names and meanings never change; no floating point; no PHI and
// no secret, ever: a leaf cannot be taken back.
type Event struct {
	Seq     int64     `json:"seq"` // from 0; set by the store
	At      time.Time `json:"at"`
	By      Actor     `json:"by"`
	Verb    Verb      `json:"verb"`
	Account AccountID `json:"account,omitempty"` // whom it concerns
	Object  string    `json:"object"`            // identifier of the record that it is about
	Why     string    `json:"why,omitempty"`
	Detail  string    `json:"detail,omitempty"` // one line for the reader
	Lost    *LostPart `json:"lost,omitempty"`   // which events are lost, where it is about that
	Changes []Change  `json:"changes"`          // set by the store: every record that was written with it
}

// Change names one record that was written, by the hashes of its stored form before and after; before is zero for a new one, after for one that was
// deleted.
type Change struct {
	Kind   RecordKind  `json:"kind"`
	ID     string      `json:"id"`
	Before Fingerprint `json:"before,omitzero"`
	After  Fingerprint `json:"after"`
}

// Verb says what happened.
type Verb string

// The verbs, a closed list; names are never reused.
const (
	StoreCreated            Verb = "store.created"
	TrustRewritten          Verb = "trust.rewritten"
	StoreQuarantined        Verb = "store.quarantined"
	LossProposed            Verb = "store.loss-proposed"
	LossAccepted            Verb = "store.loss-accepted"
	SecretRotationProposed  Verb = "secret.rotation-proposed"
	SecretRotationBegan     Verb = "secret.rotation-began"
	SecretResealed          Verb = "secret.resealed" // keys and peppers are sealed under the new secret
	SecretRotated           Verb = "secret.rotated"
	RecoveryKitMade         Verb = "secret.kit-made"
	PepperRotationProposed  Verb = "pepper.rotation-proposed"
	PepperRotated           Verb = "pepper.rotated"
	CACreated               Verb = "ca.created"
	CAImported              Verb = "ca.imported"
	CARequested             Verb = "ca.requested"
	CAAdded                 Verb = "ca.added" // a standby that the root signed
	CARotationProposed      Verb = "ca.rotation-proposed"
	CARotated               Verb = "ca.rotated"
	CARetirementProposed    Verb = "ca.retirement-proposed"
	CAProposalWithdrawn     Verb = "ca.proposal-withdrawn"
	CARetired               Verb = "ca.retired"
	CAAllowanceProposed     Verb = "ca.allowance-proposed" // of a customer's own
	CAAllowed               Verb = "ca.allowed"
	CADisallowed            Verb = "ca.disallowed"
	AccountCreated          Verb = "account.created"
	AccountOnboarded        Verb = "account.onboarded"
	CustomersImported       Verb = "customers.imported"
	ContactsProposed        Verb = "account.contacts-proposed"
	ContactsConfirmed       Verb = "account.contacts-confirmed"
	ContactsWithdrawn       Verb = "account.contacts-withdrawn"
	ImportConfirmed         Verb = "import.confirmed"
	ImportRejected          Verb = "import.rejected"
	OrganizationCreated     Verb = "organization.created"
	DeviceCreated           Verb = "device.created"
	ContractCreated         Verb = "contract.created"
	ContractEndedEarly      Verb = "contract.ended"
	ContractRenewed         Verb = "contract.renewed"
	ContractAmended         Verb = "contract.amended"
	ExtensionProposed       Verb = "contract.extension-proposed"
	ContractExtended        Verb = "contract.extended"
	ExtraGranted            Verb = "contract.extra-granted"
	CertificationRequested  Verb = "certification.requested"
	InterviewScheduled      Verb = "interview.scheduled"
	InterviewCanceled       Verb = "interview.canceled"
	InterviewMissed         Verb = "interview.missed"
	InterviewHeld           Verb = "interview.held"
	QuestionsAnswered       Verb = "certification.answered"
	RecordingAttached       Verb = "interview.recording-attached"
	EvidenceAdded           Verb = "certification.evidence-added"
	FindingRaised           Verb = "finding.raised"
	FindingAnswerTaken      Verb = "finding.answered"
	FindingClosed           Verb = "finding.closed"
	CertificationApproved   Verb = "certification.approved"
	CertificationRejected   Verb = "certification.rejected"
	CertificationWithdrawn  Verb = "certification.withdrawn"
	RecertificationDemanded Verb = "certification.recertify"
	CertificationWasRevoked Verb = "certification.revoked"
	ChangeReported          Verb = "certification.change-reported"
	ChangeJudged            Verb = "certification.change-judged"
	ProfileUpdated          Verb = "certification.profile-updated"
	ChangeCertified         Verb = "certification.recertified"
	DeviceJoined            Verb = "certification.device-joined"
	AccountClosing          Verb = "account.closing"
	DeletionProposed        Verb = "account.deletion-proposed"
	AccountDeleted          Verb = "account.deleted"
	EnrollmentReleased      Verb = "enrollment.released"
	EnrollmentWasRedeemed   Verb = "enrollment.redeemed"
	EnrollmentRefused       Verb = "enrollment.refused"
	EnrollmentWasCanceled   Verb = "enrollment.canceled"
	EnrollmentAcknowledged  Verb = "enrollment.acknowledged"
	CredentialFirstUsed     Verb = "credential.first-used"
	SandboxKeyIssued        Verb = "key.issued"
	KeyRenewed              Verb = "key.renewed"
	CertificateRenewed      Verb = "certificate.renewed"
	CredentialRevoked       Verb = "credential.revoked"
	PublicKeyBlocked        Verb = "public-key.blocked"
	RemediationImposed      Verb = "remediation.imposed"
	RemediationLifted       Verb = "remediation.lifted"
	IncidentOpened          Verb = "incident.opened"
	IncidentExtended        Verb = "incident.extended" // a rule has found more
	IncidentTold            Verb = "incident.told"     // the customer was told of it
	StrangersTold           Verb = "incident.strangers"
	RuleWasHeld             Verb = "rule.held"
	IncidentNoted           Verb = "incident.noted"
	IncidentMarked          Verb = "incident.marked" // as a security incident
	IncidentClosed          Verb = "incident.closed"
	IncidentWasHeld         Verb = "incident.held"
	IncidentReleased        Verb = "incident.released"
	IncidentAppealed        Verb = "incident.appealed"
	AppealWasAnswered       Verb = "incident.appeal-answered"
	PlanAgreed              Verb = "incident.plan-agreed"
	PlanWasDone             Verb = "incident.plan-done"
	AccountBarred           Verb = "incident.barred" // what was imposed is not lifted before a time
	RulesSet                Verb = "rules.set"
	RulesProposed           Verb = "rules.proposed"
	RulesConfirmed          Verb = "rules.confirmed"
	RulesRefused            Verb = "rules.refused"
	ReviewSigned            Verb = "review.signed"
	CustomerReminded        Verb = "customer.reminded"
	NoticeReplayed          Verb = "notice.replayed"
	NoticeDelivered         Verb = "notice.told"
	StaffProposed           Verb = "staff.proposed"
	StaffConfirmed          Verb = "staff.confirmed"
	StaffCertificateRevoked Verb = "staff.certificate-revoked"
	StaffDisabled           Verb = "staff.disabled"
	StaffLinkRedeemed       Verb = "staff.link-redeemed"
	StaffLinkRefused        Verb = "staff.link-refused"
	StaffRenewed            Verb = "staff.renewed"
	StaffReminded           Verb = "staff.reminded"
	StaffRecovered          Verb = "staff.recovered"
	BehaviorsChanged        Verb = "behaviors.changed"
	BehaviorAllowed         Verb = "behavior.allowed"
	HostServed              Verb = "host.served"
	HostLoweringProposed    Verb = "host.lowering-proposed"
	HostLoweringConfirmed   Verb = "host.lowering-confirmed"
	HostRaised              Verb = "host.raised"
)

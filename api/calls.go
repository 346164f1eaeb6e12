package api

import (
	"context"
	"encoding/json"

	"github.com/onerecord/certgate/gate"
)

// This file has one method for each route of the admin API (routes.go) and for the two of enrollment, in the same order. The options of
// a change may make it conditional or repeatable.

// WhoAmI says who the server takes the caller for.
func (c *Client) WhoAmI(ctx context.Context, o ...Option) (*Myself, error) {
	return clientGet[Myself](ctx, c, segments("v1", "whoami"), o)
}

// OpenAPI is the description of the API, as the server has it.
func (c *Client) OpenAPI(ctx context.Context) (*json.RawMessage, error) {
	return clientGet[json.RawMessage](ctx, c, "/openapi.json", nil)
}

// Accounts lists accounts.
func (c *Client) Accounts(ctx context.Context, q Query) (*Page[Account], error) {
	return clientGet[Page[Account]](ctx, c, "/v1/accounts"+q.encode(), nil)
}

// CreateAccount makes an account and its first organization.
func (c *Client) CreateAccount(ctx context.Context, in NewAccount, o ...Option) (*Account, error) {
	return clientPost[Account](ctx, c, outgoing{address: segments("v1", "accounts"), options: o}, in)
}

// Account reads an account.
func (c *Client) Account(ctx context.Context, account string, o ...Option) (*Account, error) {
	return clientGet[Account](ctx, c, segments("v1", "accounts", account), o)
}

// SuspendAccount suspends an account and everything below it.
func (c *Client) SuspendAccount(ctx context.Context, account string, in Suspension, o ...Option) (*Remediation, error) {
	return clientPost[Remediation](ctx, c, outgoing{address: segments("v1", "accounts", account, "suspension"), options: o}, in)
}

// ReinstateAccount lifts every suspension of the account itself.
func (c *Client) ReinstateAccount(ctx context.Context, account, why string, o ...Option) (*Account, error) {
	return clientPost[Account](ctx, c, outgoing{address: segments("v1", "accounts", account, "reinstatement"), options: o}, Why{Why: why})
}

// Organizations lists organizations.
func (c *Client) Organizations(ctx context.Context, q Query) (*Page[Organization], error) {
	return clientGet[Page[Organization]](ctx, c, "/v1/organizations"+q.encode(), nil)
}

// CreateOrganization adds an organization to an account.
func (c *Client) CreateOrganization(ctx context.Context, in NewOrganization, o ...Option) (*Organization, error) {
	return clientPost[Organization](ctx, c, outgoing{address: segments("v1", "organizations"), options: o}, in)
}

// Organization reads an organization.
func (c *Client) Organization(ctx context.Context, organization string, o ...Option) (*Organization, error) {
	return clientGet[Organization](ctx, c, segments("v1", "organizations", organization), o)
}

// Devices lists devices.
func (c *Client) Devices(ctx context.Context, q Query) (*Page[Device], error) {
	return clientGet[Page[Device]](ctx, c, "/v1/devices"+q.encode(), nil)
}

// CreateDevice adds a device to an organization.
func (c *Client) CreateDevice(ctx context.Context, in NewDevice, o ...Option) (*Device, error) {
	return clientPost[Device](ctx, c, outgoing{address: segments("v1", "devices"), options: o}, in)
}

// Device reads a device.
func (c *Client) Device(ctx context.Context, device string, o ...Option) (*Device, error) {
	return clientGet[Device](ctx, c, segments("v1", "devices", device), o)
}

// ReleaseDevice lets the customer of a pre-production device take a credential.
func (c *Client) ReleaseDevice(ctx context.Context, device string, o ...Option) (*Enrollment, error) {
	return clientPost[Enrollment](ctx, c, outgoing{address: segments("v1", "devices", device, "release"), options: o}, nil)
}

// CreateSandboxKey issues a key to a sandbox device; the answer holds it in Key, once.
func (c *Client) CreateSandboxKey(ctx context.Context, device string, o ...Option) (*Credential, error) {
	return clientPost[Credential](ctx, c, outgoing{address: segments("v1", "devices", device, "keys"), options: o}, nil)
}

// Contracts lists contracts.
func (c *Client) Contracts(ctx context.Context, q Query) (*Page[Contract], error) {
	return clientGet[Page[Contract]](ctx, c, "/v1/contracts"+q.encode(), nil)
}

// CreateContract adds a term to an account.
func (c *Client) CreateContract(ctx context.Context, in NewContract, o ...Option) (*Contract, error) {
	return clientPost[Contract](ctx, c, outgoing{address: segments("v1", "contracts"), options: o}, in)
}

// Contract reads a contract.
func (c *Client) Contract(ctx context.Context, id string, o ...Option) (*Contract, error) {
	return clientGet[Contract](ctx, c, segments("v1", "contracts", id), o)
}

// EndContract ends a contract before its last day.
func (c *Client) EndContract(ctx context.Context, id, why string, o ...Option) (*Contract, error) {
	return clientPost[Contract](ctx, c, outgoing{address: segments("v1", "contracts", id, "ending"), options: o}, Why{Why: why})
}

// Certifications lists certifications.
func (c *Client) Certifications(ctx context.Context, q Query) (*Page[Certification], error) {
	return clientGet[Page[Certification]](ctx, c, "/v1/certifications"+q.encode(), nil)
}

// Owed lists the approved cases whose credential is owed, the most urgent first.
func (c *Client) Owed(ctx context.Context) (*Page[Certification], error) {
	return clientGet[Page[Certification]](ctx, c, "/v1/issuance", nil)
}

// CreateCertification opens a case.
func (c *Client) CreateCertification(ctx context.Context, in NewCertification, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications"), options: o}, in)
}

// Certification reads a case, with what is missing.
func (c *Client) Certification(ctx context.Context, id string, o ...Option) (*Certification, error) {
	return clientGet[Certification](ctx, c, segments("v1", "certifications", id), o)
}

// ScheduleInterview plans an interview; one that is planned already is moved.
func (c *Client) ScheduleInterview(ctx context.Context, id string, in NewInterview, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "interviews"), options: o}, in)
}

// RecordInterview notes what an interview yielded.
//
//nolint:revive // the path has two names in it
func (c *Client) RecordInterview(ctx context.Context, id, interview string, in InterviewRecord, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "interviews", interview, "record"), options: o}, in)
}

// CancelInterview calls a planned interview off.
//
//nolint:revive // the path has two names in it
func (c *Client) CancelInterview(ctx context.Context, id, interview string, in Why, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "interviews", interview, "cancellation"), options: o}, in)
}

// MissInterview notes that somebody did not come to a planned interview.
//
//nolint:revive // the path has two names in it
func (c *Client) MissInterview(ctx context.Context, id, interview string, in Why, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "interviews", interview, "absence"), options: o}, in)
}

// AnswerQuestions takes what the customer answered in writing.
func (c *Client) AnswerQuestions(ctx context.Context, id string, answers []gate.Answer, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "answers"), options: o}, NewAnswers{answers})
}

// Approve decides a case for the customer.
func (c *Client) Approve(ctx context.Context, id string, in Approval, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "approval"), options: o}, in)
}

// Reject decides a case against the customer.
func (c *Client) Reject(ctx context.Context, id, why string, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "rejection"), options: o}, Why{Why: why})
}

// Withdraw ends an undecided case at the customer's wish.
func (c *Client) Withdraw(ctx context.Context, id, why string, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "withdrawal"), options: o}, Why{Why: why})
}

// Recertify demands that a material change be certified by a day.
func (c *Client) Recertify(ctx context.Context, id string, in Recertification, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "recertification"), options: o}, in)
}

// RevokeCertification ends an approved certification for cause.
func (c *Client) RevokeCertification(ctx context.Context, id, why string, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "revocation"), options: o}, Why{Why: why})
}

// ReleaseCertification lets the customer of a certified production device take its credential.
func (c *Client) ReleaseCertification(ctx context.Context, id, device string, o ...Option) (*Enrollment, error) {
	return clientPost[Enrollment](ctx, c, outgoing{address: segments("v1", "certifications", id, "release"), options: o}, Release{Device: device})
}

// Enrollments lists enrollments, of a device or all.
func (c *Client) Enrollments(ctx context.Context, q Query) (*Page[Enrollment], error) {
	return clientGet[Page[Enrollment]](ctx, c, "/v1/enrollments"+q.encode(), nil)
}

// Enrollment reads an enrollment.
func (c *Client) Enrollment(ctx context.Context, id string, o ...Option) (*Enrollment, error) {
	return clientGet[Enrollment](ctx, c, segments("v1", "enrollments", id), o)
}

// Credentials lists keys and certificates, of an account, a device or all.
func (c *Client) Credentials(ctx context.Context, q Query) (*Page[Credential], error) {
	return clientGet[Page[Credential]](ctx, c, "/v1/credentials"+q.encode(), nil)
}

// OldPepperKeys lists the keys that can still be used and are hashed under an older pepper than the newest.
func (c *Client) OldPepperKeys(ctx context.Context, q Query) (*Page[Credential], error) {
	q.pepper = "old"
	return clientGet[Page[Credential]](ctx, c, "/v1/credentials"+q.encode(), nil)
}

// Credential reads a key or certificate, the latter with its PEM.
func (c *Client) Credential(ctx context.Context, id string, o ...Option) (*Credential, error) {
	return clientGet[Credential](ctx, c, segments("v1", "credentials", id), o)
}

// RevokeCredential ends a key or certificate for good.
func (c *Client) RevokeCredential(ctx context.Context, id string, in Revocation, o ...Option) (*Credential, error) {
	return clientPost[Credential](ctx, c, outgoing{address: segments("v1", "credentials", id, "revocation"), options: o}, in)
}

// Remediations lists suspensions and terminations.
func (c *Client) Remediations(ctx context.Context, q Query) (*Page[Remediation], error) {
	return clientGet[Page[Remediation]](ctx, c, "/v1/remediations"+q.encode(), nil)
}

// CreateRemediation suspends or terminates.
func (c *Client) CreateRemediation(ctx context.Context, in NewRemediation, o ...Option) (*Remediation, error) {
	return clientPost[Remediation](ctx, c, outgoing{address: segments("v1", "remediations"), options: o}, in)
}

// Remediation reads a suspension or termination.
func (c *Client) Remediation(ctx context.Context, id string, o ...Option) (*Remediation, error) {
	return clientGet[Remediation](ctx, c, segments("v1", "remediations", id), o)
}

// LiftRemediation ends a suspension.
func (c *Client) LiftRemediation(ctx context.Context, id, why string, o ...Option) (*Remediation, error) {
	return clientPost[Remediation](ctx, c, outgoing{address: segments("v1", "remediations", id, "lifting"), options: o}, Why{Why: why})
}

// Events lists what changed, by number; of an account or everything.
func (c *Client) Events(ctx context.Context, q Query) (*Page[gate.Event], error) {
	return clientGet[Page[gate.Event]](ctx, c, "/v1/events"+q.encode(), nil)
}

// Staff lists the people who operate.
func (c *Client) Staff(ctx context.Context, q Query) (*Page[Person], error) {
	return clientGet[Page[Person]](ctx, c, "/v1/staff"+q.encode(), nil)
}

// ProposePerson makes a staff member; a second admin must confirm.
func (c *Client) ProposePerson(ctx context.Context, in NewPerson, o ...Option) (*Person, error) {
	return clientPost[Person](ctx, c, outgoing{address: segments("v1", "staff"), options: o}, in)
}

// Person reads a staff member, with certificates.
func (c *Client) Person(ctx context.Context, person string, o ...Option) (*Person, error) {
	return clientGet[Person](ctx, c, segments("v1", "staff", person), o)
}

// ProposeChange asks for other roles or another certificate; a second admin must confirm.
func (c *Client) ProposeChange(ctx context.Context, person string, in Change, o ...Option) (*Person, error) {
	return clientPost[Person](ctx, c, outgoing{address: segments("v1", "staff", person, "proposals"), options: o}, in)
}

// ConfirmPerson puts what was proposed for a staff member into effect.
func (c *Client) ConfirmPerson(ctx context.Context, person string, o ...Option) (*Person, error) {
	return clientPost[Person](ctx, c, outgoing{address: segments("v1", "staff", person, "confirmation"), options: o}, nil)
}

// DisablePerson takes all access away at once.
func (c *Client) DisablePerson(ctx context.Context, person, why string, o ...Option) (*Person, error) {
	return clientPost[Person](ctx, c, outgoing{address: segments("v1", "staff", person, "disablement"), options: o}, Why{Why: why})
}

// RevokePersonCertificate ends one certificate of a person, by fingerprint.
func (c *Client) RevokePersonCertificate(ctx context.Context, person string, fp gate.Fingerprint, in Why) (*Person, error) {
	return clientPost[Person](ctx, c, outgoing{address: segments("v1", "staff", person, "certificates", fp.String(), "revocation")}, in)
}

// CancelEnrollment ends a link before it is taken.
func (c *Client) CancelEnrollment(ctx context.Context, id string, in Why, o ...Option) (*Enrollment, error) {
	return clientPost[Enrollment](ctx, c, outgoing{address: segments("v1", "enrollments", id, "cancellation"), options: o}, in)
}

// Behaviors reads the behaviors of record.
func (c *Client) Behaviors(ctx context.Context, o ...Option) (*Behaviors, error) {
	return clientGet[Behaviors](ctx, c, segments("v1", "behaviors"), o)
}

// AllowBehavior lets the next configuration change or drop a granted behavior.
func (c *Client) AllowBehavior(ctx context.Context, name string, in Allowance, o ...Option) (*Behaviors, error) {
	return clientPost[Behaviors](ctx, c, outgoing{address: segments("v1", "behaviors", name, "allowance"), options: o}, in)
}

// Hosts lists the host names that were ever served.
func (c *Client) Hosts(ctx context.Context, q Query) (*Page[gate.Host], error) {
	return clientGet[Page[gate.Host]](ctx, c, "/v1/hosts"+q.encode(), nil)
}

// Host reads what is remembered of a host name.
func (c *Client) Host(ctx context.Context, name string, o ...Option) (*gate.Host, error) {
	return clientGet[gate.Host](ctx, c, segments("v1", "hosts", name), o)
}

// ProposeLowering asks that a host may be served in a lower environment; a second admin must confirm.
func (c *Client) ProposeLowering(ctx context.Context, name string, in NewLowering, o ...Option) (*gate.Host, error) {
	return clientPost[gate.Host](ctx, c, outgoing{address: segments("v1", "hosts", name, "lowering"), options: o}, in)
}

// ConfirmLowering puts a proposed lowering into effect.
func (c *Client) ConfirmLowering(ctx context.Context, name string, o ...Option) (*gate.Host, error) {
	return clientPost[gate.Host](ctx, c, outgoing{address: segments("v1", "hosts", name, "lowering", "confirmation"), options: o}, nil)
}

// RaiseHost ends a lowering, or the wish for one, at once.
func (c *Client) RaiseHost(ctx context.Context, name string, in Why, o ...Option) (*gate.Host, error) {
	return clientPost[gate.Host](ctx, c, outgoing{address: segments("v1", "hosts", name, "raising"), options: o}, in)
}

// CAs lists the issuing certificate authorities.
func (c *Client) CAs(ctx context.Context, q Query) (*Page[CA], error) {
	return clientGet[Page[CA]](ctx, c, "/v1/ca"+q.encode(), nil)
}

// Decisions lists what was decided lately, the newest first.
func (c *Client) Decisions(ctx context.Context, q DecisionQuery) (*Page[Decision], error) {
	return clientGet[Page[Decision]](ctx, c, "/v1/decisions"+q.encode(), nil)
}

// Decision reads one that is still remembered.
func (c *Client) Decision(ctx context.Context, id string, o ...Option) (*Decision, error) {
	return clientGet[Decision](ctx, c, segments("v1", "decisions", id), o)
}

// Evaluate says what would be decided about a call.
func (c *Client) Evaluate(ctx context.Context, in Call) (*Explanation, error) {
	return clientPost[Explanation](ctx, c, outgoing{address: "/v1/decisions/evaluate"}, in)
}

// RenewMyself asks for a certificate for the key in the signing request, with the certificate that the client shows.
func (c *Client) RenewMyself(ctx context.Context, csr string, o ...Option) (*Person, error) {
	return clientPost[Person](ctx, c, outgoing{address: segments("v1", "whoami", "renewal"), options: o}, NewKey{CSR: csr})
}

// RedeemStaffLink takes the certificate that a staff link offers, from the public site. The token is what stands after # in the link.
func (c *Client) RedeemStaffLink(ctx context.Context, token, csr string) (*RedeemedStaff, error) {
	return clientPost[RedeemedStaff](ctx, c, outgoing{address: "/enroll/staff"}, redemption{Token: token, CSR: csr})
}

// Redeem takes the credential that an enrollment link offers, from the public site. The token is what stands after # in the link; csr is
// PEM. Until the credential has been acknowledged or used the same token and csr may be sent again.
func (c *Client) Redeem(ctx context.Context, token, csr string) (*Redeemed, error) {
	return clientPost[Redeemed](ctx, c, outgoing{address: "/enroll"}, redemption{Token: token, CSR: csr})
}

// Acknowledge tells the public site that the credential has been stored; the link is dead then.
func (c *Client) Acknowledge(ctx context.Context, token string) error {
	_, err := clientPost[json.RawMessage](ctx, c, outgoing{address: "/enroll/acknowledgement"}, acknowledgement{Token: token})
	return err
}

package api

import (
	"net/http"
	"slices"

	"github.com/onerecord/certgate/gate"
)

// route is one method of one address.
type route struct {
	method, path string // path as http.ServeMux reads it
	do           endpoint
}

func get(path string, do endpoint) route { return route{http.MethodGet, path, do} }

func post(path string, do endpoint) route { return route{http.MethodPost, path, do} }

// The two usual answers to a change.
var (
	creates = writing{creates: true}
	changes = writing{compares: true}
)

// routes is the whole admin API. openapi.json describes the same, and a test holds the two together.
func routes() []route {
	return slices.Concat(accountRoutes(), onboardingRoutes(), importRoutes(), caseRoutes(), lifeRoutes(), credentialRoutes(), auditRoutes(), siteRoutes(), secretRoutes(), allowanceRoutes(), incidentRoutes(), reviewRoutes(), ruleRoutes())
}

func accountRoutes() []route {
	return []route{
		get("/openapi.json", openAPI),
		get("/v1/whoami", read(whoAmI)),
		post("/v1/whoami/renewal", write(writing{}, renewMyself)),

		get("/v1/accounts", accounts.list),
		post("/v1/accounts", write(creates, createAccount)),
		get("/v1/accounts/{account}", read(byPath("account", (*exchange).showAccount))),
		get("/v1/accounts/{account}/dossier", takeDossier),
		post("/v1/accounts/{account}/suspension", write(creates, suspendAccount)),
		post("/v1/accounts/{account}/reinstatement", write(writing{show: showPathAccount}, reinstateAccount)),
		post("/v1/accounts/{account}/contacts", write(changes, proposeContacts)),
		post("/v1/accounts/{account}/contacts/confirmation", write(changes, confirmContacts)),
		post("/v1/accounts/{account}/contacts/withdrawal", write(changes, withdrawContacts)),
		get("/v1/organizations", organizations.list),
		post("/v1/organizations", write(creates, createOrganization)),
		get("/v1/organizations/{organization}", read(byPath("organization", (*exchange).showOrganization))),
		get("/v1/devices", devices.list),
		post("/v1/devices", write(creates, createDevice)),
		get("/v1/devices/{device}", read(byPath("device", (*exchange).showDevice))),
		post("/v1/devices/{device}/release", write(creates, releaseDevice)),
		post("/v1/devices/{device}/keys", write(creates, createSandboxKey)),

		get("/v1/contracts", contracts.list),
		post("/v1/contracts", write(creates, createContract)),
		get("/v1/contracts/{contract}", read(byPath("contract", (*exchange).showContract))),
		post("/v1/contracts/{contract}/ending", write(changes, endContract)),
	}
}

func caseRoutes() []route {
	return []route{
		get("/v1/certifications", certifications.list),
		get("/v1/issuance", owed),
		get("/v1/questions", listQuestions),
		post("/v1/certifications", write(creates, createCertification)),
		get("/v1/certifications/{certification}", read(byPath("certification", (*exchange).showCertification))),
		get("/v1/certifications/{certification}/review", read(byPath("certification", (*exchange).showReview))),
		post("/v1/certifications/{certification}/interviews", write(changes, scheduleInterview)),
		post("/v1/certifications/{certification}/interviews/{interview}/record", write(changes, recordInterview)),
		post("/v1/certifications/{certification}/interviews/{interview}/recording", write(changes, attachRecording)),
		post("/v1/certifications/{certification}/evidence", write(changes, addEvidence)),
		post("/v1/certifications/{certification}/interviews/{interview}/cancellation", write(changes, cancelInterview)),
		post("/v1/certifications/{certification}/interviews/{interview}/absence", write(changes, missInterview)),
		post("/v1/certifications/{certification}/answers", write(changes, answerQuestions)),
		post("/v1/certifications/{certification}/findings", write(changes, raiseFinding)),
		post("/v1/certifications/{certification}/findings/{finding}/answer", write(changes, answerFinding)),
		post("/v1/certifications/{certification}/findings/{finding}/closing", write(changes, closeFinding)),
		post("/v1/certifications/{certification}/approval", write(changes, approve)),
		post("/v1/certifications/{certification}/rejection", write(changes, reject)),
		post("/v1/certifications/{certification}/withdrawal", write(changes, withdraw)),
		post("/v1/certifications/{certification}/recertification", write(changes, recertify)),
		post("/v1/certifications/{certification}/revocation", write(changes, revokeCertification)),
		post("/v1/certifications/{certification}/release", write(writing{creates: true, compares: true}, releaseCertified)),
	}
}

// lifeRoutes are for the years after certification.
func lifeRoutes() []route {
	begins := writing{creates: true, compares: true}
	return []route{
		post("/v1/contracts/{contract}/renewal", write(begins, renewContract)),
		post("/v1/contracts/{contract}/amendment", write(changes, amendContract)),
		post("/v1/contracts/{contract}/extension", write(changes, proposeExtension)),
		post("/v1/contracts/{contract}/extension/confirmation", write(changes, confirmExtension)),
		get("/v1/deletable", listDeletable),
		post("/v1/accounts/{account}/deletion", write(writing{compares: true, show: (*exchange).showDeletion}, proposeDeletion)),
		post("/v1/accounts/{account}/deletion/confirmation", write(writing{compares: true, show: (*exchange).showDeletion}, confirmDeletion)),
		post("/v1/accounts/{account}/closing", write(creates, closeAccount)),
		post("/v1/certifications/{certification}/changes", write(changes, reportChange)),
		post("/v1/certifications/{certification}/changes/{change}/judgment", write(changes, judgeChange)),
		post("/v1/certifications/{certification}/profile", write(changes, updateProfile)),
		post("/v1/certifications/{certification}/recertification/approval", write(changes, passRecertification)),
		post("/v1/certifications/{certification}/devices", write(changes, joinDevice)),
		get("/v1/forecast", forecast),
		get("/v1/check", checkAll),
		get("/v1/accounts/{account}/limits", listLimits),
		post("/v1/accounts/{account}/extra", write(writing{}, grantExtra)),
		get("/v1/usage", showUsage),
		get("/v1/usage/export", exportUsage),
		get("/v1/usage/patients", showSeen),
	}
}

func credentialRoutes() []route {
	return []route{
		get("/v1/enrollments", enrollments.list),
		get("/v1/enrollments/{enrollment}", read(byPath("enrollment", (*exchange).showEnrollment))),
		post("/v1/enrollments/{enrollment}/cancellation", write(changes, cancelEnrollment)),
		get("/v1/credentials", credentials.list),
		get("/v1/credentials/{credential}", read(byPath("credential", (*exchange).showCredential))),
		post("/v1/credentials/leaked", reportLeak),
		post("/v1/credentials/{credential}/revocation", write(changes, revokeCredential)),
		get("/v1/blocked-keys", blockedKeys.list),
		post("/v1/blocked-keys", write(writing{creates: true, show: (*exchange).showBlockedKey}, blockPublicKey)),
		get("/v1/blocked-keys/{key}", read(byPath("key", (*exchange).showBlockedKey))),
		get("/v1/remediations", remediations.list),
		post("/v1/remediations", write(creates, createRemediation)),
		get("/v1/remediations/{remediation}", read(byPath("remediation", (*exchange).showRemediation))),
		post("/v1/remediations/{remediation}/lifting", write(changes, liftRemediation)),
		get("/v1/notices", notices.list),
		get("/v1/notices/{notice}", read(byPath("notice", (*exchange).showNotice))),
		post("/v1/notices/{notice}/replay", write(changes, replayNotice)),
		post("/v1/notices/{notice}/telling", write(changes, tellNotice)),
		get("/v1/templates/{kind}", read(byPath("kind", (*exchange).previewNotice))),
	}
}

func siteRoutes() []route {
	return []route{
		get("/v1/staff", people.list),
		post("/v1/staff", write(creates, proposePerson)),
		get("/v1/staff/{person}", read(byPath("person", (*exchange).showPerson))),
		post("/v1/staff/{person}/proposals", write(changes, proposeChange)),
		post("/v1/staff/{person}/confirmation", write(changes, confirmPerson)),
		post("/v1/staff/{person}/disablement", write(changes, disablePerson)),
		post("/v1/staff/{person}/certificates/{fingerprint}/revocation", write(changes, revokePersonCertificate)),

		get("/v1/behaviors", read(func(x *exchange) (*shown, error) { return x.showBehaviors("") })),
		post("/v1/behaviors/{behavior}/allowance", write(writing{show: (*exchange).showBehaviors}, allowBehavior)),
		get("/v1/hosts", hosts.list),
		get("/v1/hosts/{host}", read(byPath("host", (*exchange).showHost))),
		post("/v1/hosts/{host}/lowering", write(writing{compares: true, show: (*exchange).showHost}, proposeLowering)),
		post("/v1/hosts/{host}/lowering/confirmation", write(writing{compares: true, show: (*exchange).showHost}, confirmLowering)),
		post("/v1/hosts/{host}/raising", write(writing{compares: true, show: (*exchange).showHost}, raiseHost)),
		get("/v1/ca", cas.list),
		post("/v1/ca", write(writing{creates: true, show: (*exchange).showCA}, importCA)),
		get("/v1/ca/{ca}", read(byPath("ca", (*exchange).showCA))),
		post("/v1/ca/rotation", write(writing{show: (*exchange).showCA}, rotateCA)),
		post("/v1/ca/request", write(writing{show: (*exchange).showCA}, requestCA)),
		post("/v1/ca/{ca}/retirement", write(writing{compares: true, show: (*exchange).showCA}, retireCA)),
		post("/v1/ca/{ca}/withdrawal", write(writing{compares: true, show: (*exchange).showCA}, withdrawCA)),
		post("/v1/ca/{ca}/confirmation", write(writing{compares: true, show: (*exchange).showCA}, confirmCA)),

		get("/v1/decisions", listDecisions),
		get("/v1/decisions/{decision}", read(byPath("decision", (*exchange).showDecision))),
		get("/v1/decisions/stream", streamDecisions),
		post("/v1/decisions/evaluate", evaluate),
	}
}

// byPath shows the object that a part of the address names.
func byPath(name string, show func(x *exchange, ref string) (*shown, error)) func(x *exchange) (*shown, error) {
	return func(x *exchange) (*shown, error) { return show(x, x.r.PathValue(name)) }
}

// shows finds the object of an identifier by its prefix.
var shows = map[string]func(x *exchange, id string) (*shown, error){
	gate.AccountPrefix:       (*exchange).showAccount,
	gate.OrganizationPrefix:  (*exchange).showOrganization,
	gate.DevicePrefix:        (*exchange).showDevice,
	gate.ContractPrefix:      (*exchange).showContract,
	gate.CertificationPrefix: (*exchange).showCertification,
	gate.KeyPrefix:           (*exchange).showKey,
	gate.CertificatePrefix:   (*exchange).showCertificate,
	gate.EnrollmentPrefix:    (*exchange).showEnrollment,
	gate.RemediationPrefix:   (*exchange).showRemediation,
	gate.IncidentPrefix:      (*exchange).showIncident,
	gate.ReviewPrefix:        (*exchange).showSignedReview,
	gate.RulingPrefix:        (*exchange).showRuling,
	gate.NoticePrefix:        (*exchange).showNotice,
	gate.StaffPrefix:         (*exchange).showPerson,
}

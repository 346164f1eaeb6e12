package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// description is openapi.json as the site serves it, parsed once.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.json")
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

func TestTheDescriptionIsServedAndValid(t *testing.T) {
	s := open(t)
	if _, err := description(); err != nil {
		t.Fatal(err)
	}
	got := s.send(raw{method: "GET", path: "/openapi.json"})
	if got.status != http.StatusOK || !json.Valid([]byte(got.body)) {
		t.Errorf("status %d, %d bytes", got.status, len(got.body))
	}
}

func TestEveryRouteIsDescribedAndNoOther(t *testing.T) {
	doc := check[*openapi3.T](t)(description())
	var described []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	routes := api.Routes()
	slices.Sort(described)
	slices.Sort(routes)
	if diff := cmp.Diff(routes, described); diff != "" {
		t.Errorf("-routes +openapi.json:\n%s", diff)
	}
}

// What goes over the wire, by the name of its schema. Answers are checked against the schemas, too, wherever a test gets one.
var wire = map[string]any{
	"Problem": api.Problem{}, "Account": api.Account{}, "NewAccount": api.NewAccount{}, "Suspension": api.Suspension{}, "Why": api.Why{},
	"Organization": api.Organization{}, "NewOrganization": api.NewOrganization{}, "Device": api.Device{}, "NewDevice": api.NewDevice{},
	"Contract": api.Contract{}, "NewContract": api.NewContract{}, "Certification": api.Certification{},
	"NewCertification": api.NewCertification{}, "NewInterview": api.NewInterview{}, "InterviewRecord": api.InterviewRecord{},
	"Approval": api.Approval{}, "Recertification": api.Recertification{}, "Release": api.Release{}, "Enrollment": api.Enrollment{},
	"Credential": api.Credential{}, "NewRevocation": api.Revocation{}, "NewLeak": api.NewLeak{}, "NewBlockedKey": api.NewBlockedKey{}, "BlockedKey": api.BlockedKey{}, "Leak": api.Leak{}, "Remediation": api.Remediation{},
	"Threshold": abuse.Threshold{}, "Rule": api.Rule{}, "RuleException": api.RuleException{}, "ThresholdChange": authority.ThresholdChange{}, "RuleChange": authority.RuleChange{}, "Ruling": api.Ruling{}, "NewRuling": api.NewRuling{},
	"NewTrial": api.NewTrial{}, "Trial": authority.Trial{}, "TrialRule": authority.TrialRule{}, "TrialHit": authority.TrialHit{}, "TrialSpan": authority.TrialSpan{}, "TrialImposed": authority.TrialImposed{}, "TrialOpened": authority.TrialOpened{}, "TrialAccount": authority.TrialAccount{},
	"Incident": api.Incident{}, "IncidentClosing": gate.IncidentClosing{}, "Detection": gate.Detection{}, "Figure": gate.Figure{},
	"PolicyNote": gate.PolicyNote{}, "IncidentStep": gate.Step{}, "IncidentHold": gate.Hold{}, "IncidentAppeal": gate.Appeal{}, "AppealAnswer": gate.AppealAnswer{},
	"CorrectivePlan": gate.CorrectivePlan{}, "IncidentBar": gate.Bar{}, "NewIncident": api.NewIncident{}, "NewIncidentClosing": api.NewIncidentClosing{},
	"AccountReview": authority.ReviewPage{}, "ReviewedCase": authority.ReviewedCase{}, "ReviewedCalls": authority.ReviewedCalls{}, "ReviewedMatter": authority.ReviewedMatter{},
	"ReviewedCredential": authority.ReviewedCredential{}, "SignedReview": gate.Review{}, "DueReview": api.DueReview{},
	"NewAppeal": api.NewAppeal{}, "NewAppealAnswer": api.NewAppealAnswer{}, "NewPlan": api.NewPlan{}, "NewBar": api.NewBar{},
	"NewRemediation": api.NewRemediation{}, "Notice": api.Notice{}, "NewTelling": api.Telling{}, "Preview": api.Preview{}, "Delivery": gate.Delivery{}, "Receipt": gate.Receipt{}, "Telling": gate.Telling{}, "Person": api.Person{}, "NewPerson": api.NewPerson{},
	"PersonCertificate": api.PersonCertificate{}, "Proposal": api.Proposal{}, "Change": api.Change{}, "NewKey": api.NewKey{}, "PersonLink": api.PersonLink{}, "Myself": api.Myself{},
	"Behaviors": api.Behaviors{}, "Allowance": api.Allowance{}, "NewLowering": api.NewLowering{}, "CA": api.CA{},
	"CAProposal": gate.CAProposal{}, "NewRotation": api.NewRotation{}, "NewCARequest": api.NewCARequest{}, "NewCA": api.NewCA{}, "NewRetirement": api.NewRetirement{},
	"Secret": api.Secret{}, "SecretProposal": gate.SecretProposal{}, "SecretRotation": api.SecretRotation{}, "Pepper": authority.PepperUse{}, "NewSecretRotation": api.NewSecretRotation{},
	"CAAllowance": gate.Allowance{}, "NewCAAllowance": api.NewCAAllowance{}, "CAList": api.CAList{},
	"Explanation": api.Explanation{}, "Checked": api.Checked{}, "Call": api.Call{}, "Decision": api.Decision{},
	"Contact": gate.Contact{}, "Grant": gate.Grant{}, "Addresses": gate.Addresses{}, "Act": gate.Act{}, "Ending": gate.Ending{},
	"Revocation": gate.Revocation{}, "Agreement": gate.Agreement{}, "Profile": gate.Profile{}, "Attendee": gate.Attendee{},
	"Recording": gate.Recording{}, "Answer": gate.Answer{}, "NewAnswers": api.NewAnswers{}, "WrittenAnswers": gate.WrittenAnswers{}, "Transcript": gate.Transcript{}, "Interview": gate.Interview{}, "Plan": gate.Plan{}, "Moving": gate.Moving{}, "Meeting": gate.Meeting{},
	"Finding": api.Finding{}, "TakenAnswer": gate.FindingAnswer{}, "FindingAnswer": api.FindingAnswer{}, "NewFinding": gate.NewFinding{}, "Document": gate.Document{}, "Evidence": gate.Evidence{}, "Review": api.Review{}, "UndeliveredLink": api.UndeliveredLink{}, "Handing": gate.Handing{}, "HandedOver": api.HandedOver{}, "ChecklistItem": gate.ChecklistItem{}, "Compared": gate.Compared{}, "NewEvidence": api.NewEvidence{}, "NewRecording": api.NewRecording{},
	"Question": gate.Question{}, "QuestionList": api.QuestionList{}, "Subject": gate.Subject{}, "Lifting": gate.Lifting{}, "Actor": gate.Actor{}, "RecordChange": gate.Change{},
	"NewRenewal": api.NewRenewal{}, "NewAmendment": api.NewAmendment{}, "NewExtension": api.NewExtension{}, "Closing": api.Closing{},
	"Extra": gate.Extra{}, "NewExtra": api.NewExtra{}, "LimitList": api.LimitList{}, "LimitLeft": api.LimitLeft{},
	"NewChangeReport": api.NewChangeReport{}, "Judgment": api.Judgment{}, "NewProfile": api.NewProfile{}, "Joiner": api.Joiner{},
	"DryRun": api.DryRun{}, "AffectedDevice": api.AffectedDevice{}, "PlannedNotice": api.PlannedNotice{},
	"Outlook": api.Outlook{}, "CAOutlook": api.CAOutlook{}, "Obstacle": api.Obstacle{}, "Clock": gate.Clock{},
	"Renewal": gate.Renewal{}, "Terms": gate.Terms{}, "Amendment": gate.Amendment{}, "ExtensionProposal": gate.ExtensionProposal{},
	"Extension": gate.Extension{}, "Carrying": gate.Carrying{}, "Joining": gate.Joining{}, "ChangeReport": gate.ChangeReport{},
	"ProfileUpdate": gate.ProfileUpdate{}, "PassedRecertification": gate.Recertification{},
	"NewCustomer": api.NewCustomer{}, "CustomerOrganization": api.CustomerOrganization{}, "CustomerDevice": api.CustomerDevice{},
	"CustomerContract": api.CustomerContract{}, "CustomerCase": api.CustomerCase{}, "OldCase": api.OldCase{}, "OldCustomer": api.OldCustomer{},
	"NewImport": api.NewImport{}, "Onboarded": api.Onboarded{}, "Imported": api.Imported{}, "Fault": api.Fault{}, "Import": gate.Import{}, "PastApproval": gate.PastApproval{},
	"TakenOver": gate.TakenOver{}, "ImportContents": api.Import{}, "OldDevice": api.OldDevice{},
	"Event": gate.Event{}, "Behavior": gate.Behavior{}, "Lowering": gate.Lowering{}, "Host": gate.Host{},
	"Loss": api.Loss{}, "LostPart": gate.LostPart{}, "LossProposal": gate.LossProposal{},
	"Deletable": api.Deletable{}, "DeletablePage": api.Page[api.Deletable]{}, "Deletion": api.Deletion{}, "DeletionProposal": gate.DeletionProposal{},
	"NewContacts": api.NewContacts{}, "ContactProposal": gate.ContactProposal{}, "ContactCorrection": gate.ContactCorrection{},
	"Limit": gate.Limit{}, "UsageReport": api.UsageReport{}, "UsageRow": api.UsageRow{}, "UsageEnd": api.UsageEnd{}, "SeenRow": api.SeenRow{}, "Latency": api.Latency{}, "AuditKey": api.AuditKey{}, "Checkpoint": api.Checkpoint{}, "LogCheckpoint": audit.Checkpoint{}, "Inclusion": audit.Inclusion{},
	"EventProof": api.EventProof{}, "ConsistencyProof": api.ConsistencyProof{}, "NewVerification": api.NewVerification{},
	"Verification": api.Verification{}, "AuditReport": audit.Report{},
}

func TestEverySchemaHasTheFieldsOfItsType(t *testing.T) {
	doc := check[*openapi3.T](t)(description())
	for name, schema := range doc.Components.Schemas {
		if strings.HasSuffix(name, "Page") {
			continue
		}
		v, ok := wire[name]
		if !ok {
			t.Errorf("schema %s belongs to no type", name)
			continue
		}
		var described []string
		for property := range schema.Value.Properties {
			described = append(described, property)
		}
		fields := jsonNames(reflect.TypeOf(v))
		slices.Sort(fields)
		slices.Sort(described)
		if diff := cmp.Diff(fields, described); diff != "" {
			t.Errorf("%s (-type +schema):\n%s", name, diff)
		}
	}
}

func jsonNames(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			for _, name := range jsonNames(f.Type) {
				if !slices.Contains(names, name) { // a field of t itself stands before one of what it embeds
					names = append(names, name)
				}
			}
		case f.IsExported() && name != "-" && !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	return names
}

// conform checks an answer of the admin site against the description.
func conform(t testing.TB, method, path string, status int, body []byte) {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	schema := doc.Components.Schemas["Problem"].Value
	if status < 300 {
		if schema = answerSchema(doc, method, path, status); schema == nil {
			t.Errorf("%s %s answered %d, which is not described", method, path, status)
			return
		}
	}
	values := json.NewDecoder(bytes.NewReader(body)) // of an export each line is one
	for n := 0; ; n++ {
		var v any
		err := values.Decode(&v)
		if errors.Is(err, io.EOF) && n > 0 {
			return
		}
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
			return
		}
		if err := schema.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s %s is not as described: %v\n%s", method, path, err, body)
		}
	}
}

func answerSchema(doc *openapi3.T, method, path string, status int) *openapi3.Schema {
	for template, item := range doc.Paths.Map() {
		operation := item.GetOperation(method)
		if operation == nil || !fits(template, path) {
			continue
		}
		if r := operation.Responses.Value(strconv.Itoa(status)); r != nil {
			content := r.Value.Content["application/json"]
			if content == nil {
				content = r.Value.Content["application/x-ndjson"]
			}
			return content.Schema.Value
		}
	}
	return nil
}

// fits reports whether an escaped path is one of a template.
func fits(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") && g != "" })
}

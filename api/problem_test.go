package api_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// DESIGN's table, written once more by hand: a slip in one of the two shows.
func TestEveryReasonHasItsStatus(t *testing.T) {
	want := map[string]int{"invalid-request": 400, "key-required": 401, "invalid-token": 401, "unavailable": 503, "clock-unusable": 503, "state-unconfirmed": 503,
		"rate-exceeded": 429, "quota-exceeded": 429, "concurrency-exceeded": 429, "patients-exceeded": 429, "abnormal-usage-detected": 429, "source-exceeded": 429}
	for _, r := range gate.Reasons() {
		status, special := want[r.String()]
		switch {
		case r == gate.Allowed:
			status = 500 // no refusal: whoever asks has a mistake, which must not come out as success
		case !special:
			status = 403
		}
		if got := api.StatusOf(r); got != status {
			t.Errorf("%s: %d, want %d", r, got, status)
		}
	}
}

func TestEveryKindHasItsStatus(t *testing.T) {
	want := []int{500, 422, 404, 403, 409, 409, 412, 403, 503} // in the order of gate.Kinds
	for i, k := range gate.Kinds() {
		if got := api.StatusOfKind(k); got != want[i] {
			t.Errorf("%s: %d, want %d", k, got, want[i])
		}
	}
}

func TestEveryCodeHasAPageWithAllAnswers(t *testing.T) {
	want := make(map[string]bool)
	for _, r := range gate.Reasons() {
		want[r.String()] = r != gate.Allowed
	}
	for _, k := range gate.Kinds() {
		want[k.Error()] = true
	}
	delete(want, gate.Allowed.String())
	have := make(map[string]bool)
	for _, code := range api.Codes() {
		have[code] = true
		title, texts := api.PageOf(code)
		if title == "" || strings.HasSuffix(title, ".") {
			t.Errorf("%s has the title %q", code, title)
		}
		for i, text := range texts {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: answer %d is %q", code, i, text)
			}
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-codes +pages:\n%s", diff)
	}
}

func TestAForeignAnswerHasTheKindOfItsStatus(t *testing.T) {
	for status, kind := range map[int]gate.Kind{400: gate.Invalid, 403: gate.Forbidden, 404: gate.NotFound, 409: gate.Conflict, 412: gate.Stale,
		413: gate.Invalid, 422: gate.Invalid, 429: gate.Invalid, 500: gate.Internal, 501: gate.Internal, 502: gate.ShuttingDown, 503: gate.ShuttingDown, 504: gate.ShuttingDown} {
		if err := api.KindOfStatus(status); !errors.Is(err, kind) {
			t.Errorf("%d: %v, want %s", status, err, kind)
		}
	}
}

var keyRequest = gate.Decision{Reason: gate.KeyRequired}

func refuse(accept string, r api.Refusal) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	var values []string
	if accept != "" {
		values = []string{accept}
	}
	api.WriteRefusal(w, values, r)
	return w
}

func TestARefusalIsAProblem(t *testing.T) {
	w := refuse("", api.Refusal{
		Reason: gate.KeyRequired, Detail: api.DetailOf(&keyRequest, gate.PresentedKey{}, gate.Production), Instance: "req_0",
		TypeBase: "https://connect.example.com", Contact: authority.Contact{Email: "help@example.com", Phone: "+1 555 0100"},
	})
	want := `{"type":"https://connect.example.com/problems/key-required","title":"A key is required","status":401,` +
		`"detail":"The request brought no key; send it as Authorization: Bearer KEY. Ask help@example.com or +1 555 0100.",` +
		`"instance":"req_0","code":"key-required"}` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	headers := map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Request-Id": "req_0",
		"Www-Authenticate": "Bearer", "Connection": "", "Retry-After": ""}
	for name, value := range headers {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func TestARefusalIsAnOutcomeForFHIR(t *testing.T) {
	w := refuse("application/fhir+json", api.Refusal{Reason: gate.BehaviorNotGranted, Detail: "Not in your contract.", Instance: "req_0", TypeBase: "https://c.example"})
	want := `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","details":{"coding":[{"system":"https://c.example/problems",` +
		`"code":"behavior-not-granted"}],"text":"This call is not granted"},"diagnostics":"Not in your contract. Request req_0."}]}` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	if w.Code != 403 || w.Header().Get("Content-Type") != "application/fhir+json" || w.Header().Get("X-Request-Id") != "req_0" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestEachReasonHasTheHeadersItNeeds(t *testing.T) {
	for _, r := range gate.Reasons() {
		if r == gate.Allowed {
			continue
		}
		w := refuse("", api.Refusal{Reason: r, Instance: "req_0"})
		challenge := map[gate.Reason]string{gate.KeyRequired: "Bearer", gate.InvalidToken: `Bearer error="invalid_token"`}[r]
		if got := w.Header().Get("Www-Authenticate"); got != challenge {
			t.Errorf("%s: WWW-Authenticate %q", r, got)
		}
		if closes := w.Header().Get("Connection") == "close"; closes != r.AboutCertificate() {
			t.Errorf("%s: closes %t", r, closes)
		}
		if waits := w.Header().Get("Retry-After") != ""; waits != (w.Code == 503 || w.Code == 429) {
			t.Errorf("%s: Retry-After %q", r, w.Header().Get("Retry-After"))
		}
		if !strings.Contains(w.Body.String(), `"type":"/problems/`+r.String()+`"`) {
			t.Errorf("%s: %s", r, w.Body)
		}
	}
}

// Whatever the store holds, every well-formed key of this environment gets one text.
func TestTheTextAboutAKeyDependsOnTheKeyAlone(t *testing.T) {
	key := func(e gate.Environment) gate.PresentedKey {
		return gate.PresentedKey{Shape: gate.WellFormed, Environment: e}
	}
	text := func(d gate.Decision, k gate.PresentedKey) string {
		d.Reason = gate.InvalidToken
		return api.DetailOf(&d, k, gate.Production)
	}
	same := text(gate.Decision{}, key(gate.Production))
	for _, d := range []gate.Decision{{Scope: gate.KeySubject}, {Contract: &gate.Contract{}}, {Path: "/x"}} {
		if got := text(d, key(gate.Production)); got != same {
			t.Errorf("%q differs from %q", got, same)
		}
	}
	texts := map[string]bool{same: true}
	for _, k := range []gate.PresentedKey{{Shape: gate.Malformed}, {Shape: gate.BadChecksum}, key(gate.Sandbox), key(gate.Preprod)} {
		texts[text(gate.Decision{}, k)] = true
	}
	if len(texts) != 5 {
		t.Errorf("%d different texts: %v", len(texts), texts)
	}
}

func TestASuspensionNamesWhatIsSuspendedAndUntilWhen(t *testing.T) {
	until := gateEpoch
	rows := []struct {
		d    gate.Decision
		want string
	}{
		{gate.Decision{Reason: gate.AccountSuspended, Scope: gate.OrganizationSubject, Until: until}, "This organization is suspended until 2027-03-01T15:00:00Z."},
		{gate.Decision{Reason: gate.AccountSuspended, Scope: gate.KeySubject}, "This key is suspended until it is lifted."},
		{gate.Decision{Reason: gate.AccountTerminated, Scope: gate.AccountSubject}, "This account is terminated for good."},
		{gate.Decision{}, "The request could not be decided now; nothing was passed on."},
	}
	for _, row := range rows {
		if got := api.DetailOf(&row.d, gate.PresentedKey{}, gate.Production); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}

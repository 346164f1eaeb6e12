package caddymodule_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// limitScenes are of customers who have used everything up.
func (w *world) limitScenes(all map[gate.Reason]scene) {
	for reason, limit := range map[gate.Reason]string{gate.RateExceeded: "rate 1/86400s", gate.QuotaExceeded: "day 1", gate.PatientsExceeded: "patients-day 1"} {
		account, _, c := w.certified(reason.String())
		w.limit(account, limit)
		if resp, body := w.get(w.client("h2", &c.tls), "api.test", "/fhir/Patient/first", c.Key); resp.StatusCode != http.StatusOK {
			w.t.Fatalf("the first call: %d %s", resp.StatusCode, body)
		}
		all[reason] = scene{status: http.StatusTooManyRequests, key: c.Key, crt: &c.tls}
	}
}

// throttledScene is of a customer that was throttled.
func (w *world) throttledScene(all map[gate.Reason]scene) {
	account, _, c := w.certified("throttled")
	w.throttle(account, "rate 1/86400s")
	if resp, body := w.get(w.client("h2", &c.tls), "api.test", "/fhir/Patient/1", c.Key); resp.StatusCode != http.StatusOK {
		w.t.Fatalf("the first call: %d %s", resp.StatusCode, body)
	}
	all[gate.AbnormalUsage] = scene{status: http.StatusTooManyRequests, key: c.Key, crt: &c.tls}
}

func (w *world) throttle(account *gate.Account, limit string) *gate.Remediation {
	w.t.Helper()
	l, err := gate.ParseLimit(limit)
	must(w.t, err)
	r, err := w.authority().Impose(w.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(account.ID)},
		Measure: gate.Throttle, Limit: &l, Why: "scraping"})
	must(w.t, err)
	return r
}

func TestAThrottleTakesEffectOnTheNextRequestAndEndsWhenItIsLifted(t *testing.T) {
	w := newWorld(t)
	account, _, c := w.certified("acme")
	client := w.client("h2", &c.tls)
	call := func() (int, string) {
		resp, body := w.get(client, "api.test", "/fhir/Patient/1", c.Key)
		return resp.StatusCode, resp.Header.Get("RateLimit-Policy") + body
	}
	if status, said := call(); status != http.StatusOK || strings.Contains(said, "q=") {
		t.Fatalf("before: %d %s", status, said)
	}
	r := w.throttle(account, "day 2")
	var got []int
	for range 3 {
		status, _ := call()
		got = append(got, status)
	}
	if diff := cmp.Diff([]int{200, 200, 429}, got); diff != "" {
		t.Error(diff)
	}
	if _, said := call(); !strings.Contains(said, `"throttle";q=2`) || !strings.Contains(said, "abnormal-usage-detected") || !strings.Contains(said, `"violated-policies":["throttle"]`) {
		t.Errorf("it says %s", said)
	}
	w.limit(account, "day 5 per device")
	for range 2 { // asking is free
		if _, body := w.get(client, "api.test", "/.well-known/certgate/status", c.Key); !strings.Contains(body, `"limits":[{"name":"day/device","kind":"day","per":"device","amount":5,"left":5,"more_in":`) {
			t.Errorf("its own status says %s", body)
		}
	}
	if _, body := w.get(client, "api.test", "/.well-known/certgate/status", c.Key); !strings.Contains(body, `"state":"throttled","reason":"scraping"`) {
		t.Errorf("its own status says %s", body)
	}
	_, err := w.authority().Lift(w.ben, r.ID, "a mistake")
	must(t, err)
	if status, said := call(); status != http.StatusOK {
		t.Errorf("after: %d %s", status, said)
	}
}

// limit amends the account's contract: from now on these are all limits.
func (w *world) limit(account *gate.Account, limits ...string) {
	w.t.Helper()
	plan := gate.Limits{}
	for _, text := range limits {
		l, err := gate.ParseLimit(text)
		must(w.t, err)
		plan = append(plan, l)
	}
	a := w.authority()
	_, err := a.Amend(w.ben, a.Directory().Contracts(account.ID)[0].ID, gate.Terms{Plan: plan}, "a plan of its own")
	must(w.t, err)
}

func TestTheAnswerSaysWhatIsLimitedAndWhatIsLeft(t *testing.T) {
	w := newWorld(t)
	account, _, c := w.certified("acme")
	w.limit(account, "day 2", "concurrency 5")
	client := w.client("h2", &c.tls)
	headers := func(r *http.Response) map[string]string {
		got := map[string]string{}
		for _, name := range []string{"RateLimit-Policy", "RateLimit", "Retry-After"} {
			got[name] = cutTimes(r.Header.Get(name))
		}
		return got
	}
	policy := `"day";q=2;w=86400;certgate-unit="cost", "concurrency";q=5;qu="concurrent-requests"`

	resp, _ := w.get(client, "api.test", "/fhir/Patient/1", c.Key)
	want := map[string]string{"RateLimit-Policy": policy, "RateLimit": `"day";r=1;t=N, "concurrency";r=4`, "Retry-After": ""}
	if diff := cmp.Diff(want, headers(resp)); resp.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("%d\n%s", resp.StatusCode, diff)
	}
	w.get(client, "api.test", "/fhir/Patient/1", c.Key)
	before := w.upstream.hits.Load()
	resp, body := w.get(client, "api.test", "/fhir/Patient/1", c.Key)
	want = map[string]string{"RateLimit-Policy": policy, "RateLimit": `"day";r=0;t=N, "concurrency";r=5`, "Retry-After": "N"}
	if diff := cmp.Diff(want, headers(resp)); resp.StatusCode != http.StatusTooManyRequests || diff != "" || w.upstream.hits.Load() != before {
		t.Errorf("%d\n%s", resp.StatusCode, diff)
	}
	var p api.Problem
	must(t, json.Unmarshal([]byte(body), &p))
	if p.Code != "quota-exceeded" || !cmp.Equal(p.Violated, []string{"day"}) {
		t.Errorf("%+v", p)
	}
}

// cutTimes takes out how long until midnight.
func cutTimes(value string) string {
	if _, err := strconv.Atoi(value); err == nil {
		return "N"
	}
	head, rest, found := strings.Cut(value, ";t=")
	if !found {
		return value
	}
	return head + ";t=N" + strings.TrimLeft(rest, "0123456789")
}

// What others do with half of a customer's credential, or without any, is not on its account.
func TestRefusedCallsSpendNothing(t *testing.T) {
	w := newWorld(t)
	account, _, acme := w.certified("acme")
	_, _, other := w.certified("other")
	w.limit(account, "day 1")
	for name, call := range map[string]func() *http.Response{
		"its key under another certificate": func() *http.Response {
			r, _ := w.get(w.client("h2", &other.tls), "api.test", "/fhir/Patient/1", acme.Key)
			return r
		},
		"its certificate with another key": func() *http.Response {
			r, _ := w.get(w.client("h2", &acme.tls), "api.test", "/fhir/Patient/1", other.Key)
			return r
		},
		"what it may not call": func() *http.Response {
			r, _ := w.get(w.client("h2", &acme.tls), "api.test", "/secret/1", acme.Key)
			return r
		},
		"its own status": func() *http.Response {
			r, _ := w.get(w.client("h2", &acme.tls), "api.test", "/.well-known/certgate/status", acme.Key)
			return r
		},
	} {
		for range 5 {
			if resp := call(); resp.StatusCode == http.StatusTooManyRequests {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
	}
	if resp, body := w.get(w.client("h2", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("the first call of its own: %d %s", resp.StatusCode, body)
	}
}

func TestACallHoldsItsPlaceUntilItHasEnded(t *testing.T) {
	w := foundWorld(t)
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	t.Cleanup(slow.Close)
	end := sync.OnceFunc(func() { close(release) })
	t.Cleanup(end) // before the server closes, which waits for its calls
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production", "reverse_proxy "+slow.Listener.Addr().String()))
	account, _, c := w.certified("acme")
	w.limit(account, "concurrency 1")
	client := w.client("h2", &c.tls)
	running := make(chan *http.Response, 1)
	go func() {
		resp, _ := w.get(client, "api.test", "/fhir/Patient/1", c.Key)
		running <- resp
	}()
	soon := time.After(30 * time.Second)
	select {
	case <-arrived:
	case <-soon:
		t.Fatal("the first call did not reach the upstream within 30 seconds")
	}
	resp, body := w.get(client, "api.test", "/fhir/Patient/2", c.Key)
	if resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(body, "concurrency-exceeded") || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("beside a call that runs: %d %s", resp.StatusCode, body)
	}
	end()
	select {
	case resp := <-running:
		if resp.StatusCode != http.StatusOK {
			t.Errorf("the call that ran: %d", resp.StatusCode)
		}
	case <-soon:
		t.Fatal("the call that ran has not ended within 30 seconds")
	}
	if resp, body := w.get(client, "api.test", "/fhir/Patient/3", c.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("after it: %d %s", resp.StatusCode, body)
	}
}

func TestOnlyFurtherPatientsAreTooMany(t *testing.T) {
	w := newWorld(t)
	account, _, c := w.certified("acme")
	w.limit(account, "patients-hour 2")
	client := w.client("h2", &c.tls)
	for _, row := range []struct {
		path string
		want int
	}{
		{"/fhir/Patient/1", 200}, {"/fhir/Observation?patient=Patient/2", 200}, {"/fhir/Patient/3", 429}, {"/fhir/Observation?subject=1,2,3", 429},
		{"/fhir/Patient/2/$everything", 200}, {"/fhir/Observation?code=7", 200}, {"/fhir/Observation?subject=1,2", 200},
	} {
		if resp, body := w.get(client, "api.test", row.path, c.Key); resp.StatusCode != row.want {
			t.Errorf("%s: %d, want %d: %s", row.path, resp.StatusCode, row.want, body)
		}
	}
}

func TestPreprodHasThePlanOfTheConfiguration(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global("plan preprod day 2 per device") + w.site("preprod.test", requestMode, "certgate preprod", w.proxy()))
	_, device := w.customer("acme", gate.Preprod)
	c := w.enroll(device, "")
	client := w.client("h2", &c.tls)
	var got []int
	for range 3 {
		resp, _ := w.get(client, "preprod.test", "/fhir/Patient/1", c.Key, func(r *http.Request) { r.Header.Set("Purpose-Of-Use", "TREAT") })
		got = append(got, resp.StatusCode)
	}
	if diff := cmp.Diff([]int{200, 200, 429}, got); diff != "" {
		t.Error(diff)
	}
}

// Whoever guesses keys is told to wait, and learns no more from that than from a 401; who calls from the same place in order is let through.
func TestAPlaceThatSendsWhatIsRefusedMustWait(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global("source_limit rate 1/3600s burst 6") + w.site("api.test", requestMode, "certgate production", w.proxy()))
	_, _, acme := w.certified("acme")
	_, _, other := w.certified("other")
	unknown, _, err := gate.NewKey(gate.Production, rand.Reader)
	must(t, err)
	client := w.client("h2", &acme.tls)
	var got []int
	for _, key := range []string{"", "", unknown, other.Key, unknown, other.Key, unknown, other.Key, ""} {
		resp, body := w.get(client, "api.test", "/fhir/Patient/1", key)
		got = append(got, resp.StatusCode)
		if resp.StatusCode == http.StatusTooManyRequests && (!strings.Contains(body, "source-exceeded") || resp.Header.Get("Retry-After") == "" || resp.Header.Get("RateLimit") != "") {
			t.Errorf("%v %s", resp.Header, body)
		}
	}
	if diff := cmp.Diff([]int{401, 401, 401, 401, 401, 401, 429, 429, 429}, got); diff != "" {
		t.Error(diff)
	}
	for who, c := range map[string]*credential{"the owner of that certificate": acme, "somebody at the same address": other} {
		if resp, body := w.get(w.client("h2", &c.tls), "api.test", "/fhir/Patient/1", c.Key); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", who, resp.StatusCode, body)
		}
	}
	if resp, _ := w.get(w.client("h1", nil), "api.test", "/fhir/Patient/1", ""); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("without a certificate, from the same address: %d", resp.StatusCode)
	}
	// What was refused is remembered for what it was.
	for _, d := range w.authority().Decisions().List(authority.DecisionFilter{}, 100) {
		if d.Reason == gate.SourceExceeded {
			t.Errorf("%s is remembered as one too many", d.ID)
		}
	}
}

func TestAnOperatorMaySwitchTheLimitHeadersOff(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global("ratelimit_headers off") + w.site("api.test", requestMode, "certgate production", w.proxy()))
	account, _, c := w.certified("acme")
	w.limit(account, "day 1")
	client := w.client("h2", &c.tls)
	for _, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		resp, body := w.get(client, "api.test", "/fhir/Patient/1", c.Key)
		if resp.StatusCode != want || resp.Header.Get("RateLimit") != "" || resp.Header.Get("RateLimit-Policy") != "" {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
		if limited := want == http.StatusTooManyRequests; limited && (resp.Header.Get("Retry-After") == "" || !strings.Contains(body, `"violated-policies":["day"]`)) {
			t.Errorf("%v %s", resp.Header, body)
		}
	}
}

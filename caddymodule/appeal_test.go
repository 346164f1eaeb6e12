package caddymodule_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// incident is one for which the account is suspended, so that it is told of it; without suspend nobody told it.
func (w *world) incident(account *gate.Account, suspend bool) *gate.Incident {
	w.t.Helper()
	subject := gate.Subject{Kind: gate.AccountSubject, ID: string(account.ID)}
	i, err := w.authority().OpenIncident(w.ben, authority.NewIncident{Subject: subject, Origin: gate.IncidentReported, Why: "a secret of staff"})
	must(w.t, err)
	if suspend {
		_, err = w.authority().Impose(w.ben, authority.Imposition{Subject: subject, Measure: gate.Suspend, Why: "abuse", Incident: i.ID})
		must(w.t, err)
	}
	return i
}

// appeal sends what a customer sends with curl.
func (w *world) appeal(crt *tls.Certificate, key, body string) (*http.Response, string) {
	w.t.Helper()
	return w.get(w.client("h1", crt), "api.test", api.AppealPath, key, func(r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
}

func appealing(id gate.IncidentID, text string) string {
	return `{"incident": "` + string(id) + `", "text": "` + text + `"}`
}

func TestASuspendedCustomerAppealsAndSeesThatItWaits(t *testing.T) {
	w := newWorld(t)
	account, _, c := w.certified("acme")
	i := w.incident(account, true)
	own := func() (s api.OwnStatus) {
		t.Helper()
		resp, body := w.get(w.client("h1", &c.tls), "api.test", "/.well-known/certgate/status", c.Key)
		if resp.StatusCode != http.StatusOK || strings.Contains(body, "a secret of staff") || strings.Contains(body, "stf_") {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		must(t, json.Unmarshal([]byte(body), &s))
		return s
	}
	stands := func(state string, how bool) {
		t.Helper()
		if s := own(); len(s.Incidents) != 1 || s.Incidents[0].Incident != i.ID || s.Incidents[0].State != state || strings.Contains(s.Incidents[0].Appeal, api.AppealPath) != how {
			t.Errorf("%+v, want %s", s.Incidents, state)
		}
	}
	stands("open", true)
	if s := own(); len(s.Imposed) != 1 || s.Imposed[0].Incident != i.ID || s.Imposed[0].Measure != gate.Suspend {
		t.Errorf("imposed: %+v", s.Imposed)
	}
	resp, body := w.appeal(&c.tls, c.Key, appealing(i.ID, "It was a migration."))
	if resp.StatusCode != http.StatusCreated || body != `{"incident":"`+string(i.ID)+`","state":"appealed"}`+"\n" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	stands("appealed", false)
	if resp, body = w.appeal(&c.tls, c.Key, appealing(i.ID, "Once more.")); resp.StatusCode != http.StatusConflict {
		t.Errorf("a second one while the first waits: %d %s", resp.StatusCode, body)
	}
	_, err := w.authority().AnswerAppeal(w.cho, i.ID, authority.AppealAnswer{Why: "the log shows otherwise"})
	must(t, err)
	stands("refused", true)
	if resp, body = w.get(w.client("h1", &c.tls), "api.test", api.AppealPath, c.Key); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %s", resp.StatusCode, body)
	}
	if w.upstream.hits.Load() != 0 {
		t.Error("an appeal came to the upstream")
	}
}

func TestAStrangerWithHalfACredentialDoesNotAppeal(t *testing.T) {
	w := newWorld(t)
	account, _, acme := w.certified("acme")
	_, _, other := w.certified("other")
	i := w.incident(account, true)
	for name, row := range map[string]struct {
		crt *tls.Certificate
		key string
	}{
		"no key": {&acme.tls, ""}, "no certificate": {nil, acme.Key},
		"another's certificate": {&other.tls, acme.Key}, "another's key": {&acme.tls, other.Key}, "a foreign certificate": {foreign(t), acme.Key},
	} {
		resp, body := w.appeal(row.crt, row.key, appealing(i.ID, "It was not us."))
		if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden || strings.Contains(body, string(i.ID)) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	if now := w.authority().Directory().Incident(i.ID); len(now.Appeals) != 0 {
		t.Errorf("taken: %+v", now.Appeals)
	}
}

func TestAnIncidentThatACustomerWasNotToldOfIsAsOneThatThereIsNot(t *testing.T) {
	w := newWorld(t)
	account, _, c := w.certified("acme")
	theirs, _, _ := w.certified("other")
	unknown := gate.IncidentID(gate.FormatID(gate.IncidentPrefix, [16]byte{1}))
	answers := make(map[string]bool)
	for name, id := range map[string]gate.IncidentID{"unknown": unknown, "another's": w.incident(theirs, true).ID, "not told": w.incident(account, false).ID} {
		resp, body := w.appeal(&c.tls, c.Key, appealing(id, "It was not us."))
		if resp.StatusCode != http.StatusNotFound || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
		var p api.Problem
		must(t, json.Unmarshal([]byte(body), &p))
		body = strings.ReplaceAll(strings.ReplaceAll(body, string(id), "ID"), p.Instance, "INSTANCE")
		answers[body] = true
	}
	if len(answers) != 1 {
		t.Errorf("they can be told apart: %v", answers)
	}
	if _, body := w.get(w.client("h1", &c.tls), "api.test", "/.well-known/certgate/status", c.Key); strings.Contains(body, "inc_") {
		t.Errorf("status names what nobody told: %s", body)
	}
}

func TestAnAppealThatCannotBeReadIsRefusedByField(t *testing.T) {
	w := newWorld(t)
	account, _, c := w.certified("acme")
	i := w.incident(account, true)
	for name, row := range map[string]struct {
		body   string
		status []int
		field  string
	}{
		"too large":           {appealing(i.ID, strings.Repeat("x", 40<<10)), []int{413}, ""},
		"too long a text":     {appealing(i.ID, strings.Repeat("x", 4001)), []int{400, 422}, "text"},
		"no JSON":             {"incident=" + string(i.ID), []int{400}, ""},
		"nothing":             {"", []int{400}, ""},
		"another field":       {`{"incident": "` + string(i.ID) + `", "text": "x", "granted": true}`, []int{400}, "granted"},
		"a key as a text":     {appealing(i.ID, "ours is "+c.Key), []int{400, 422}, "text"},
		"a key as incident":   {appealing(gate.IncidentID(c.Key), "x"), []int{400, 422}, "incident"},
		"no incident":         {`{"text": "x"}`, []int{400, 422}, "incident"},
		"no text":             {`{"incident": "` + string(i.ID) + `"}`, []int{400, 422}, "text"},
		"a text of two lines": {appealing(i.ID, `one\ntwo`), []int{400, 422}, "text"},
	} {
		resp, body := w.appeal(&c.tls, c.Key, row.body)
		var p api.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || !slices.Contains(row.status, resp.StatusCode) || p.Field != row.field || strings.Contains(body, c.Key) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	if now := w.authority().Directory().Incident(i.ID); len(now.Appeals) != 0 {
		t.Errorf("taken: %+v", now.Appeals)
	}
}

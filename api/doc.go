// Package api is how people and programs speak to certgate over HTTP: staff to the admin site, customers and everybody to the public
// one, and operators' commands through the [Client]. Handlers here translate and decide nothing; what may be done, and whether, is
// said by package authority.
//
// Four sites, each one http.Handler that knows nothing of Caddy: [Staff] (the admin API under /v1), [Public] (enrollment and the pages
// about problems), [PKI] (revocation lists and CA certificates) and [Health]. A gate that refuses a customer's request answers with
// [WriteRefusal], so that an error looks the same wherever it comes from: problem+json (RFC 9457), with a code that never changes.
//
// The admin API is one table of routes (routes.go) over one generic handler (write.go). For every change the handler does the same
// things in the same order: who is it, did the browser of another site send it, is it JSON that we understand to the last field, was
// it carried out before (Idempotency-Key), is the record still what the caller saw (If-Match); then one method of the authority is
// called, and the record that it changed is read again and shown. A repeated request is answered from the same record, so the answer is
// the same but for secrets, which are shown once and stored nowhere.
//
// Reading order: problem.go, refusal.go, staff.go, write.go, routes.go, then one file for each noun (account.go, certification.go,
// credential.go, ...), public.go, client.go.
package api

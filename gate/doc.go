// Package gate is the core of certgate: the nouns, their states, and the decision.
//
// A customer may call production only while everything that OneRecord's staff have established about it holds: a certificate and
// a production key that belong together, no remediation in force, a contract, a certification that covers the calling device, and
// a grant for what is being called. This package says what each of those words means and combines them in one function:
//
//	Decide(request, caller, now) Decision
//
// Reading order: decide.go (the product) and checks.go (what it asks), reason.go (every answer it can give), request.go and
// caller.go (what it looks at), then one file per noun: account.go, contract.go, certification.go, key.go, certificate.go,
// remediation.go, incident.go, ruling.go, review.go, staff.go, event.go.
//
// Four rules hold everywhere here:
//
//   - Facts are stored, states are derived. A record says when a key was revoked; whether it is usable now is a method of now,
//     written once. No timer ever changes a record.
//   - A transition takes a value and returns a new value or an error. Nothing is changed and then undone.
//   - A refusal is a value with a [Reason]; an error means that we could not answer. The zero [Decision] denies.
//   - Nothing here does I/O, reads a clock or draws randomness: now, ids and secrets are arguments. Only the standard library is
//     imported, so the whole of it can be read and tested by itself.
package gate

// Package cli is the operator's command line, once for `certgate ...` and once for `caddy certgate ...`.
//
// Nearly every command is one request to the admin API, and says so: it turns arguments into the request's body, sends it, and shows
// the answer, as a table for people or with --json as the API gave it. What is right and wrong is the server's to say; a command
// checks only what the server cannot see, such as a file that is missing. So a command is a few lines over three verbs (request.go):
// list, show and send. What every command gets from there: profiles and flags that say which server and who asks (profile.go),
// --dry-run, by which the server says what would happen, on everything that changes something, an idempotency key so that a repeated write is carried out once, a hint what to do
// next on standard error, and an exit code that scripts can rely on (exit.go).
//
// Four commands are more than that. `init` makes a data directory, on the machine itself and with no server running. `enroll` is the
// customer's side: it makes a key pair, redeems a link over the public API and never sends the private key anywhere. `device key`
// prints a secret, alone, on standard output. And `demo` (demo.go and the files beside it) runs all of certgate in this process and
// takes a customer from nothing to its first call.
//
// Secrets come from files or standard input, never from an argument, which other users of the machine could read.
package cli

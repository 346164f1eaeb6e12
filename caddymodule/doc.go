// Package caddymodule holds certgate's doors into Caddy. Each translates between Caddy and the authority and decides nothing.
//
//   - [App] ("certgate"): one configuration; opens the data directory and keeps it open across reloads.
//   - [Handler] ("http.handlers.certgate"): the gate on a site's requests.
//   - [AdminHandler], [PublicHandler], [PKIHandler], [HealthHandler]: the staff API, the customers' pages, revocation lists, probes.
//   - [TrustPool] ("tls.ca_pool.source.certgate") and [Verifier] ("tls.client_auth.verifier.certgate"): the handshake.
//   - a Prometheus collector, and the commands `caddy certgate ...`.
//
// What binds them: Caddy starts a new configuration before it stops the old one, in no order that one app could rely on, and
// requests outlive the configuration they began under. So the open data directory lives in a usage pool, is acquired once for each
// configuration and released only if it was acquired; nothing that a request uses is taken away in Stop or Cleanup; and everything
// that the handshake established is judged again on every request.
package caddymodule

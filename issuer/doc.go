// Package issuer is the certificate authority: it makes and imports CAs, issues
// client certificates, signs revocation lists and finds the chain of a
// certificate that a client presents.
//
// The shape follows from four decisions.
//
//   - The customer contributes a public key and nothing else. [ParseCSR] checks
//     proof of possession and returns an [ApplicantKey], which has no room for a
//     name, a usage or an extension. What a certificate says comes from a
//     [LeafRequest], which the caller fills from its own records.
//   - Nothing is signed that was not checked first. [CA.Prepare] builds the exact
//     bytes to be signed, checks them rule by rule and returns a [Draft];
//     [CA.Issue] accepts only a Draft, signs it once and compares what came out
//     with what was checked. There is no other way to a leaf.
//   - Profiles are code. Two kinds of leaf exist, [DeviceProfile] and
//     [StaffProfile]; there are no templates that a configuration could bend.
//   - Trust begins at an issuing CA, never at a root: [Anchors] refuses
//     self-signed certificates and never falls back to the system's roots. A
//     client that sends its leaf alone is verified with one signature, and a
//     sibling CA under the same root is a stranger.
//
// Customers and staff have unrelated roots (see gate.Audience). A root signs
// issuing CAs and is then put away; an issuing CA signs leaves and CRLs.
//
// The package holds no state, reads no clock and draws no randomness of its own:
// now and rand are arguments. Where keys and certificates lie, which serial was
// revoked and when a CRL is due are for its callers to know.
package issuer

package gate_test

import (
	"net/netip"
	"strings"
	"time"

	"github.com/onerecord/certgate/gate"
)

// fault is one thing wrong with a request or with what is known of its caller, and the answer that it gets by environment: allowed where
// the environment does not ask.
type fault struct {
	name                         string
	edit                         func(s *scene)
	sandbox, preprod, production gate.Reason
}

func (f *fault) want(e gate.Environment) gate.Reason {
	return [...]gate.Reason{gate.Sandbox: f.sandbox, gate.Preprod: f.preprod, gate.Production: f.production}[e]
}

func everywhere(name string, want gate.Reason, edit func(s *scene)) fault {
	return fault{name, edit, want, want, want}
}

// withCertificate are faults that an environment without certificates passes over.
func withCertificate(name string, want gate.Reason, edit func(s *scene)) fault {
	return fault{name, edit, gate.Allowed, want, want}
}

// inProduction are faults of contract and certification, for which nobody asks outside production.
func inProduction(name string, want gate.Reason, edit func(s *scene)) fault {
	return fault{name, edit, gate.Allowed, gate.Allowed, want}
}

var environments = []gate.Environment{gate.Sandbox, gate.Preprod, gate.Production}

// faults breaks every fact that a decision stands on, one at a time, in the order of the checks.
func faults() []fault {
	return concat(siteFaults(), certificateFaults(), formFaults(), keyFaults(), remediationFaults(), termFaults(), callFaults())
}

func concat(lists ...[]fault) (all []fault) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func siteFaults() []fault {
	return []fault{
		everywhere("no site", gate.Unavailable, func(s *scene) { s.r.Site = nil }),
		everywhere("a site without environment", gate.Unavailable, func(s *scene) { s.r.Site.Environment = gate.NoEnvironment }),
		everywhere("a site of an environment from below", gate.Unavailable, func(s *scene) { s.r.Site.Environment = -1 }),
		everywhere("a site of an environment from above", gate.Unavailable, func(s *scene) { s.r.Site.Environment = gate.Production + 1 }),
		everywhere("no TLS", gate.CertificateRequired, func(s *scene) { s.r.TLS = false }),
		{"a host that was production", func(s *scene) { s.c.Host.Strictest = gate.Production },
			gate.StateUnconfirmed, gate.StateUnconfirmed, gate.Allowed},
	}
}

func certificateFaults() []fault {
	return []fault{
		withCertificate("no certificate", gate.CertificateRequired, func(s *scene) { s.r.Leaf = nil }),
		withCertificate("no chain", gate.CertificateUntrusted, func(s *scene) { s.r.Leaf.Anchor = gate.Fingerprint{} }),
		withCertificate("no chain and an issuer without fingerprint", gate.CertificateUntrusted, func(s *scene) {
			s.r.Leaf.Anchor, s.c.Issuer.Fingerprint = gate.Fingerprint{}, gate.Fingerprint{}
		}),
		withCertificate("an issuer that is not ours", gate.CertificateUntrusted, func(s *scene) { s.c.Issuer = nil }),
		withCertificate("another issuer than the chain's", gate.CertificateUntrusted, func(s *scene) { s.c.Issuer.Fingerprint = fingerprint("x") }),
		withCertificate("the staff's issuer", gate.CertificateUntrusted, func(s *scene) { s.c.Issuer.Audience = gate.Operators }),
		withCertificate("an issuer for nobody", gate.CertificateUntrusted, func(s *scene) { s.c.Issuer.Audience = "" }),
		withCertificate("a retired issuer", gate.CertificateUntrusted, func(s *scene) { s.c.Issuer.Retired = &gate.Ending{At: noon} }),
		withCertificate("an issuer past its end", gate.CertificateUntrusted, func(s *scene) { s.c.Issuer.NotAfter = noon.Add(-time.Nanosecond) }),
		withCertificate("an issuer before its start", gate.CertificateUntrusted, func(s *scene) { s.c.Issuer.NotBefore = noon.Add(time.Nanosecond) }),
		withCertificate("a leaf before its start", gate.CertificateNotYetValid, func(s *scene) { s.r.Leaf.NotBefore = noon.Add(time.Nanosecond) }),
		withCertificate("a leaf past its end", gate.CertificateExpired, func(s *scene) { s.r.Leaf.NotAfter = noon.Add(-time.Nanosecond) }),
		withCertificate("a leaf that is a CA", gate.CertificateUnsuitable, func(s *scene) { s.r.Leaf.CA = true }),
		withCertificate("a leaf not for clients", gate.CertificateUnsuitable, func(s *scene) { s.r.Leaf.ClientAuth = false }),
		withCertificate("an unknown leaf", gate.CertificateUnknown, func(s *scene) { s.c.Certificate = nil }),
		withCertificate("a record of another leaf", gate.CertificateUnknown, func(s *scene) { s.c.Certificate.Fingerprint = fingerprint("x") }),
		withCertificate("a certificate of another environment", gate.CertificateUnknown, func(s *scene) {
			s.c.Certificate.Environment = other(s.r.Site.Environment)
		}),
		withCertificate("a revoked certificate", gate.CertificateRevoked, func(s *scene) { s.c.Certificate.Revoked = revokedAt(noon) }),
		withCertificate("a certificate revoked after now", gate.CertificateRevoked, func(s *scene) {
			s.c.Certificate.Revoked = revokedAt(noon.Add(time.Hour)) // the clock was set back
		}),
		withCertificate("a list of the customer's CA that was never read", gate.CertificateUnchecked, func(s *scene) { s.brought(25*time.Hour, nil) }),
		withCertificate("a list that ran out longer ago than the grace", gate.CertificateUnchecked, func(s *scene) {
			s.brought(50*time.Hour, &gate.RevocationList{ThisUpdate: noon.Add(-49 * time.Hour), NextUpdate: noon.Add(-24 * time.Hour)})
		}),
		withCertificate("a list of another URL", gate.CertificateUnchecked, func(s *scene) {
			s.brought(50*time.Hour, &gate.RevocationList{ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(time.Hour)})
			s.c.List.URL = "http://elsewhere.example/a.crl"
		}),
	}
}

// brought makes the certificate one of the customer's own CA, which was allowed so long ago, with the list that was read of it.
func (s *scene) brought(ago time.Duration, list *gate.RevocationList) {
	s.c.Certificate.Brought = true
	s.c.Certificate.Issuer = s.c.Issuer.Fingerprint
	s.c.Issuer.Imported = &gate.TakenOver{Confirmed: &gate.Act{At: noon.Add(-ago)}}
	s.c.Issuer.Allowance = &gate.Allowance{CRL: "http://pki.example/a.crl", GraceHours: 24, Confirmed: gate.Act{At: noon.Add(-ago)}}
	if s.c.List = list; list != nil {
		list.URL = "http://pki.example/a.crl"
	}
}

func formFaults() []fault {
	return []fault{
		everywhere("an ambiguous path", gate.InvalidRequest, func(s *scene) { s.r.Path = "/fhir/../fhir/Patient/1" }),
		everywhere("no path", gate.InvalidRequest, func(s *scene) { s.r.Path = "" }),
		everywhere("a path of another case", gate.InvalidRequest, func(s *scene) { s.r.Path = "/FHIR/Patient/1" }),
		everywhere("no method", gate.InvalidRequest, func(s *scene) { s.r.Method = "" }),
		everywhere("a method in lower case", gate.InvalidRequest, func(s *scene) { s.r.Method = "get" }),
		everywhere("two purposes", gate.InvalidRequest, func(s *scene) { s.r.Purpose = []string{"TREAT", "TREAT"} }),
		everywhere("two purposes in one field", gate.InvalidRequest, func(s *scene) { s.r.Purpose = []string{"TREAT, HPAYMT"} }),
		everywhere("two keys", gate.InvalidRequest, func(s *scene) { s.r.KeyHeader = []string{s.key()} }),
		everywhere("a token in the query", gate.InvalidRequest, func(s *scene) { s.r.Query = "access_token=x" }),
	}
}

func keyFaults() []fault {
	return []fault{
		everywhere("no key", gate.KeyRequired, func(s *scene) { s.r.Authorization = nil }),
		everywhere("another scheme", gate.KeyRequired, func(s *scene) { s.r.Authorization = []string{"Basic dTpw"} }),
		everywhere("no key of ours", gate.InvalidToken, func(s *scene) { s.r.Authorization = []string{"Bearer secret"} }),
		everywhere("a wrong checksum", gate.InvalidToken, func(s *scene) {
			s.r.Authorization = []string{"Bearer " + changed(s.key())}
		}),
		everywhere("a key of another environment", gate.InvalidToken, func(s *scene) {
			s.r.Authorization = []string{"Bearer " + printed(other(s.r.Site.Environment))}
		}),
		everywhere("an unknown key", gate.InvalidToken, func(s *scene) { s.c.Key = nil }),
		everywhere("a key that is not proven", gate.InvalidToken, func(s *scene) { s.c.KeyProven = false }),
		everywhere("a key record of another environment", gate.InvalidToken, func(s *scene) { s.c.Key.Environment = other(s.r.Site.Environment) }),
		everywhere("a revoked key", gate.InvalidToken, func(s *scene) { s.c.Key.Revoked = revokedAt(noon) }),
		everywhere("a key revoked after now", gate.InvalidToken, func(s *scene) { s.c.Key.Revoked = revokedAt(noon.Add(time.Hour)) }),
		everywhere("a retired key", gate.InvalidToken, func(s *scene) { s.c.Key.RetireAt = new(noon) }),
		everywhere("a key without device", gate.InvalidToken, func(s *scene) { s.c.Device = nil }),
		everywhere("a key of another device", gate.InvalidToken, func(s *scene) { s.c.Key.Device = "dev_2" }),
		everywhere("a device of another environment", gate.InvalidToken, func(s *scene) { s.c.Device.Environment = other(s.r.Site.Environment) }),
		everywhere("a device without organization", gate.InvalidToken, func(s *scene) { s.c.Organization = nil }),
		everywhere("a device without account", gate.InvalidToken, func(s *scene) { s.c.Account = nil }),
		withCertificate("a certificate of another device", gate.InvalidToken, func(s *scene) { s.c.Certificate.Device = "dev_2" }),
	}
}

func remediationFaults() (list []fault) {
	for level, kind := range []string{"account", "organization", "device", "key", "certificate"} {
		list = append(list,
			everywhere("a throttled and suspended "+kind, gate.AccountSuspended, func(s *scene) {
				s.c.Remediations[level] = []*gate.Remediation{{Measure: gate.Throttle, From: noon}, {Measure: gate.Suspend, From: noon}}
			}),
			everywhere("a suspended "+kind, gate.AccountSuspended, func(s *scene) {
				s.c.Remediations[level] = []*gate.Remediation{{Measure: gate.Suspend, From: noon}}
			}),
			everywhere("a terminated "+kind, gate.AccountTerminated, func(s *scene) {
				s.c.Remediations[level] = []*gate.Remediation{{Measure: gate.Terminate, From: noon}}
			}),
			everywhere("a measure of a newer version on the "+kind, gate.AccountSuspended, func(s *scene) {
				s.c.Remediations[level] = []*gate.Remediation{{Measure: "quarantine", From: noon}}
			}))
	}
	return list
}

func termFaults() []fault {
	return []fault{
		inProduction("no contract", gate.ContractMissing, func(s *scene) { s.c.Contracts = nil }),
		inProduction("a contract before its first day", gate.ContractNotYetStarted, func(s *scene) { setTerm(s, "2027-03-11", "2027-12-31") }),
		inProduction("a contract past its last day", gate.ContractHasEnded, func(s *scene) { setTerm(s, "2027-01-01", "2027-03-09") }),
		inProduction("a contract ended early", gate.ContractHasEnded, func(s *scene) { s.c.Contracts[0].Ended = &gate.Ending{At: noon} }),
		inProduction("a contract whose days were never counted", gate.ContractHasEnded, func(s *scene) {
			s.c.Contracts[0] = &gate.Contract{ID: "con_1", First: "2027-01-01", Last: "2027-12-31", Zone: "UTC", Grant: s.c.Contracts[0].Grant}
		}),
		inProduction("no certification", gate.CertificationMissing, func(s *scene) { s.c.Certifications = nil }),
		inProduction("a certification of other devices", gate.CertificationMissing, func(s *scene) { s.c.Certifications[0].Devices = []gate.DeviceID{"dev_2"} }),
		inProduction("a certification that is not approved", gate.CertificationMissing, func(s *scene) { s.c.Certifications[0].Approved = nil }),
		inProduction("a certification nobody enrolled for", gate.CertificationMissing, func(s *scene) { s.c.Certifications[0].EnrolledAt = nil }),
		inProduction("a certification that is not released", gate.CertificationEnded, func(s *scene) { s.c.Certifications[0].Released = nil }),
		inProduction("a rejected certification", gate.CertificationEnded, func(s *scene) { s.c.Certifications[0].Rejected = &gate.Act{} }),
		inProduction("a certification of another contract", gate.CertificationEnded, func(s *scene) { s.c.Certifications[0].Contract = "con_0" }),
		inProduction("a revoked certification", gate.CertificationNoLonger, func(s *scene) { s.c.Certifications[0].Revoked = &gate.Ending{At: noon} }),
		inProduction("a certification revoked after now", gate.CertificationNoLonger, func(s *scene) {
			s.c.Certifications[0].Revoked = &gate.Ending{At: noon.Add(time.Hour)}
		}),
		inProduction("recertification overdue", gate.RecertificationOverdue, func(s *scene) { s.c.Certifications[0].RecertifyBy = new(noon) }),
	}
}

func callFaults() []fault {
	return []fault{
		everywhere("a path that nobody declared", gate.BehaviorUnknown, func(s *scene) { s.r.Path = "/other" }),
		everywhere("a method that nobody declared", gate.BehaviorUnknown, func(s *scene) { s.r.Method = "PATCH" }),
		everywhere("a site without behaviors", gate.BehaviorUnknown, func(s *scene) { s.r.Site.Behaviors = nil }),
		everywhere("TRACE", gate.UpgradeNotAllowed, func(s *scene) { s.r.Method = "TRACE" }),
		everywhere("CONNECT", gate.UpgradeNotAllowed, func(s *scene) { s.r.Method = "CONNECT" }),
		everywhere("a behavior that nobody grants", gate.BehaviorNotGranted, func(s *scene) { s.r.Path = "/fhir/AuditEvent/1" }),
		everywhere("a behavior that changed", gate.BehaviorNotGranted, func(s *scene) { s.r.Site.Behaviors = s.r.Site.Behaviors.Block([]string{"fhir-query"}) }),
		inProduction("a behavior outside the contract", gate.BehaviorNotGranted, func(s *scene) { s.c.Contracts[0].Grant.Behaviors = nil }),
		inProduction("a behavior outside the profile", gate.BehaviorNotGranted, func(s *scene) { s.c.Certifications[0].Profile.Grant.Behaviors = nil }),
		{"a behavior outside the device's grant", func(s *scene) { s.c.Device.Grant = &gate.Grant{Purposes: gate.Purposes()} },
			gate.BehaviorNotGranted, gate.BehaviorNotGranted, gate.Allowed},
		everywhere("no purpose, and two are granted", gate.PurposeRequired, func(s *scene) { s.r.Purpose = nil }),
		everywhere("an unknown purpose", gate.PurposeNotGranted, func(s *scene) { s.r.Purpose = []string{"MARKETING"} }),
		everywhere("an empty purpose", gate.PurposeNotGranted, func(s *scene) { s.r.Purpose = []string{""} }),
		everywhere("a purpose that nobody grants", gate.PurposeNotGranted, func(s *scene) { s.r.Purpose = []string{"PATRQT"} }),
		everywhere("a default purpose that nobody grants", gate.PurposeNotGranted, func(s *scene) {
			s.r.Purpose, s.c.Device.DefaultPurpose = nil, gate.PatientRequest
		}),
		inProduction("a purpose outside the contract", gate.PurposeNotGranted, func(s *scene) { s.c.Contracts[0].Grant.Purposes = nil }),
		inProduction("a purpose outside the profile", gate.PurposeNotGranted, func(s *scene) { s.c.Certifications[0].Profile.Grant.Purposes = nil }),
		everywhere("another address", gate.AddressNotAllowed, func(s *scene) { s.r.Peer = netip.MustParseAddr("203.0.112.7") }),
		everywhere("no address", gate.AddressNotAllowed, func(s *scene) { s.r.Peer = netip.Addr{} }),
		everywhere("an empty list of addresses", gate.AddressNotAllowed, func(s *scene) { s.c.Device.Addresses = gate.Addresses{} }),
		everywhere("an upgrade where none is allowed", gate.UpgradeNotAllowed, func(s *scene) { s.r.Upgrade = "websocket" }),
		everywhere("another upgrade than websocket", gate.UpgradeNotAllowed, func(s *scene) {
			s.r.Path, s.r.Upgrade = "/subscriptions/1/socket", "h2c"
		}),
		everywhere("an upgrade to one of two", gate.UpgradeNotAllowed, func(s *scene) {
			s.r.Path, s.r.Upgrade = "/subscriptions/1/socket", "websocket, h2c"
		}),
	}
}

func other(e gate.Environment) gate.Environment {
	if e == gate.Sandbox {
		return gate.Production
	}
	return gate.Sandbox
}

func revokedAt(at time.Time) *gate.Revocation {
	return &gate.Revocation{At: at, Reason: gate.KeyCompromise}
}

// changed has another last character, so that the checksum is wrong.
func changed(key string) string {
	last := byte('0')
	if key[len(key)-1] == last {
		last = '1'
	}
	return key[:len(key)-1] + string(last)
}

// key is the key that the scene presents.
func (s *scene) key() string { return strings.TrimPrefix(s.r.Authorization[0], "Bearer ") }

// setTerm gives the only contract other days.
func setTerm(s *scene, first, last gate.Date) {
	c := s.c.Contracts[0]
	c.First, c.Last = first, last
	if err := c.Resolve(time.LoadLocation); err != nil {
		panic(err)
	}
}

// try makes the fault, unless an earlier one took away what it needs.
func (f *fault) try(s *scene) {
	defer func() { _ = recover() }()
	f.edit(s)
}

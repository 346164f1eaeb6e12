package gate

import (
	"strings"
	"time"
)

// Decision is the answer to one request. The zero value denies.
type Decision struct {
	Reason Reason
	// Scope says what is suspended or terminated, for those reasons.
	Scope SubjectKind
	// Until is when a suspension ends by itself; zero if it does not.
	Until time.Time

	// What was found on the way, as far as the checks got. An allowed decision has all of it.
	Path          string // canonical; the path to send on
	Behavior      *Behavior
	Purpose       Purpose
	Contract      *Contract
	Certification *Certification
}

// Allowed reports whether the request may pass.
func (d *Decision) Allowed() bool { return d.Reason == Allowed }

// Check is one of the numbered checks of a request, in order.
type Check int

// The checks. The first that fails decides.
const (
	CheckSite          Check = iota // TLS, and a site that may serve this host
	CheckChain                      // 1: one certificate, anchored, in date, for clients
	CheckRegistered                 // 2: registered and not revoked
	CheckForm                       // 3: nothing ambiguous in the request
	CheckKey                        // 3: exactly one key, known, not revoked, of this environment
	CheckPair                       // 4: key and certificate of one device
	CheckRemediations               // 5
	CheckContract                   // 6
	CheckCertification              // 7
	CheckBehavior                   // 8: what is called
	CheckPurpose                    // 8: why
	CheckAddress                    // 8: from where
	CheckUpgrade                    // 8: in which protocol
	checkCount
)

// lastIdentity is the last check that establishes who calls; certgate's own answers to a customer need only those.
const lastIdentity = CheckPair

var checkNames = [checkCount]string{"site", "certificate chain", "certificate registered", "form", "key", "key and certificate",
	"remediations", "contract", "certification", "behavior", "purpose", "address", "upgrade"}

// String names the check for people.
func (n Check) String() string { return checkNames[n] }

// Decide judges a request: the first check that fails decides. It is pure, and does not allocate for a canonical path.
func Decide(r *Request, c *Caller, now time.Time) Decision {
	return judgeUpTo(checkCount-1, r, c, now)
}

// Identify judges only who calls (checks 1 to 4), for certgate's own answers to a customer about itself.
func Identify(r *Request, c *Caller, now time.Time) Decision {
	return judgeUpTo(lastIdentity, r, c, now)
}

func judgeUpTo(last Check, r *Request, c *Caller, now time.Time) Decision {
	j := judge{r: r, c: c, now: now}
	if r.Site == nil {
		return j.d
	}
	for n := CheckSite; n <= last; n++ {
		if j.d.Reason = j.check(n); j.d.Reason != Allowed {
			return j.d
		}
	}
	return j.d
}

// CheckResult is what one check found, for Explain.
type CheckResult struct {
	Check  Check
	Reason Reason
}

// Explain runs every check and stops at none, so that people see all that stands in the way.
func Explain(r *Request, c *Caller, now time.Time) []CheckResult {
	j := judge{r: r, c: c, now: now}
	if r.Site == nil {
		return []CheckResult{{CheckSite, Unavailable}}
	}
	results := make([]CheckResult, 0, checkCount)
	for n := CheckSite; n < checkCount; n++ {
		results = append(results, CheckResult{n, j.check(n)})
	}
	return results
}

// judge carries what the checks share.
type judge struct {
	r   *Request
	c   *Caller
	now time.Time
	d   Decision

	matched *Behavior // by form, for behavior; nil if none
	blocked bool
}

// check runs one check. What an environment does not ask for is allowed.
func (j *judge) check(n Check) Reason {
	e := j.r.Site.Environment
	switch n {
	case CheckSite:
		return j.site(e)
	case CheckChain:
		if e.NeedsCertificate() {
			return j.chain()
		}
	case CheckRegistered:
		if e.NeedsCertificate() {
			return j.registered(e)
		}
	case CheckForm:
		return j.form()
	case CheckKey:
		return j.key(e)
	case CheckPair:
		if e.NeedsCertificate() {
			return j.pair()
		}
	case CheckRemediations:
		return j.remediations()
	case CheckContract:
		if e.NeedsCertification() {
			return j.contract()
		}
	case CheckCertification:
		if e.NeedsCertification() {
			return j.certification()
		}
	case CheckBehavior:
		return j.behavior(e)
	case CheckPurpose:
		return j.purpose(e)
	case CheckAddress:
		return j.address()
	case CheckUpgrade:
		return j.upgrade()
	default:
		return Unavailable
	}
	return Allowed
}

func (j *judge) site(e Environment) Reason {
	switch {
	case e != Sandbox && e != Preprod && e != Production:
		return Unavailable
	case !j.r.TLS:
		return CertificateRequired // plaintext, or a request that only pretends to have come over TLS
	case !j.c.Host.Allows(e):
		return StateUnconfirmed
	}
	return Allowed
}

func (j *judge) chain() Reason {
	leaf := j.r.Leaf
	switch {
	case leaf == nil:
		return CertificateRequired
	case leaf.Anchor.IsZero() || j.c.Issuer == nil || j.c.Issuer.Fingerprint != leaf.Anchor ||
		j.c.Issuer.Audience != Customers || !j.c.Issuer.Anchors(j.now):
		return CertificateUntrusted
	case j.now.Before(leaf.NotBefore):
		return CertificateNotYetValid
	case j.now.After(leaf.NotAfter):
		return CertificateExpired
	case leaf.CA || !leaf.ClientAuth:
		return CertificateUnsuitable
	}
	return Allowed
}

func (j *judge) registered(e Environment) Reason {
	crt := j.c.Certificate
	switch {
	case crt == nil || j.r.Leaf == nil || crt.Fingerprint != j.r.Leaf.Fingerprint || crt.Environment != e:
		return CertificateUnknown
	case crt.State(j.now) == Revoked:
		return CertificateRevoked
	}
	return Allowed
}

// form refuses what two readers could read in two ways.
func (j *judge) form() Reason {
	path, err := CanonicalPath(j.r.Path)
	if err != nil || len(j.r.Purpose) > 1 {
		return InvalidRequest
	}
	exact := false
	j.d.Path = path
	if j.matched, j.blocked, exact = j.r.Site.Behaviors.match(j.r.Method, path); !exact {
		return InvalidRequest
	}
	if _, fault := j.r.Key(); fault {
		return InvalidRequest
	}
	return Allowed
}

func (j *judge) key(e Environment) Reason {
	presented, _ := j.r.Key()
	key := j.c.Key
	switch {
	case presented.Shape == NoKey:
		return KeyRequired
	case presented.Shape != WellFormed || presented.Environment != e:
		return InvalidToken
	case key == nil || !j.c.KeyProven || key.Environment != e || !key.State(j.now).Live():
		return InvalidToken
	case j.c.Device == nil || j.c.Device.ID != key.Device || j.c.Device.Environment != e ||
		j.c.Organization == nil || j.c.Account == nil:
		return InvalidToken
	}
	return Allowed
}

// pair fails as an invalid token, so that nobody learns from outside whether the other half of a stolen credential is good.
func (j *judge) pair() Reason {
	if j.c.Certificate == nil || j.c.Key == nil || j.c.Certificate.Device != j.c.Key.Device {
		return InvalidToken
	}
	return Allowed
}

func (j *judge) remediations() Reason {
	reason := Allowed
	for i, list := range j.c.Remediations {
		for _, r := range list {
			if !r.InForce(j.now) {
				continue
			}
			j.d.Scope = remediationSubjects[i]
			if r.Measure == Terminate {
				return AccountTerminated
			}
			if reason == Allowed && r.Until != nil {
				j.d.Until = *r.Until
			}
			reason = AccountSuspended
		}
	}
	return reason
}

func (j *judge) contract() Reason {
	contract := j.c.Contract(j.now)
	if contract == nil {
		return ContractMissing
	}
	j.d.Contract = contract
	switch contract.State(j.now) {
	case ContractNotStarted:
		return ContractNotYetStarted
	case ContractEnded:
		return ContractHasEnded
	case ContractInForce:
	}
	return Allowed
}

func (j *judge) certification() Reason {
	found, state := j.c.Certification(j.d.Contract, j.now)
	if found == nil {
		return CertificationMissing
	}
	j.d.Certification = found
	switch state {
	case InForce:
		return Allowed
	case Lapsed:
		return RecertificationOverdue
	case CertificationRevoked:
		return CertificationNoLonger
	}
	return CertificationEnded
}

func (j *judge) behavior(e Environment) Reason {
	b := j.matched
	switch {
	case j.r.Method == "CONNECT" || j.r.Method == "TRACE":
		return UpgradeNotAllowed
	case b == nil:
		return BehaviorUnknown
	}
	j.d.Behavior = b
	if j.blocked || !j.granted(e, func(g *Grant) bool { return g.behavior(b.Name) }) {
		return BehaviorNotGranted
	}
	return Allowed
}

// granted asks the contract and the certified profile in production, and the device's own grant elsewhere.
func (j *judge) granted(e Environment, has func(*Grant) bool) bool {
	if e.NeedsCertification() {
		return j.d.Contract != nil && j.d.Certification != nil &&
			has(&j.d.Contract.Grant) && has(&j.d.Certification.Profile.Grant)
	}
	return j.c.Device != nil && (j.c.Device.Grant == nil || has(j.c.Device.Grant))
}

func (j *judge) purpose(e Environment) Reason {
	p, known := j.statedPurpose(e)
	switch {
	case p == "" && known:
		return PurposeRequired
	case !known || !j.granted(e, func(g *Grant) bool { return g.purpose(p) }):
		return PurposeNotGranted
	}
	j.d.Purpose = p
	return Allowed
}

// statedPurpose is the header's, else the device's default, else the only one that is granted. It is empty if there is none, and
// not known if the header holds none of the codes and words.
func (j *judge) statedPurpose(e Environment) (p Purpose, known bool) {
	if len(j.r.Purpose) == 1 {
		return ParsePurpose(j.r.Purpose[0])
	}
	if j.c.Device != nil && j.c.Device.DefaultPurpose != "" {
		return j.c.Device.DefaultPurpose, true
	}
	for i := range purposes {
		candidate := purposes[i].code
		if !j.granted(e, func(g *Grant) bool { return g.purpose(candidate) }) {
			continue
		}
		if p != "" {
			return "", true // several are granted, so the caller has to say which
		}
		p = candidate
	}
	return p, true
}

func (j *judge) address() Reason {
	if j.c.Device == nil || !j.c.Device.Addresses.Contains(j.r.Peer) {
		return AddressNotAllowed
	}
	return Allowed
}

func (j *judge) upgrade() Reason {
	if j.r.Upgrade == "" || j.d.Behavior != nil && j.d.Behavior.WebSocket && strings.EqualFold(j.r.Upgrade, "websocket") {
		return Allowed
	}
	return UpgradeNotAllowed
}

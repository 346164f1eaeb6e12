package gate

import "time"

// Decision is the answer to one request. The zero value denies.
type Decision struct {
	Reason Reason
	// Scope says what is suspended or terminated, for those reasons; of several suspensions the widest.
	Scope SubjectKind
	// Until is when the last of the suspensions ends by itself; zero if one does not.
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

// lastEntitlement is the last check that asks whether who calls may call at all, whatever it calls.
const lastEntitlement = CheckCertification

var checkNames = [checkCount]string{"site", "certificate chain", "certificate registered", "form", "key", "key and certificate",
	"remediations", "contract", "certification", "behavior", "purpose", "address", "upgrade"}

// String names the check for people.
func (n Check) String() string { return checkNames[n] }

// Decide judges a request: the first check that fails decides. It is pure, and does not allocate for a canonical path.
func Decide(r *Request, c *Caller, now time.Time) (d Decision) {
	judgeUpTo(checkCount-1, r, c, now, &d)
	return d
}

// Identify judges only who calls (checks 1 to 4), for certgate's own answers to a customer about itself.
func Identify(r *Request, c *Caller, now time.Time) (d Decision) {
	judgeUpTo(lastIdentity, r, c, now, &d)
	return d
}

// Entitle judges who calls and whether it may call at all (checks 1 to 7), for what gives it a new credential.
func Entitle(r *Request, c *Caller, now time.Time) (d Decision) {
	judgeUpTo(lastEntitlement, r, c, now, &d)
	return d
}

// judgeUpTo fills in d: the decision is larger than a register, and each hand it went through would copy it.
//
//nolint:revive // five things, and none belongs to another
func judgeUpTo(last Check, r *Request, c *Caller, now time.Time, d *Decision) {
	if r == nil || c == nil || r.Site == nil {
		return
	}
	if !r.presented.read {
		judgeUnread(last, *r, c, now, d)
		return
	}
	j := judge{r: r, c: c, d: d, e: r.Site.Environment, now: now}
	j.run(last, nil)
}

// judgeUnread reads a request that its owner has not read, in a copy of its own: to decide changes nothing.
//
//nolint:revive // as judgeUpTo
func judgeUnread(last Check, r Request, c *Caller, now time.Time, d *Decision) {
	r.Present()
	judgeUpTo(last, &r, c, now, d)
}

// CheckResult is what one check found, for Explain.
type CheckResult struct {
	Check  Check
	Reason Reason
}

// Explain runs every check and stops at none, so that people see all that stands in the way.
func Explain(r *Request, c *Caller, now time.Time) []CheckResult {
	if r == nil || c == nil || r.Site == nil {
		return []CheckResult{{CheckSite, Unavailable}}
	}
	results := make([]CheckResult, checkCount)
	read := *r
	read.Present()
	j := judge{r: &read, c: c, d: new(Decision), e: r.Site.Environment, now: now}
	j.run(checkCount-1, results)
	return results
}

// judge carries what the checks share.
type judge struct {
	r   *Request // read
	c   *Caller
	d   *Decision
	e   Environment
	now time.Time
}

// run runs the checks up to the last. It stops at the first that fails, unless it is to note the results of all.
func (j *judge) run(last Check, results []CheckResult) {
	for n := CheckSite; n <= last; n++ {
		var reason Reason
		switch n {
		case CheckSite:
			reason = j.site()
		case CheckChain:
			reason = j.chain()
		case CheckRegistered:
			reason = j.registered()
		case CheckForm:
			reason = j.form()
		case CheckKey:
			reason = j.key()
		case CheckPair:
			reason = j.pair()
		case CheckRemediations:
			reason = j.remediations()
		case CheckContract:
			reason = j.contract()
		case CheckCertification:
			reason = j.certification()
		case CheckBehavior:
			reason = j.behavior()
		case CheckPurpose:
			reason = j.purpose()
		case CheckAddress:
			reason = j.address()
		case CheckUpgrade:
			reason = j.upgrade()
		default: // stays Unavailable
		}
		if results != nil {
			results[n] = CheckResult{n, reason}
		} else if reason != Allowed {
			j.d.Reason = reason
			return
		}
	}
	j.d.Reason = Allowed
}

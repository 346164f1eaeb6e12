package certstore

import (
	"sync"

	"github.com/onerecord/certgate/gate"
)

// Directory is every record that a decision can need, in memory. Its methods are safe for concurrent use. What they return is shared and
// immutable: whoever wants to change a record reads it in a transaction and puts it back. A certificate comes without its DER, which no
// decision looks at.
type Directory struct {
	mu sync.RWMutex
	state
}

// state is what the lock guards. Records that callers reach in one step are linked by pointer; a node stands for a record that may not
// have come yet, so the order in which records are added does not matter.
type state struct {
	accounts      map[gate.AccountID]*accountNode
	organizations map[gate.OrganizationID]*organizationNode
	devices       map[gate.DeviceID]*deviceNode
	keys          map[gate.KeyID]*keyNode
	certificates  map[gate.CertificateID]*certificateNode

	// What requests and people find records by.
	slugs        map[string]*accountNode
	handles      map[string]*keyNode
	foreign      map[gate.Fingerprint]*keyNode // imported tokens, by their MAC
	peppered     map[int]int                   // how many of them there are, by the version of the pepper
	fingerprints map[gate.Fingerprint]*certificateNode
	tokens       map[gate.Fingerprint]*gate.Enrollment
	cas          map[gate.Fingerprint]*gate.CA
	revoked      map[gate.Fingerprint][]*gate.Certificate  // by issuer, in the order in which it became known; only ever added to
	revocations  map[gate.Fingerprint]*gate.RevocationList // by CA
	hosts        map[string]*gate.Host
	blocked      map[gate.Fingerprint]*gate.BlockedKey // by public key
	staffNames   map[string]*gate.Staff
	badges       map[gate.Fingerprint]badge
	behaviors    *gate.BehaviorTable
	secret       *gate.Secret // nil: nothing was ever written of it

	lists    lists
	interned interned
}

// lists hold the records of each kind in the order of their identifiers, to be listed and searched.
type lists struct {
	accounts       []*gate.Account
	organizations  []*gate.Organization
	devices        []*gate.Device
	contracts      []*gate.Contract
	certifications []*gate.Certification
	keys           []*gate.Key
	certificates   []*gate.Certificate
	enrollments    []*gate.Enrollment
	remediations   []*gate.Remediation
	incidents      []*gate.Incident
	rulings        []*gate.Ruling
	reviews        []*gate.Review
	people         []*gate.Staff
	cas            []*gate.CA
	hosts          []*gate.Host
	peppers        []*gate.Pepper
	blocked        []*gate.BlockedKey
}

type accountNode struct {
	record *gate.Account
	// Shared with callers: replaced as a whole, never changed in place.
	contracts      []*gate.Contract
	certifications []*gate.Certification
	standing       []*gate.Remediation // of the account itself, not lifted

	organizations []*gate.Organization
	devices       []*gate.Device
	remediations  []*gate.Remediation // of the account and all below it, lifted ones too
	slugs         map[string]*organizationNode
}

type organizationNode struct {
	record   *gate.Organization
	standing []*gate.Remediation // shared, as above
	slugs    map[string]*deviceNode
}

type deviceNode struct {
	record       *gate.Device
	account      *accountNode
	organization *organizationNode
	covering     []*gate.Certification // of its account; shared, as above
	standing     []*gate.Remediation   // shared, as above

	keys         []*gate.Key
	certificates []*gate.Certificate
	enrollments  []*gate.Enrollment
	pulse        Pulse
}

type keyNode struct {
	record   *gate.Key
	device   *deviceNode
	standing []*gate.Remediation // shared, as above
	use      LastUse
}

type certificateNode struct {
	record   *gate.Certificate
	device   *deviceNode
	standing []*gate.Remediation // shared, as above
	use      LastUse
}

// badge is a staff member's certificate, with the staff member.
type badge struct {
	staff       *gate.Staff
	certificate *gate.StaffCertificate
}

func newDirectory() *Directory { return &Directory{state: newState()} }

func newState() state {
	return state{
		accounts:      make(map[gate.AccountID]*accountNode),
		organizations: make(map[gate.OrganizationID]*organizationNode),
		devices:       make(map[gate.DeviceID]*deviceNode),
		keys:          make(map[gate.KeyID]*keyNode),
		certificates:  make(map[gate.CertificateID]*certificateNode),
		slugs:         make(map[string]*accountNode),
		handles:       make(map[string]*keyNode),
		foreign:       make(map[gate.Fingerprint]*keyNode),
		peppered:      make(map[int]int),
		fingerprints:  make(map[gate.Fingerprint]*certificateNode),
		tokens:        make(map[gate.Fingerprint]*gate.Enrollment),
		cas:           make(map[gate.Fingerprint]*gate.CA),
		revoked:       make(map[gate.Fingerprint][]*gate.Certificate),
		revocations:   make(map[gate.Fingerprint]*gate.RevocationList),
		hosts:         make(map[string]*gate.Host),
		blocked:       make(map[gate.Fingerprint]*gate.BlockedKey),
		staffNames:    make(map[string]*gate.Staff),
		badges:        make(map[gate.Fingerprint]badge),
		interned:      make(interned),
	}
}

// Probe is what a request shows of its caller. Zero fields are not looked up.
type Probe struct {
	Leaf   gate.Fingerprint // of the client certificate
	Anchor gate.Fingerprint // of the CA certificate that it was found anchored in
	Handle string           // of the key
	Host   string
}

// Uses are where to note that the key and the certificate of a caller are used, and how it goes for its device; nil for what was not found.
type Uses struct {
	Key, Certificate *LastUse
	Device           *Pulse
}

// Caller finds everything about who presents p, as one consistent cut, and overwrites all of out with it. It does not allocate. KeyProven
// is left false: the caller compares the key's MAC.
func (d *Directory) Caller(p *Probe, out *gate.Caller) (uses Uses) {
	*out = gate.Caller{}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if p.Host != "" {
		out.Host = d.hosts[p.Host]
	}
	if !p.Anchor.IsZero() {
		if out.Issuer = d.cas[p.Anchor]; out.Issuer != nil && out.Issuer.Imported != nil {
			out.List = d.revocations[p.Anchor]
		}
	}
	var owner *deviceNode
	if !p.Leaf.IsZero() {
		if n := d.fingerprints[p.Leaf]; n != nil {
			out.Certificate, out.Remediations[gate.OfCertificate], owner = n.record, n.standing, n.device
			uses.Certificate = &n.use
		}
	}
	if p.Handle != "" {
		if n := d.handles[p.Handle]; n != nil {
			out.Key, out.Remediations[gate.OfKey], owner = n.record, n.standing, n.device
			uses.Key = &n.use
		}
	}
	if owner != nil {
		owner.fill(out)
		uses.Device = &owner.pulse
	}
	return uses
}

// fill sets what hangs off the device.
func (n *deviceNode) fill(out *gate.Caller) {
	out.Device, out.Certifications, out.Remediations[gate.OfDevice] = n.record, n.covering, n.standing
	if o := n.organization; o != nil {
		out.Organization, out.Remediations[gate.OfOrganization] = o.record, o.standing
	}
	if a := n.account; a != nil {
		out.Account, out.Contracts, out.Remediations[gate.OfAccount] = a.record, a.contracts, a.standing
	}
}

// apply puts records in the place of those that they follow, as one step.
func (d *Directory) apply(records []gate.Record) {
	if len(records) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range records {
		d.put(r)
	}
}

// replace puts a whole new content in place of the old, as one step.
func (d *Directory) replace(s state) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s
}

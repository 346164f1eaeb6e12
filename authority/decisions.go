package authority

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Decisions remember what was decided lately, so that people can be told why a call was refused: of each device the last 100 refusals
// and 20 allowed calls, and in a ring of their own those of strangers. They are in memory only, 64 MB at most; devices that were not
// seen for longest go first. Of allowed calls one a second for each key is remembered. Never a path, query, body or secret.
type Decisions struct {
	shelves   [shelfCount]shelf
	strangers strangers
	sampled   samples
	watchers  watchers
}

// PastDecision is one decision that is remembered.
type PastDecision struct {
	ID          string
	At          time.Time
	Reason      gate.Reason
	Scope       gate.SubjectKind // what is suspended or terminated, for those reasons
	Environment gate.Environment
	Host        string // at most 40 bytes of it
	Method      string // at most 8
	Behavior    string // empty if none was found
	Purpose     gate.Purpose
	Peer        netip.Addr
	Fingerprint gate.Fingerprint // of the client certificate; zero if there was none
	Handle      string           // of the key, which whoever knows it may have presented
	KeyProven   bool             // it was the whole key
	// Device and Account are whom it is filed under; empty for a stranger.
	Device  gate.DeviceID
	Account gate.AccountID
}

// note is a decision on its way: as it is kept, and whom it is filed under.
type note struct {
	entry

	device  gate.DeviceID
	account gate.AccountID
}

var (
	hashSeed     = maphash.MakeSeed()
	purposeCodes = gate.Purposes()
	subjectKinds = []gate.SubjectKind{gate.AccountSubject, gate.OrganizationSubject, gate.DeviceSubject, gate.KeySubject, gate.CertificateSubject}
)

func hashOf(device string) uint64 { return maphash.String(hashSeed, device) }

// remember files a decision. It does not allocate, but for room that was never used.
func (d *Decisions) remember(c *Call, now time.Time) {
	if c.Allowed() && (c.Behavior == nil || !d.sampled.take(c.probe.Handle, now)) {
		return // an answer of our own, or one of many calls
	}
	var n note
	n.fill(c, now)
	n.device, n.account = filedUnder(c)
	if n.device == "" {
		d.strangers.add(&n.entry)
	} else {
		hash := hashOf(string(n.device))
		d.shelves[hash%shelfCount].add(n.device, n.account, hash, &n.entry)
	}
	d.watchers.tell(&n)
}

// stranger files a decision about somebody of whom nothing was proven.
func (d *Decisions) stranger(e entry) {
	d.strangers.add(&e)
	d.watchers.tell(&note{entry: e})
}

// filedUnder says whose decision it is: that of the certificate's owner, also when the key was wrong, and of the key's owner when the
// certificate was. A handle alone proves nothing, or anybody could push out what is remembered of others; a certificate was proven by
// the TLS handshake. Where certificates do not count, the key alone says who calls.
func filedUnder(c *Call) (device gate.DeviceID, account gate.AccountID) {
	certificate, key := c.Caller.Certificate, c.Caller.Key
	if !c.Request.TLS || c.Request.Leaf == nil {
		certificate = nil
	}
	proven := key != nil && c.Caller.KeyProven
	switch {
	case proven && (certificate == nil || !c.Request.Site.Environment.NeedsCertificate()):
		return key.Device, key.Account
	case certificate != nil:
		return certificate.Device, certificate.Account
	}
	return "", ""
}

func (n *note) fill(c *Call, now time.Time) {
	n.id, n.at = c.id, now.UnixNano()
	n.reason, n.environment = uint8(c.Reason), uint8(c.Request.Site.Environment)
	n.scope = uint8(slices.Index(subjectKinds, c.Scope) + 1)
	n.purpose = uint8(slices.Index(purposeCodes, c.Purpose) + 1)
	if peer := c.Request.Peer; peer.IsValid() {
		n.peer = peer.As16()
		n.flags |= peerKnown
	}
	if c.Request.Leaf != nil {
		n.fingerprint = c.Request.Leaf.Fingerprint
	}
	if c.Behavior != nil {
		copy(n.behavior[:], c.Behavior.Name)
	}
	if c.Caller.KeyProven {
		n.flags |= keyProven
	}
	copy(n.handle[:], c.probe.Handle)
	copy(n.method[:], c.Request.Method)
	copy(n.host[:], c.Request.Host)
}

// Flags of an entry.
const (
	peerKnown = 1 << iota
	keyProven
)

// text is what stands before the first zero byte.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return strings.ToValidUTF8(string(b), "")
}

func (n *note) past() PastDecision {
	p := PastDecision{
		ID: gate.FormatID(gate.DecisionPrefix, n.id), At: time.Unix(0, n.at).UTC(), Reason: gate.Reason(n.reason),
		Environment: gate.Environment(n.environment), Host: text(n.host[:]), Method: text(n.method[:]), Behavior: text(n.behavior[:]),
		Fingerprint: n.fingerprint, Handle: text(n.handle[:]), KeyProven: n.flags&keyProven != 0, Device: n.device, Account: n.account,
	}
	if n.scope > 0 {
		p.Scope = subjectKinds[n.scope-1]
	}
	if n.purpose > 0 {
		p.Purpose = purposeCodes[n.purpose-1]
	}
	if n.flags&peerKnown != 0 {
		p.Peer = netip.AddrFrom16(n.peer).Unmap()
	}
	return p
}

// DecisionFilter chooses from what is remembered. Zero fields choose nothing away.
type DecisionFilter struct {
	ID          *[16]byte
	Account     gate.AccountID
	Device      gate.DeviceID
	Reason      *gate.Reason
	Fingerprint gate.Fingerprint
	Peer        netip.Addr
	Since       time.Time // inclusive
	Until       time.Time // exclusive
	Before      *[16]byte // only decisions with a smaller identifier, which is to say older ones
	// ProvenHandle asks for calls with the whole key of this handle, whoever made them.
	ProvenHandle string
}

// files reports whether decisions filed under the note's device may match.
func (f *DecisionFilter) files(n *note) bool {
	return (f.Account == "" || f.Account == n.account) && (f.Device == "" || f.Device == n.device)
}

func (f *DecisionFilter) matches(n *note) bool {
	switch {
	case !f.files(n),
		f.ID != nil && *f.ID != n.id,
		f.ProvenHandle != "" && (n.flags&keyProven == 0 || text(n.handle[:]) != f.ProvenHandle),
		f.Reason != nil && *f.Reason != gate.Reason(n.reason),
		!f.Fingerprint.IsZero() && f.Fingerprint != n.fingerprint,
		f.Peer.IsValid() && (n.flags&peerKnown == 0 || f.Peer.As16() != n.peer),
		!f.Since.IsZero() && n.at < f.Since.UnixNano(),
		!f.Until.IsZero() && n.at >= f.Until.UnixNano(),
		f.Before != nil && bytes.Compare(n.id[:], f.Before[:]) >= 0:
		return false
	}
	return true
}

// List returns what matches, the newest first, at most limit of it.
func (d *Decisions) List(f DecisionFilter, limit int) []PastDecision {
	var found []note
	newestFirst := func(a, b note) int { return bytes.Compare(b.id[:], a.id[:]) }
	keep := func() {
		slices.SortFunc(found, newestFirst)
		found = found[:min(limit, len(found))]
	}
	visit := func(n *note) {
		if !f.matches(n) {
			return
		}
		if found = append(found, *n); len(found) >= 2*limit+pageSize {
			keep()
		}
	}
	if f.Device != "" {
		d.shelves[hashOf(string(f.Device))%shelfCount].each(&f, visit)
	} else {
		for i := range d.shelves {
			d.shelves[i].each(&f, visit)
		}
	}
	if f.Account == "" && f.Device == "" {
		d.strangers.each(visit)
	}
	keep()
	out := make([]PastDecision, len(found))
	for i := range found {
		out[i] = found[i].past()
	}
	return out
}

// samples choose one allowed call a second for each key: a slot holds part of a key's handle and the second in which it was chosen.
// Two busy keys in one slot are remembered more often, which costs a little and loses nothing.
type samples [8192]atomic.Uint64

// take reports whether this call is the first of its key in this second.
func (s *samples) take(handle string, now time.Time) bool {
	var b [16]byte
	copy(b[:], handle)
	mixed := (binary.LittleEndian.Uint64(b[:]) ^ binary.LittleEndian.Uint64(b[8:])<<48) * 0x9E3779B97F4A7C15 // 2^64 over the golden ratio
	slot := &s[mixed>>(64-13)]
	mark := mixed<<32 | uint64(uint32(now.Unix()))
	if slot.Load() == mark {
		return false
	}
	slot.Store(mark)
	return true
}

// Decisions are what was decided lately.
func (a *Authority) Decisions() *Decisions { return &a.recent }

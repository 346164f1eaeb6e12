package usage

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Patient stands for one: a keyed hash of the identifier, which itself never comes here.
type Patient [16]byte

// Shown is what a call showed beside its kind.
type Shown struct {
	Account  gate.AccountID // to whom patients are known or new; where no real ones are, the device
	Zone     *time.Location // of the account's days; nil: UTC
	Peer     netip.Addr     // whence it came
	Patients []Patient      // whom it named; none of a refused one. Not kept
	Status   int            // of the upstream's answer; 0: none
	More     bool           // there is something of what follows, which nearly every call has nothing of
	Refused  bool           // for what it asked for, why or whence
	Denied   Denied         // what it asked for, where that was refused, or answered 403, 404 or 410
	Numbers  []uint64       // identifiers of those whom it named that are numbers. Not kept
	Export   uint64         // a keyed hash of what it exports; 0: nothing
}

// hour is what a device was seen to do in an hour of its zone, beside its counts. Sketches hold what AES under the key of the day made of
// patients and networks: hours of a day can be merged, days cannot, and neither tells anything once the sketches are gone.
type hour struct {
	start, end int64 // Unix seconds; an hour ends with its day
	day        int32 // since 1970, in the zone
	account    gate.AccountID
	key        cipher.Block // of the day
	peer       netip.Addr   // the last one
	origins    [][16]byte   // networks whence it called; those before told are written
	told       int

	patients, networks  sketch
	forbidden, notFound int64   // answers 403, and 404 or 410
	fresh               float64 // patients that the account had not named for at least 30 days

	named   [4][]Patient // by quarter, to be compared with what the account knows, once the hour is written
	changes int64
	flushed int64 // changes when it was last written
	loaded  bool  // what the store had of it is in it
	written bool  // just now
}

const (
	hourLong = 60 * minute
	dayLong  = 24 * hourLong
	// maxHours is how many hours of devices the meter holds, and maxSketched how many bytes of sketches; calls beyond are counted, but not whom
	// they named.
	maxHours    = 200_000
	maxSketched = 256 << 20
	// maxNamed is how many patients of all hours wait for those to be written, each minute. Of more it is not known whether they are new.
	maxNamed = 1 << 20
	// WaitingBytes is the most memory that those take.
	WaitingBytes = maxNamed * 16 * 3 / 2
)

// see notes what a call showed. The shard of the device is locked.
func (m *Meter) see(s *shard, d *metered, at int64, shown *Shown) {
	h := m.hour(d, at, shown)
	if h == nil {
		return
	}
	h.changes++
	switch shown.Status {
	case http.StatusForbidden:
		h.forbidden++
	case http.StatusNotFound, http.StatusGone:
		h.notFound++
	}
	t, moved := m.trace(d, at), shown.Peer != h.peer && shown.Peer.IsValid()
	if t != nil {
		t.changes++
		t.networks.call(shown.Peer, moved, at-t.start)
		if shown.More {
			m.leave(s, t, h, shown)
		}
	}
	if moved {
		h.peer = shown.Peer
		s.in = networkOf(shown.Peer)
		h.come(s.in)
		m.add(&h.networks, s.hash(h.key))
	}
	for i := range shown.Patients {
		s.in = shown.Patients[i]
		hash := s.hash(h.key)
		fresh := m.add(&h.patients, hash)
		if t != nil {
			m.meet(t, h, hash)
		}
		if (fresh > 0 || h.patients.many != nil) && m.named.Load() < maxNamed {
			m.named.Add(1)
			q := min(max(at-h.start, 0)/quarter, 3)
			h.named[q] = append(h.named[q], shown.Patients[i])
		}
	}
}

// add shows a sketch something, unless that would take more memory than there is for all of them.
func (m *Meter) add(s *sketch, hash uint64) (fresh float64) {
	before := s.bytes()
	if s.many == nil && m.sketched.Load() >= maxSketched {
		return 0
	}
	fresh = s.add(hash)
	if grown := s.bytes() - before; grown != 0 {
		m.sketched.Add(grown)
	}
	return fresh
}

// hash is what a key makes of the input. The buffers are the shard's, because a cipher is called through an interface and they would escape.
func (s *shard) hash(key cipher.Block) uint64 {
	key.Encrypt(s.out[:], s.in[:])
	return binary.BigEndian.Uint64(s.out[:])
}

// networkOf is the network that an address is counted as: its /24, or /48 of IPv6.
func networkOf(a netip.Addr) (out [16]byte) {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		out[0] = 4
		copy(out[1:], b[:3])
		return out
	}
	b := a.As16()
	out[0] = 6
	copy(out[1:], b[:6])
	return out
}

// hour is the one of a device in which a time lies, made if there is none; nil if there are too many.
func (m *Meter) hour(d *metered, at int64, shown *Shown) *hour {
	for _, h := range d.hours {
		if at >= h.start && at < h.end {
			return h
		}
	}
	if m.hours.Load() >= maxHours {
		return nil
	}
	zone := shown.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := time.Unix(at, 0).In(zone)
	from, until := dayAround(at, zone)
	start := at - int64(local.Minute()*minute+local.Second())
	h := &hour{start: max(start, from), end: min(start+hourLong, until), account: shown.Account}
	for _, other := range d.hours { // the zone was another: what is in an hour already stays there
		if other.start < h.end && other.start > at {
			h.end = other.start
		}
		if other.end > h.start && other.end <= at {
			h.start = other.end
		}
	}
	h.day = int32(floor(local.Unix()+offset(local), dayLong) / dayLong)
	h.key = m.keys.of("day", int64(h.day))
	d.hours = append(d.hours, h)
	m.hours.Add(1)
	return h
}

func offset(t time.Time) int64 {
	_, seconds := t.Zone()
	return int64(seconds)
}

// sketchKeys are the keys under which patients and networks are hashed for sketches: another for each day, and for what accounts know another
// for each generation. They are derived from one secret, so a restart has the same.
type sketchKeys struct {
	mu     sync.Mutex
	secret []byte
	atHand map[keyName]cipher.Block // guarded by mu
}

type keyName struct {
	what string
	when int64
}

// maxKeys is how many keys are kept at hand; there are never more than three days at once, unless the clock jumps.
const maxKeys = 16

func (k *sketchKeys) of(what string, when int64) cipher.Block {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := keyName{what, when}
	if key := k.atHand[name]; key != nil {
		return key
	}
	if k.atHand == nil || len(k.atHand) >= maxKeys {
		k.atHand = make(map[keyName]cipher.Block)
	}
	h := hmac.New(sha256.New, k.secret)
	h.Write(binary.BigEndian.AppendUint64([]byte("certgate usage "+what+" "), uint64(when)))
	key, err := aes.NewCipher(h.Sum(nil)[:16])
	if err != nil {
		panic(err) //nolint:forbidigo // cannot happen: the key has 16 bytes
	}
	k.atHand[name] = key
	return key
}

// Sketched is how many bytes the sketches of hours take that are held in memory.
func (m *Meter) Sketched() int64 { return m.sketched.Load() }

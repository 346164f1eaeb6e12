package authority

import (
	"sync"

	"github.com/onerecord/certgate/gate"
)

// How much is remembered. The sum of the parts is the bound: 64 MB, to be held by a test.
const (
	refusalsKept = 100 // of each device
	allowsKept   = 20

	shelfCount    = 16
	shelfEntries  = 63 * pageSize // of each shelf; in all 258,048 decisions of devices
	shelfOwners   = 32 * pageSize // devices of each shelf; in all 131,072
	strangersKept = 64 * pageSize

	pageSize = 256 // what a slab grows by
)

// entry is one decision as it is kept: of fixed size and without pointers, so that remembering allocates nothing and the garbage
// collector passes over all of it. Texts end at their first zero byte.
type entry struct {
	id          [16]byte
	at          int64 // nanoseconds since 1970
	fingerprint gate.Fingerprint
	peer        [16]byte
	handle      [10]byte
	method      [8]byte
	host        [40]byte
	behavior    [40]byte
	reason      uint8
	environment uint8
	scope       uint8 // in subjectKinds, from 1; 0: none
	purpose     uint8 // in purposes, from 1; 0: none
	flags       uint8
	next        int32 // the following one of its queue or of the free ones; 0: none
}

// owner is a device with its decisions.
type owner struct {
	device, account  identifier
	refused, allowed queue
	newer, older     int32 // neighbors in the order of when devices were last seen; 0: none
	next             int32 // the following one of its bucket or of the free ones; 0: none
}

// identifier is one of ours: a prefix and 26 characters.
type identifier [30]byte

func identifierOf(s string) (id identifier) {
	copy(id[:], s)
	return id
}

// queue holds entries from the oldest to the newest.
type queue struct{ oldest, newest, count int32 }

// slab is room for values that are named by number, from 1 on. It grows page by page up to its limit.
type slab[T any] struct {
	pages []*[pageSize]T
	used  int32
}

func (s *slab[T]) at(i int32) *T { return &s.pages[(i-1)/pageSize][(i-1)%pageSize] }

// grow gives the number of a value that was never used, 0 when the limit is reached.
func (s *slab[T]) grow(limit int32) int32 {
	if s.used == limit {
		return 0
	}
	if s.used%pageSize == 0 {
		s.pages = append(s.pages, new([pageSize]T))
	}
	s.used++
	return s.used
}

// shelf holds the decisions of the devices that fall to it by their identifiers. When it is full, the device that was longest unseen
// goes, with all of its decisions.
type shelf struct {
	mu             sync.Mutex
	entries        slab[entry]
	owners         slab[owner]
	freeEntry      int32
	freeOwner      int32
	newest, oldest int32
	buckets        [shelfOwners]int32 // the first owner by hash
}

// add remembers e for the device. The hash is that of the device's identifier.
func (s *shelf) add(id gate.DeviceID, account gate.AccountID, hash uint64, e *entry) {
	device, bucket := identifierOf(string(id)), s.bucket(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.find(*bucket, device)
	if n == 0 {
		n = s.newOwner()
		*s.owners.at(n) = owner{device: device, account: identifierOf(string(account)), next: *bucket}
		*bucket = n
		s.pushOwner(n)
	} else if s.newest != n {
		s.unlinkOwner(n)
		s.pushOwner(n)
	}
	o := s.owners.at(n)
	q, limit := &o.refused, int32(refusalsKept)
	if gate.Reason(e.reason) == gate.Allowed {
		q, limit = &o.allowed, allowsKept
	}
	i := s.room(q, limit)
	kept := s.entries.at(i)
	*kept = *e
	kept.next = 0
	if q.count == 0 {
		q.oldest = i
	} else {
		s.entries.at(q.newest).next = i
	}
	q.newest = i
	q.count++
}

// bucket is where the device with the hash is found.
func (s *shelf) bucket(hash uint64) *int32 { return &s.buckets[hash/shelfCount%shelfOwners] }

func (s *shelf) find(first int32, device identifier) int32 {
	for n := first; n != 0; n = s.owners.at(n).next {
		if s.owners.at(n).device == device {
			return n
		}
	}
	return 0
}

// room finds an entry for a queue: the queue's own oldest if it is full, else a free one, a new one, or one of the device that was
// longest unseen. That is never the queue's own device, which was seen last, as long as one device does not fill a whole shelf.
func (s *shelf) room(q *queue, limit int32) int32 {
	if q.count == limit {
		i := q.oldest
		q.oldest = s.entries.at(i).next
		q.count--
		return i
	}
	if s.freeEntry == 0 {
		if i := s.entries.grow(shelfEntries); i != 0 {
			return i
		}
		s.drop(s.oldest)
	}
	i := s.freeEntry
	s.freeEntry = s.entries.at(i).next
	return i
}

func (s *shelf) newOwner() int32 {
	if s.freeOwner == 0 {
		if n := s.owners.grow(shelfOwners); n != 0 {
			return n
		}
		s.drop(s.oldest)
	}
	n := s.freeOwner
	s.freeOwner = s.owners.at(n).next
	return n
}

// drop forgets a device.
func (s *shelf) drop(n int32) {
	o := s.owners.at(n)
	s.free(&o.refused)
	s.free(&o.allowed)
	s.unlinkOwner(n)
	place := s.bucket(hashOf(text(o.device[:])))
	for *place != n {
		place = &s.owners.at(*place).next
	}
	*place = o.next
	o.next, s.freeOwner = s.freeOwner, n
}

// free puts a whole queue before the free entries.
func (s *shelf) free(q *queue) {
	if q.count == 0 {
		return
	}
	s.entries.at(q.newest).next, s.freeEntry = s.freeEntry, q.oldest
	*q = queue{}
}

func (s *shelf) pushOwner(n int32) {
	o := s.owners.at(n)
	o.older, o.newer = s.newest, 0
	if s.newest != 0 {
		s.owners.at(s.newest).newer = n
	} else {
		s.oldest = n
	}
	s.newest = n
}

func (s *shelf) unlinkOwner(n int32) {
	o := s.owners.at(n)
	if o.newer != 0 {
		s.owners.at(o.newer).older = o.older
	} else {
		s.newest = o.older
	}
	if o.older != 0 {
		s.owners.at(o.older).newer = o.newer
	} else {
		s.oldest = o.newer
	}
}

// each visits the decisions of every device that may match.
func (s *shelf) each(f *DecisionFilter, visit func(*note)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Device != "" {
		if n := s.find(*s.bucket(hashOf(string(f.Device))), identifierOf(string(f.Device))); n != 0 {
			s.visit(n, visit)
		}
		return
	}
	account := identifierOf(string(f.Account))
	for n := s.newest; n != 0; n = s.owners.at(n).older {
		if f.Account == "" || s.owners.at(n).account == account {
			s.visit(n, visit)
		}
	}
}

// visit visits the decisions of one device.
func (s *shelf) visit(n int32, visit func(*note)) {
	o := s.owners.at(n)
	known := note{device: gate.DeviceID(text(o.device[:])), account: gate.AccountID(text(o.account[:]))}
	for _, first := range [...]int32{o.refused.oldest, o.allowed.oldest} {
		for i := first; i != 0; i = known.next {
			known.entry = *s.entries.at(i)
			visit(&known)
		}
	}
}

// strangers is the ring of decisions about callers of whom nothing was proven. It is apart from the shelves, so that nobody without a
// certificate or key of ours can push out what is remembered of a customer.
type strangers struct {
	mu      sync.Mutex
	entries slab[entry]
	last    int32
}

func (s *strangers) add(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last = s.last%strangersKept + 1; s.last > s.entries.used {
		s.entries.grow(strangersKept)
	}
	*s.entries.at(s.last) = *e
}

func (s *strangers) each(visit func(*note)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.entries.used {
		visit(&note{entry: *s.entries.at(i + 1)})
	}
}

package authority

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// foreignLists are the revocation lists of customers' own CAs. The records say which lists are held; the lists themselves are files.
type foreignLists struct {
	fetcher *listFetcher
	turn    sync.Mutex // held while lists are read
	asking  sync.Mutex // held while a list is asked about a certificate that is brought

	mu    sync.Mutex
	found map[gate.Fingerprint]gate.Fingerprint // guarded by mu; by CA the list that was seen to lie there
	swept map[gate.Fingerprint]gate.Fingerprint // guarded by mu; by CA the list whose entries are all revoked here
	came  uint64                                // guarded by mu; how often certificates came in that were not held against the lists
	whole map[gate.Fingerprint][]byte           // guarded by mu; the lists of a store in memory, which has no directory for files
}

// listsAtOnce bounds how many lists are fetched at the same time: each may take listTimeout and issuer.MaxRevocationList of memory.
const listsAtOnce = 4

// readLists is a job: it fetches each list that is due, revokes what is on it, and tells who must know when it fails. It never waits inside a
// commit, and one CA's server holds up no other's list.
func (a *Authority) readLists(ctx context.Context, now time.Time) error {
	if a.quarantine.Load() != nil {
		return nil
	}
	a.lists.turn.Lock()
	defer a.lists.turn.Unlock()
	slots := make(chan struct{}, listsAtOnce)
	var group sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, ca := range a.dir.CAs() {
		if !ca.Reads(now) {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := a.readList(ctx, ca, now); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("revocation list of %s: %w", nameOf(ca), err))
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (a *Authority) readList(ctx context.Context, ca *gate.CA, now time.Time) error {
	known := a.dir.RevocationList(ca.Fingerprint)
	held, err := a.holdsList(ca, known)
	if err != nil {
		return err
	}
	if known.Due(ca.Allowance, now) || !held && known.Failures == 0 {
		if err := a.fetchList(ctx, ca, held); err != nil {
			return err
		}
	}
	if err := a.sweepList(ca); err != nil {
		return err
	}
	return a.tellOfList(ca)
}

// holdsList reports whether the list that the record names is there. It is read once in a process.
func (a *Authority) holdsList(ca *gate.CA, known *gate.RevocationList) (bool, error) {
	if !known.Of(ca.Allowance) {
		return false, nil
	}
	if a.lists.notes(&a.lists.found, known) {
		return true, nil
	}
	switch _, err := a.heldList(ca, known); {
	case errors.Is(err, errNoList):
		return false, nil
	case err != nil:
		return false, err
	}
	a.lists.note(&a.lists.found, known)
	return true, nil
}

// errNoList says that the list which the record names is not there: none was read yet, or its file is missing.
var errNoList = errors.New("no list is held")

// heldList is the list that the record names, read; errNoList if there is none.
func (a *Authority) heldList(ca *gate.CA, known *gate.RevocationList) (*issuer.RevocationList, error) {
	if !known.Of(ca.Allowance) {
		return nil, errNoList
	}
	cert, err := x509.ParseCertificate(ca.DER)
	if err != nil {
		return nil, fmt.Errorf("read CA %s: %w", ca.Fingerprint, err)
	}
	der, err := a.lists.read(a.options.DataDir, known)
	if err != nil {
		return nil, err
	}
	if der == nil {
		a.lists.lose(known)
		return nil, errNoList
	}
	list, err := issuer.ReadRevocationList(der, cert)
	if err != nil {
		a.log.Error("a revocation list that was kept cannot be read any more; it is fetched again", zap.String("ca", ca.RecordID()), zap.Error(err))
		a.lists.lose(known)
		return nil, errNoList
	}
	return list, nil
}

func (f *foreignLists) read(dir string, known *gate.RevocationList) ([]byte, error) {
	if dir != "" {
		return certstore.ReadList(dir, known, issuer.MaxRevocationList)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if der := f.whole[known.CA]; gate.FingerprintOf(der) == known.Hash {
		return der, nil
	}
	return nil, nil
}

func (f *foreignLists) write(dir string, ca gate.Fingerprint, der []byte) error {
	if dir != "" {
		return certstore.WriteList(dir, ca, der)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.whole == nil {
		f.whole = make(map[gate.Fingerprint][]byte)
	}
	f.whole[ca] = der
	return nil
}

// fetchList asks for a list and writes down what came of it. The error is one of ours: what the other side did wrong is in the record.
func (a *Authority) fetchList(ctx context.Context, ca *gate.CA, held bool) error {
	known := a.dir.RevocationList(ca.Fingerprint)
	validators := known
	if !held {
		validators = nil
	}
	got, err := a.lists.fetcher.fetch(ctx, ca.Allowance.CRL, validators)
	if err != nil && ctx.Err() != nil {
		return errNotNow // we are closing, which is nobody's failure
	}
	var next *gate.RevocationList
	if err == nil {
		next, err = a.judgeList(ca, known, got)
	}
	if err != nil {
		a.log.Warn("the revocation list of a customer's CA could not be read", zap.String("ca", ca.RecordID()), zap.Error(err))
		next = failedList(ca, known, err, a.moment())
	} else if got.der != nil {
		if err := a.lists.write(a.options.DataDir, ca.Fingerprint, got.der); err != nil {
			return err
		}
	}
	return a.store.Bookkeep(func(tx *certstore.Tx) error {
		now, err := certstore.Get[gate.CA](tx, ca.RecordID())
		if err != nil {
			return err
		}
		if now.Allowance == nil || now.Allowance.CRL != ca.Allowance.CRL {
			return nil // another was allowed meanwhile, and is asked next
		}
		certstore.Put(tx, next)
		return nil
	})
}

// failedList is the record after a failure: what was read before goes on to count.
func failedList(ca *gate.CA, known *gate.RevocationList, why error, now time.Time) *gate.RevocationList {
	last := gate.RevocationList{CA: ca.Fingerprint, URL: ca.Allowance.CRL}
	if known != nil && known.URL == ca.Allowance.CRL {
		last = *known
	}
	last = last.Failed(why.Error(), now)
	return &last
}

// judgeList holds what was fetched against the CA, the clock and the list before.
func (a *Authority) judgeList(ca *gate.CA, known *gate.RevocationList, got *fetchedList) (*gate.RevocationList, error) {
	now := a.moment()
	if !known.Of(ca.Allowance) {
		known = nil
	}
	if got.der == nil {
		if !now.Before(known.NextUpdate) {
			return nil, fmt.Errorf("it says that the list has not changed, but that one ran out on %s", known.NextUpdate.Format(time.RFC3339))
		}
		next := known.Fetched(now)
		return &next, nil
	}
	cert, err := x509.ParseCertificate(ca.DER)
	if err != nil {
		return nil, fmt.Errorf("read CA %s: %w", ca.Fingerprint, err)
	}
	list, err := issuer.ReadRevocationList(got.der, cert)
	if err != nil {
		return nil, err
	}
	next := gate.RevocationList{CA: ca.Fingerprint, URL: ca.Allowance.CRL, ThisUpdate: list.ThisUpdate, NextUpdate: list.NextUpdate,
		Hash: gate.FingerprintOf(got.der), Entries: list.Entries, ETag: got.etag, LastModified: got.lastModified}
	if list.Number != nil {
		next.Number = list.Number.Text(16)
	}
	if err := next.Follows(known, now); err != nil {
		return nil, err
	}
	next = next.Fetched(now)
	return &next, nil
}

// sweepList revokes every certificate here that the list names, unless that was done. It goes on after a restart where it was. Whoever brings a
// certificate compares it with the list that the record names then, inside the commit, so none slips in between.
func (a *Authority) sweepList(ca *gate.CA) error {
	known := a.dir.RevocationList(ca.Fingerprint)
	if !known.Of(ca.Allowance) || a.lists.notes(&a.lists.swept, known) {
		return nil
	}
	came := a.lists.camePast()
	list, err := a.heldList(ca, known)
	if errors.Is(err, errNoList) {
		return nil // it is fetched again
	}
	if err != nil {
		return err
	}
	serials := make(map[string][]gate.CertificateID)
	var wanted []*big.Int
	for _, c := range a.dir.Certificates("") {
		if c.Issuer != ca.Fingerprint || c.Revoked != nil {
			continue
		}
		serial, ok := new(big.Int).SetString(c.Serial, 16)
		if !ok {
			continue // cannot happen: its record was written from a number
		}
		serials[c.Serial] = append(serials[c.Serial], c.ID)
		wanted = append(wanted, serial)
	}
	var errs []error
	for _, l := range list.Find(wanted...) {
		for _, id := range serials[l.Serial.Text(16)] {
			if err := a.revokeListed(ca, id, l.Reason); err != nil && !errors.Is(err, gate.Conflict) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	a.lists.noteSwept(known, came)
	return nil
}

// camePast is how often certificates came in past the lists.
func (f *foreignLists) camePast() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.came
}

// sweepAgain has all lists be held against the certificates anew: some came with an import, or may be those of a CA whose list was not read when
// they were brought.
func (f *foreignLists) sweepAgain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.came++
	clear(f.swept)
}

// noteSwept notes that the entries of a list are revoked here, unless certificates came in since it was begun.
func (f *foreignLists) noteSwept(l *gate.RevocationList, came uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.came != came {
		return
	}
	if f.swept == nil {
		f.swept = make(map[gate.Fingerprint]gate.Fingerprint)
	}
	f.swept[l.CA] = l.Hash
}

// notes reports whether something was noted of a list, in one of the maps.
func (f *foreignLists) notes(in *map[gate.Fingerprint]gate.Fingerprint, l *gate.RevocationList) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return (*in)[l.CA] == l.Hash
}

func (f *foreignLists) note(in *map[gate.Fingerprint]gate.Fingerprint, l *gate.RevocationList) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *in == nil {
		*in = make(map[gate.Fingerprint]gate.Fingerprint)
	}
	(*in)[l.CA] = l.Hash
}

// lose notes that a list does not lie there any more, so that it is fetched whole the next time, and at once.
func (f *foreignLists) lose(l *gate.RevocationList) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.found, l.CA)
}

// revokeListed ends a certificate that its CA has revoked, for good: one that was on hold is brought anew.
func (a *Authority) revokeListed(ca *gate.CA, id gate.CertificateID, reason gate.RevocationReason) error {
	r := gate.Revocation{At: a.moment(), Reason: reason, Why: "its CA has revoked it: it is on the revocation list of " + gate.Clip(nameOf(ca), 60)}
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := certstore.Get[gate.Certificate](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		revoked, err := c.Revoke(r)
		if err != nil {
			return gate.Event{}, err
		}
		a.putRevoked(tx, &revoked)
		return a.revoked(tx, gate.Event{Account: c.Account, Object: string(id), Why: r.Why, Detail: reason.String()})
	})
	return err
}

package authority

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
	"github.com/onerecord/certgate/ratelimit"
	"github.com/onerecord/certgate/usage"
)

// Options say what an Authority needs from outside. DataDir and SecretFile are required; the rest has defaults.
type Options struct {
	DataDir    string // made by Init
	SecretFile string // outside DataDir
	Log        *zap.Logger
	Now        func() time.Time           // default time.Now
	NewID      func(prefix string) string // default a UUIDv7 (RFC 9562)
	Random     io.Reader                  // default crypto/rand
	// Signer finds what signs for a CA of ours that does not sign with the key in the store, such as a key in a KMS or behind PKCS #11; it
	// answers nil for all others. It is asked for each signature, and its key must be that of the certificate. Default: none.
	Signer func(ca *x509.Certificate) (crypto.Signer, error)
	// Store is used instead of opening DataDir, by tests.
	Store *certstore.Store
	// NoJobs leaves it to the caller to call Tick.
	NoJobs bool
	// ListTimeout bounds one attempt to fetch the revocation list of a customer's CA. Default 30 s.
	ListTimeout time.Duration
	// CheckpointFile is that of the first configuration, so that an older store is found out before anything is written to it. Empty: none.
	CheckpointFile string
}

func (o *Options) defaults() {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = newID
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
}

// newID draws an identifier that sorts by time. uuid.Must can only fail with the system's randomness, which Go turns into a crash.
func newID(prefix string) string { return gate.FormatID(prefix, uuid.Must(uuid.NewV7())) }

// Authority is an open data directory with everything that must survive a reload.
type Authority struct {
	options Options
	log     *zap.Logger
	now     func() time.Time
	since   func(time.Time) time.Duration // by the same clock; the system's reads only half of it
	newID   func(prefix string) string
	random  io.Reader

	store *certstore.Store
	dir   *certstore.Directory

	templates *notify.Templates // the built-in ones
	outbox    outbox
	macs      macs
	trust     atomic.Pointer[Trust]
	trusting  sync.Mutex // held while trust and its files are taken from the store
	flights   flights
	limits    ratelimit.Book
	saved     savedLimits
	cutOff    cutOffs
	usage     *usage.Store
	usageKey  []byte       // under which usage lies on disk; touched by the start and then by the rotation's job alone
	unkept    time.Time    // since when usage is in memory alone, though there is a data directory; zero: it is on disk
	diskLow   atomic.Int64 // Unix seconds at which it was last said that the disk is low
	cleaned   atomic.Int64 // Unix seconds at which old usage was last removed
	uptime    uptime
	watching  watching
	sources   *ratelimit.Sources
	signals   signals
	suspects  suspects
	patients  patientHashes
	sightings chan sighting
	flushing  sync.Mutex // held while the queue is emptied
	decisions decisionIDs
	recent    Decisions
	counters  Counters
	crls      crlCache
	lists     foreignLists
	refusals  refusalLog
	refused   refusedLinks
	redeeming arrivals
	digested  gate.Date // the last day whose digest was seen to; touched by the job alone
	attempts  attempts  // to renew
	moduli    knownModuli

	seenLately recentlySeen // by pre-production devices

	checkpoints   checkpoints
	verifications verifications
	dossiers      sync.Mutex                // held while one is made
	trying        sync.Mutex                // held while rules are tested
	quarantine    atomic.Pointer[gate.Loss] // nil unless the store is quarantined

	configsMu sync.Mutex
	configs   []*Config // guarded by configsMu; open ones, oldest first

	jobs   jobs
	behind sync.WaitGroup // jobs that run beside the others
	closed atomic.Bool
	cancel context.CancelFunc
	done   chan struct{} // closed when the jobs have ended
}

// Open opens a data directory that Init has made. The error says what the operator should do.
func Open(o Options) (*Authority, error) {
	since := time.Since
	if now := o.Now; now != nil {
		since = func(t time.Time) time.Duration { return now().Sub(t) }
	}
	o.defaults()
	store := o.Store
	if store == nil {
		secret, err := certstore.ReadSecret(o.SecretFile)
		if err != nil {
			return nil, err
		}
		store, err = certstore.Open(certstore.Options{
			Dir: o.DataDir, Secret: secret.Secret, Former: secret.Former, Random: o.Random, Zones: time.LoadLocation, Log: badgerLog{o.Log.Named("store").Sugar()},
		})
		if err != nil {
			return nil, err
		}
	}
	a := &Authority{
		options: o, log: o.Log, now: o.Now, since: since, newID: o.NewID, random: o.Random,
		store: store, dir: store.Directory(), sources: ratelimit.NewSources(), patients: newPatientHashes(store.PatientKey()),
		sightings: make(chan sighting, maxSightings),
		done:      make(chan struct{}), lists: foreignLists{fetcher: newListFetcher(o.ListTimeout)},
	}
	a.decisions.seed(o.Random)
	a.outbox.init()
	var err error
	a.templates, err = notify.ParseTemplates(nil)
	if err = errors.Join(err, a.loadQuarantine()); err == nil {
		_, err = a.confront(o.CheckpointFile)
	}
	if err == nil {
		err = errors.Join(a.loadPeppers(), a.syncTrust(), a.loadOutbox())
	}
	if err == nil {
		err = a.openUsage()
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	a.jobs = a.table()
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go a.runOutbox(ctx)
	if o.NoJobs {
		close(a.done)
		return a, nil
	}
	go a.runJobs(ctx)
	return a, nil
}

// Close ends the jobs and closes the store. New calls are answered unavailable. Those in flight have CloseAfter to end; then they are
// canceled and, after CloseAfter again, their connections closed, because nobody judges them any more.
func (a *Authority) Close() error {
	if a.closed.Swap(true) {
		return nil
	}
	a.cancel()
	<-a.done
	<-a.outbox.done
	a.flushSightings()
	a.recent.watchers.close()
	a.flights.endSoon()
	a.closeUsage()
	if err := a.store.Close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	a.behind.Wait() // a closed store ends them
	return nil
}

// Directory is what the authority knows, in memory.
func (a *Authority) Directory() *certstore.Directory { return a.dir }

// Store is where it is kept; doors only read from it.
func (a *Authority) Store() *certstore.Store { return a.store }

// Now reads the authority's clock, for doors that must tell time by the same clock.
func (a *Authority) Now() time.Time { return a.now() }

// moment is the time as records keep it: UTC, whole seconds.
func (a *Authority) moment() time.Time { return a.now().UTC().Truncate(time.Second) }

// badgerLog hands Badger's own messages on: what it calls information is detail to us.
type badgerLog struct{ *zap.SugaredLogger }

func (l badgerLog) Errorf(f string, v ...any)   { l.SugaredLogger.Errorf(f, v...) }
func (l badgerLog) Warningf(f string, v ...any) { l.Warnf(f, v...) }
func (l badgerLog) Infof(f string, v ...any)    { l.SugaredLogger.Debugf(f, v...) }
func (l badgerLog) Debugf(string, ...any)       {}

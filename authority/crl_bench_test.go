package authority_test

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// What a list of 100,000 revoked of 1,000,000 issued certificates may take, and the calls meanwhile.
const (
	issuedOnList  = 1_000_000
	revokedOnList = 100_000
	buildWithin   = 5 * time.Second
	checkWithin   = 50 * time.Microsecond // 99 of 100 calls
)

// BenchmarkRevocationList signs the list of a CA that has issued a million certificates, while calls are judged one after the other. It fails
// beyond what is allowed. What took a call longer than it should is seen as the calls meet it: processor, locks and garbage collection.
func BenchmarkRevocationList(b *testing.B) {
	var ahead atomic.Int64
	c := newCrowdAt(b, 10_000, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	ca := c.issueMany(b)
	var worst time.Duration
	var waits histogram
	for b.Loop() {
		ahead.Add(int64(7 * time.Hour)) // the last list has grown old
		stop, allowed := make(chan struct{}), make(chan bool)
		go func() { allowed <- c.judge(stop, &waits) }()
		began := time.Now()
		list, err := c.authority.CRL(ca)
		took := time.Since(began)
		close(stop)
		if !<-allowed {
			b.Fatal("a call was refused")
		}
		if err != nil || len(list.DER) < revokedOnList*20 {
			b.Fatal("no list of everything revoked", err)
		}
		worst = max(worst, took)
	}
	b.ReportMetric(worst.Seconds(), "build-s")
	b.ReportMetric(float64(waits.quantile(0.99))/1e3, "p99-us")
	b.ReportMetric(float64(waits.quantile(0.999))/1e3, "p99.9-us")
	if p99 := waits.quantile(0.99); worst > buildWithin || p99 > checkWithin {
		b.Errorf("a list took %s and of 100 calls meanwhile 99 at most %s; allowed are %s and %s", worst, p99, buildWithin, checkWithin)
	}
}

// judge has calls judged, each of another device, until it is stopped or one is refused.
func (c *crowd) judge(stop <-chan struct{}, waits *histogram) (allowed bool) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return true
		default:
		}
		began := time.Now()
		call, err := c.config.Check(&c.requests[i*7919%len(c.requests)])
		waits.add(time.Since(began))
		if err != nil || !call.Allowed() {
			return false
		}
		call.Done(authority.Outcome{})
	}
}

// issueMany writes the certificates of one device that nobody uses any more, with every tenth of them revoked.
func (c *crowd) issueMany(b *testing.B) *gate.CA {
	b.Helper()
	known := c.authority.Directory().Certificates("")[0]
	now := time.Now().UTC().Truncate(time.Second)
	stop := &gate.Revocation{At: now, By: "stf_x", Reason: gate.Superseded, Why: "renewed"}
	const batch = 1000
	for n := 0; n < issuedOnList; n += batch {
		_, err := c.authority.Store().Update(func(tx *certstore.Tx) (gate.Event, error) {
			for i := n; i < n+batch; i++ {
				id := [16]byte{0xff} // behind all others, so that each is put at the end of the list
				binary.BigEndian.PutUint64(id[8:], uint64(i))
				serial := gate.FingerprintOf(id[:])
				crt := &gate.Certificate{ID: gate.CertificateID(gate.FormatID(gate.CertificatePrefix, id)), Account: known.Account, Device: known.Device,
					Environment: gate.Production, Fingerprint: gate.FingerprintOf(serial[:]), Issuer: known.Issuer, Serial: "1" + serial.String()[:38],
					NotBefore: now.Add(-time.Hour), NotAfter: now.Add(1000 * 24 * time.Hour)}
				if i%(issuedOnList/revokedOnList) == 0 {
					crt.Revoked = stop
				}
				certstore.Put(tx, crt)
			}
			return gate.Event{Verb: "test.put", At: now, By: gate.Actor{Name: "test"}, Object: "many"}, nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return c.authority.Directory().CA(known.Issuer)
}

// histogram counts durations by the microsecond; what is longer than it reaches counts as its end.
type histogram struct {
	counts [100_000]int64
	total  int64
}

func (h *histogram) add(d time.Duration) {
	h.counts[min(int(d/time.Microsecond), len(h.counts)-1)]++
	h.total++
}

// quantile is a bound that a part q of all durations is within.
func (h *histogram) quantile(q float64) time.Duration {
	var seen int64
	for i, n := range h.counts {
		if seen += n; float64(seen) >= q*float64(h.total) {
			return time.Duration(i+1) * time.Microsecond
		}
	}
	return 0
}

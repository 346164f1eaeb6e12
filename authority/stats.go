package authority

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// Stats are the numbers behind the metrics. No label of theirs comes from a customer.
type Stats struct {
	Requests          map[gate.Reason]uint64
	HandshakesRefused map[gate.Reason]uint64
	Durations         []uint64 // per bucket of DurationBuckets, and one above; not cumulative
	DurationSum       time.Duration
	InFlight          int
	Credentials       map[gate.CredentialState]int
	Certifications    map[gate.CertificationState]int
	IssuanceDue       time.Duration // until the most urgent release is due, negative if it is overdue; 0 if none is owed
	IssuanceOverdue   int
	Accounts          map[gate.Status]int
	Incidents         map[gate.IncidentState]int
	Notices           map[gate.NoticeState]int
	Expiring          map[Expiring]int
	CAsOutsidePool    int           // in force, and lacking in a trust pool of the running configuration
	DevicesCutOff     int           // in production; see gate.Pulse
	ForeignCRLAge     time.Duration // since the revocation list that was read longest ago was read; 0 if none is to be read
	ForeignCRLsFail   int           // revocation lists that could not be read when they were last asked for
	AuditEvents       int64
	AuditVerified     bool                 // the last verification found nothing wrong; so did the start
	UsageLag          time.Duration        // for how long what was counted has not been written; 1 s and less is as it should be
	DiskFree          int64                // bytes on the disk of data_dir; -1: not known
	JobLastSuccess    map[string]time.Time // zero: never
	Ready             bool
}

// Expiring is a kind of thing that ends within a number of days, one of gate.ReminderDays.
type Expiring struct {
	Kind gate.NoticeKind // one of gate.ReminderKinds, or ReviewDue
	Days int             // of a review also 0: it is overdue
}

// ReviewDue is the kind of reviews that are to be signed. No notice is of that kind: staff are told in the digest.
const ReviewDue gate.NoticeKind = "review-due"

// Stats counts what there is now. It walks the directory, so it is for a scrape and not for a request.
func (a *Authority) Stats() Stats {
	now := a.now()
	s := Stats{
		Requests: a.counters.snapshot(&a.counters.requests), HandshakesRefused: a.counters.snapshot(&a.counters.handshakes),
		DurationSum: time.Duration(a.counters.durationNS.Load()), InFlight: a.flights.len(),
		Credentials: map[gate.CredentialState]int{}, Certifications: map[gate.CertificationState]int{}, Accounts: map[gate.Status]int{},
		Incidents: a.countIncidents(), Notices: a.outbox.count(now), Expiring: a.expiring(now), AuditEvents: a.store.EventCount(), UsageLag: a.UsageLag(), DiskFree: a.diskFree(), JobLastSuccess: map[string]time.Time{}, Ready: a.Ready() == nil,
	}
	s.DevicesCutOff = a.devicesCutOff(now)
	last := a.LastVerification()
	s.AuditVerified = last == nil || last.Err == nil
	for i := range a.counters.durations {
		s.Durations = append(s.Durations, a.counters.durations[i].Load())
	}
	for _, k := range a.dir.Keys("") {
		s.Credentials[k.State(now)]++
	}
	for _, c := range a.dir.Certificates("") {
		s.Credentials[c.State(now)]++
	}
	for _, c := range a.dir.Certifications("") {
		s.Certifications[c.State(c.Term(a.dir.Contract, now), now)]++
	}
	for i, c := range a.Queue() {
		if i == 0 {
			s.IssuanceDue = c.IssuanceDue.Sub(now)
		}
		if c.Issuance(now) == gate.IssuanceOverdue {
			s.IssuanceOverdue++
		}
	}
	for _, ca := range a.dir.CAs() {
		if ca.Anchors(now) && !a.Pooled(ca) {
			s.CAsOutsidePool++
		}
	}
	s.ForeignCRLAge, s.ForeignCRLsFail = a.listsAge(now)
	for _, account := range a.dir.Accounts() {
		s.Accounts[a.AccountStatus(account.ID, now)]++
	}
	for _, j := range a.jobs {
		if at := j.lastSuccess.Load(); at != 0 {
			s.JobLastSuccess[j.name] = time.Unix(at, 0)
		} else {
			s.JobLastSuccess[j.name] = time.Time{}
		}
	}
	return s
}

// AccountStatus is what the remediations of the account itself come to.
func (a *Authority) AccountStatus(id gate.AccountID, now time.Time) gate.Status {
	var own []*gate.Remediation
	for _, r := range a.dir.Remediations(id) {
		if r.Subject.Kind == gate.AccountSubject {
			own = append(own, r)
		}
	}
	return gate.StatusOf(own, now)
}

// Ready says why requests cannot be decided now; nil if they can.
func (a *Authority) Ready() error {
	if a.closed.Load() {
		return ErrUnavailable
	}
	return a.quarantined()
}

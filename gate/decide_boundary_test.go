package gate_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// moment is an instant and the answer at it.
type moment struct {
	at   time.Time
	want gate.Reason
}

func checkMoments(t *testing.T, s *scene, moments []moment) {
	t.Helper()
	for _, m := range moments {
		s.now = m.at
		if got := s.decide(); got.Reason != m.want {
			t.Errorf("%s: %s, want %s", m.at.Format(time.RFC3339Nano), got.Reason, m.want)
		}
	}
}

func TestACertificateIsGoodInItsFirstAndLastInstant(t *testing.T) {
	s := good(t, gate.Production)
	from, to := s.r.Leaf.NotBefore, s.r.Leaf.NotAfter
	checkMoments(t, s, []moment{
		{from.Add(-time.Nanosecond), gate.CertificateNotYetValid},
		{from, gate.Allowed},
		{to, gate.Allowed}, // inclusive, RFC 5280 section 4.1.2.5
		{to.Add(time.Nanosecond), gate.CertificateExpired},
	})
}

func TestAnIssuerIsGoodInItsFirstAndLastInstant(t *testing.T) {
	s := good(t, gate.Production)
	s.c.Issuer.NotBefore, s.c.Issuer.NotAfter = noon.Add(-time.Hour), noon.Add(time.Hour)
	checkMoments(t, s, []moment{
		{noon.Add(-time.Hour - 1), gate.CertificateUntrusted},
		{noon.Add(-time.Hour), gate.Allowed},
		{noon.Add(time.Hour), gate.Allowed},
		{noon.Add(time.Hour + 1), gate.CertificateUntrusted},
	})
}

func TestARetiringKeyIsGoodUntilItsEnd(t *testing.T) {
	s := good(t, gate.Production)
	s.c.Key.RetireAt = new(noon.Add(time.Hour))
	checkMoments(t, s, []moment{
		{noon, gate.Allowed},
		{noon.Add(time.Hour - 1), gate.Allowed},
		{noon.Add(time.Hour), gate.InvalidToken},
	})
}

func TestAContractCountsWholeDaysInItsZone(t *testing.T) {
	rows := []struct {
		zone         string
		first, last  gate.Date
		begins, ends time.Time // ends is the first instant after it
	}{
		{"UTC", "2027-03-01", "2027-03-31", utc(2027, 3, 1, 0), utc(2027, 4, 1, 0)},
		{"America/New_York", "2027-03-01", "2027-03-31", utc(2027, 3, 1, 5), utc(2027, 4, 1, 4)},       // summer time begins in between
		{"America/New_York", "2027-03-14", "2027-03-14", utc(2027, 3, 14, 5), utc(2027, 3, 15, 4)},     // the day of 23 hours
		{"America/New_York", "2027-11-07", "2027-11-07", utc(2027, 11, 7, 4), utc(2027, 11, 8, 5)},     // the day of 25
		{"Pacific/Kiritimati", "2027-03-01", "2027-03-31", utc(2027, 2, 28, 10), utc(2027, 3, 31, 10)}, // 14 hours ahead
		{"Etc/GMT+12", "2027-03-01", "2027-03-31", utc(2027, 3, 1, 12), utc(2027, 4, 1, 12)},           // 12 hours behind
		{"America/Sao_Paulo", "2018-11-01", "2018-11-03", utc(2018, 11, 1, 3), utc(2018, 11, 4, 3)},    // no midnight after the last day
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04", utc(2018, 11, 4, 3), utc(2018, 11, 5, 2)},    // none on the first
		{"Africa/Cairo", "2026-04-24", "2026-04-24", utc(2026, 4, 23, 22), utc(2026, 4, 24, 21)},       // the same east of Greenwich
		{"America/Havana", "2026-11-01", "2026-11-01", utc(2026, 11, 1, 4), utc(2026, 11, 2, 5)},       // midnight comes twice
		{"Asia/Amman", "2021-10-28", "2021-10-28", utc(2021, 10, 27, 21), utc(2021, 10, 28, 21)},       // twice after the last day, in the east
		{"Pacific/Apia", "2011-12-29", "2011-12-30", utc(2011, 12, 29, 10), utc(2011, 12, 30, 10)},     // the last day was skipped
		{"UTC", "2028-02-29", "2028-02-29", utc(2028, 2, 29, 0), utc(2028, 3, 1, 0)},
		{"UTC", "2027-12-31", "2027-12-31", utc(2027, 12, 31, 0), utc(2028, 1, 1, 0)},
	}
	for _, row := range rows {
		s := good(t, gate.Production)
		s.c.Contracts[0].Zone = row.zone
		setTerm(s, row.first, row.last)
		s.r.Leaf.NotBefore, s.c.Issuer.NotBefore = row.begins.AddDate(0, 0, -9), row.begins.AddDate(0, 0, -9)
		s.r.Leaf.NotAfter, s.c.Issuer.NotAfter = row.ends.AddDate(0, 0, 9), row.ends.AddDate(0, 0, 9)
		if begins, ends := s.c.Contracts[0].Term(); !begins.Equal(row.begins) || !ends.Equal(row.ends) {
			t.Errorf("%s to %s in %s: from %s until %s, want %s until %s", row.first, row.last, row.zone, begins.UTC(), ends.UTC(), row.begins, row.ends)
			continue
		}
		checkMoments(t, s, []moment{
			{row.begins.Add(-1), gate.ContractNotYetStarted},
			{row.begins, gate.Allowed},
			{row.ends.Add(-1), gate.Allowed},
			{row.ends, gate.ContractHasEnded},
		})
	}
}

func utc(year, month, day, hour int) time.Time {
	return time.Date(year, time.Month(month), day, hour, 0, 0, 0, time.UTC)
}

func TestAnEarlyEndCountsFromItsInstant(t *testing.T) {
	s := good(t, gate.Production)
	s.c.Contracts[0].Ended = &gate.Ending{At: noon.Add(time.Hour)}
	checkMoments(t, s, []moment{
		{noon.Add(time.Hour - 1), gate.Allowed},
		{noon.Add(time.Hour), gate.ContractHasEnded},
	})
}

func TestAnEarlyEndAfterTheTermChangesNothing(t *testing.T) {
	s := good(t, gate.Production)
	setTerm(s, "2027-03-10", "2027-03-10")
	_, ends := s.c.Contracts[0].Term()
	s.r.Leaf.NotAfter = ends
	s.c.Contracts[0].Ended = &gate.Ending{At: ends.Add(time.Hour)}
	checkMoments(t, s, []moment{{ends.Add(-1), gate.Allowed}, {ends, gate.ContractHasEnded}})
}

func TestACertificationLapsesExactlyWhenRecertificationWasDue(t *testing.T) {
	s := good(t, gate.Production)
	s.c.Certifications[0].RecertifyBy = new(noon.Add(time.Hour))
	checkMoments(t, s, []moment{
		{noon.Add(time.Hour - 1), gate.Allowed},
		{noon.Add(time.Hour), gate.RecertificationOverdue},
	})
}

func TestARenewalNeedsACertificationOfItsOwn(t *testing.T) {
	s := good(t, gate.Production)
	setTerm(s, "2027-01-01", "2027-03-09")
	next := newContract(t, "con_2", "2027-03-10", "2028-03-09", "America/New_York")
	next.Grant = s.c.Contracts[0].Grant
	s.c.Contracts = append(s.c.Contracts, next)
	begins, _ := next.Term()
	s.r.Leaf.NotBefore = begins.Add(-time.Hour)
	checkMoments(t, s, []moment{{begins.Add(-1), gate.Allowed}, {begins, gate.CertificationEnded}})

	s.c.Certifications = append(s.c.Certifications, inForce("cas_2", "con_2", next.Grant, "dev_1"))
	checkMoments(t, s, []moment{{begins.Add(-1), gate.Allowed}, {begins, gate.Allowed}})
}

func TestASuspensionEndsByItself(t *testing.T) {
	s := good(t, gate.Production)
	s.c.Remediations[gate.OfDevice] = []*gate.Remediation{
		{Measure: gate.Suspend, From: noon, Until: new(noon.Add(time.Hour))},
	}
	checkMoments(t, s, []moment{
		{noon.Add(-1), gate.Allowed},
		{noon, gate.AccountSuspended},
		{noon.Add(time.Hour - 1), gate.AccountSuspended},
		{noon.Add(time.Hour), gate.Allowed},
	})
}

func TestALiftedSuspensionEndsWhenItWasLifted(t *testing.T) {
	s := good(t, gate.Production)
	s.c.Remediations[gate.OfKey] = []*gate.Remediation{
		{Measure: gate.Suspend, From: noon, Lifted: &gate.Lifting{At: noon.Add(time.Hour)}},
	}
	checkMoments(t, s, []moment{
		{noon.Add(time.Hour - 1), gate.AccountSuspended},
		{noon.Add(time.Hour), gate.Allowed},
	})
}

func TestTheStrictestRemediationWins(t *testing.T) {
	var (
		never   *time.Time
		soon    = new(noon.Add(time.Hour))
		later   = new(noon.Add(2 * time.Hour))
		suspend = func(until *time.Time) *gate.Remediation {
			return &gate.Remediation{Measure: gate.Suspend, From: noon, Until: until}
		}
		terminate = &gate.Remediation{Measure: gate.Terminate, From: noon}
		past      = &gate.Remediation{Measure: gate.Terminate, From: noon.Add(-time.Hour), Until: &noon}
	)
	type levels = [5][]*gate.Remediation
	rows := []struct {
		name  string
		given levels
		want  gate.Reason
		scope gate.SubjectKind
		until *time.Time
	}{
		{"none", levels{}, gate.Allowed, "", nil},
		{"one that is past", levels{gate.OfDevice: {past}}, gate.Allowed, "", nil},
		{"the device suspended", levels{gate.OfDevice: {suspend(soon)}}, gate.AccountSuspended, gate.DeviceSubject, soon},
		{"account and key suspended", levels{gate.OfAccount: {suspend(soon)}, gate.OfKey: {suspend(later)}}, gate.AccountSuspended, gate.AccountSubject, later},
		{"the wider one ends later", levels{gate.OfAccount: {suspend(later)}, gate.OfKey: {suspend(soon)}}, gate.AccountSuspended, gate.AccountSubject, later},
		{"the narrower one does not end", levels{gate.OfAccount: {suspend(soon)}, gate.OfCertificate: {suspend(never)}}, gate.AccountSuspended, gate.AccountSubject, nil},
		{"two of one device", levels{gate.OfDevice: {suspend(never), suspend(soon)}}, gate.AccountSuspended, gate.DeviceSubject, nil},
		{"organization suspended, key terminated", levels{gate.OfOrganization: {suspend(soon)}, gate.OfKey: {terminate}}, gate.AccountTerminated, gate.KeySubject, nil},
		{"organization terminated, key suspended", levels{gate.OfOrganization: {terminate}, gate.OfKey: {suspend(soon)}}, gate.AccountTerminated, gate.OrganizationSubject, nil},
		{"suspended and terminated at one level", levels{gate.OfAccount: {suspend(soon), terminate}}, gate.AccountTerminated, gate.AccountSubject, nil},
	}
	for _, row := range rows {
		s := good(t, gate.Production)
		s.c.Remediations = row.given
		got := s.decide()
		var until time.Time
		if row.until != nil {
			until = *row.until
		}
		if got.Reason != row.want || got.Scope != row.scope || !got.Until.Equal(until) {
			t.Errorf("%s: %s of %q until %v, want %s of %q until %v", row.name, got.Reason, got.Scope, got.Until, row.want, row.scope, until)
		}
	}
}

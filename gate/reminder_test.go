package gate_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

func TestAReminderIsDueAtTheNearestMark(t *testing.T) {
	ends := noon.AddDate(1, 0, 0)
	before := func(days int, more time.Duration) time.Time {
		return ends.Add(-time.Duration(days)*24*time.Hour + more)
	}
	longAgo := noon.AddDate(-1, 0, 0)
	rows := []struct {
		name  string
		kind  gate.NoticeKind
		since time.Time
		now   time.Time
		sent  []int
		days  int // 0: none
	}{
		{"long before", gate.ContractEndsNotice, longAgo, before(90, -1), nil, 0},
		{"at the first mark", gate.ContractEndsNotice, longAgo, before(90, 0), nil, 90},
		{"told already", gate.ContractEndsNotice, longAgo, before(89, 0), []int{90}, 0},
		{"at the next", gate.CertificateEndsNotice, longAgo, before(60, 0), []int{90}, 60},
		{"after a pause the nearest", gate.KeyEndsNotice, longAgo, before(8, 0), []int{90}, 14},
		{"and no earlier one afterwards", gate.KeyEndsNotice, longAgo, before(8, 0), []int{90, 14}, 0},
		{"none if the clock was set back", gate.ContractEndsNotice, longAgo, before(40, 0), []int{30}, 0},
		{"the last", gate.ContractEndsNotice, longAgo, before(0, -1), nil, 1},
		{"at the end", gate.ContractEndsNotice, longAgo, ends, nil, 0},
		{"settled after the mark", gate.RecertificationDueNotice, before(20, 0), before(15, 0), nil, 0},
		{"settled at the mark", gate.RecertificationDueNotice, before(30, 0), before(30, 0), nil, 0},
		{"settled before the next", gate.RecertificationDueNotice, before(20, 0), before(14, 0), nil, 14},
		{"a link two days before", gate.LinkEndsNotice, longAgo, before(2, 0), nil, 0},
		{"a link a day before", gate.LinkEndsNotice, longAgo, before(1, 0), nil, 1},
	}
	for _, row := range rows {
		c := gate.Countdown{Kind: row.kind, Subject: "x_1", Since: row.since, Ends: ends}
		var sent []string
		for _, days := range row.sent {
			sent = append(sent, c.ReminderID(days))
		}
		days, due := c.Due(row.now, func(id string) bool { return slices.Contains(sent, id) })
		if days != row.days || due != (row.days != 0) {
			t.Errorf("%s: %d, %v", row.name, days, due)
		}
	}
}

func TestDaysLeftCountAPartAsOne(t *testing.T) {
	c := gate.Countdown{Ends: noon}
	for left, want := range map[time.Duration]int{1: 1, 24 * time.Hour: 1, 24*time.Hour + 1: 2, 30 * 24 * time.Hour: 30} {
		if got := c.Left(noon.Add(-left)); got != want {
			t.Errorf("%s: %d, want %d", left, got, want)
		}
	}
}

// belongings are a retiring key with its successor and a link that nobody opened.
func belongings(s *scene) *gate.Belongings {
	retire := noon.AddDate(0, 0, 5)
	s.c.Key.RetireAt, s.c.Key.IssuedAt = &retire, noon.AddDate(-1, 0, 0)
	return &gate.Belongings{
		Keys:  []*gate.Key{s.c.Key, {ID: "key_2", IssuedAt: noon}},
		Links: []*gate.Enrollment{{ID: "enr_1", ReleasedAt: noon, ExpiresAt: noon.Add(gate.EnrollmentLifetime)}},
	}
}

func TestWhatCountsDownForADevice(t *testing.T) {
	at := func(days int) time.Time { return noon.AddDate(0, 0, days) }
	all := []gate.NoticeKind{gate.LinkEndsNotice, gate.ContractEndsNotice, gate.RecertificationDueNotice, gate.CertificateEndsNotice, gate.KeyEndsNotice}
	rows := []struct {
		name string
		make func(s *scene, b *gate.Belongings)
		want []gate.NoticeKind
	}{
		{"everything", func(*scene, *gate.Belongings) {}, all},
		{"no material change", func(s *scene, _ *gate.Belongings) { s.c.Certifications[0].RecertifyBy = nil }, append(slices.Clone(all[:2]), all[3:]...)},
		{"the account is terminated", func(s *scene, _ *gate.Belongings) {
			s.c.Remediations[gate.OfAccount] = []*gate.Remediation{{Measure: gate.Terminate, From: at(-1)}}
		}, nil},
		{"it closes before all", func(s *scene, _ *gate.Belongings) {
			s.c.Remediations[gate.OfAccount] = []*gate.Remediation{{Measure: gate.Terminate, From: at(1), PlannedAt: new(noon)}}
		}, nil},
		{"the device is suspended", func(s *scene, _ *gate.Belongings) {
			s.c.Remediations[gate.OfDevice] = []*gate.Remediation{{Measure: gate.Suspend, From: at(-1)}}
		}, all},
		{"the contract is ended", func(s *scene, _ *gate.Belongings) { s.c.Contracts[0].Ended = &gate.Ending{At: noon} }, all[:1]},
		{"the certification is revoked", func(s *scene, _ *gate.Belongings) { s.c.Certifications[0].Revoked = &gate.Ending{At: noon} }, all[:2]},
		{"the certificate is revoked", func(s *scene, _ *gate.Belongings) { s.c.Certificate.Revoked = &gate.Revocation{At: noon} }, append(slices.Clone(all[:3]), all[4])},
		{"the certificate is terminated", func(s *scene, _ *gate.Belongings) {
			s.c.Remediations[gate.OfCertificate] = []*gate.Remediation{{Measure: gate.Terminate, From: noon}}
		}, append(slices.Clone(all[:3]), all[4])},
		{"the key is revoked", func(s *scene, _ *gate.Belongings) { s.c.Key.Revoked = &gate.Revocation{At: noon} }, all[:4]},
		{"the link was opened", func(_ *scene, b *gate.Belongings) { b.Links[0].Redemptions = 1 }, all[1:]},
		{"the link was replaced", func(_ *scene, b *gate.Belongings) { b.Links[0].Canceled = &gate.Act{} }, all[1:]},
		{"another environment", func(s *scene, _ *gate.Belongings) { s.c.Device.Environment = gate.Preprod }, all[:1]},
	}
	for _, row := range rows {
		s := good(t, gate.Production)
		s.c.Certifications[0].RecertifyBy = new(at(10))
		b := belongings(s)
		row.make(s, b)
		var got []gate.NoticeKind
		for _, c := range gate.Countdowns(&s.c, b, noon) {
			got = append(got, c.Kind)
			if !c.Ends.After(noon) || c.Subject == "" {
				t.Errorf("%s: %+v", row.name, c)
			}
			if c.Kind == gate.KeyEndsNotice && !c.Since.Equal(noon) {
				t.Errorf("the key was replaced at %s", c.Since)
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

// The job runs at random intervals for two years, sometimes after a long pause; sometimes the contract is renewed.
func TestEachMarkIsToldOnceOverTwoYears(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := good(rt, gate.Production)
		_, s.c.Certificate.NotAfter = s.c.Contracts[0].Term()
		s.c.Certificate.NotAfter = s.c.Certificate.NotAfter.AddDate(5, 0, 0)
		s.c.Contracts[0].CreatedAt = noon.AddDate(-1, 0, 0)
		sent := map[string]bool{}
		told := map[gate.ContractID][]int{}
		for now := noon; now.Before(noon.AddDate(2, 0, 0)); {
			pause := rapid.OneOf(rapid.IntRange(1, 48), rapid.IntRange(1, 90*24)).Draw(rt, "hours")
			now = now.Add(time.Duration(pause) * time.Hour)
			last := s.c.Contracts[len(s.c.Contracts)-1]
			if last.State(now) == gate.ContractInForce && rapid.IntRange(0, 9).Draw(rt, "renew") == 0 {
				answer := immaterially(now)
				next, err := last.Renew(gate.ContractID(fmt.Sprint("con_", len(s.c.Contracts)+1)), last.Last.AddDays(365), answer)
				if err != nil || next.Resolve(time.LoadLocation) != nil {
					rt.Fatal(err)
				}
				s.c.Contracts = append(s.c.Contracts, &next)
				carried, _ := s.c.Certifications[0].Carry(&next)
				s.c.Certifications[0] = &carried
			}
			oneRound(rt, s, now, sent, told)
		}
	})
}

func oneRound(rt *rapid.T, s *scene, now time.Time, sent map[string]bool, told map[gate.ContractID][]int) {
	for _, c := range gate.Countdowns(&s.c, &gate.Belongings{}, now) {
		for range 2 { // the second time is a restart
			days, due := c.Due(now, func(id string) bool { return sent[id] })
			if !due {
				continue
			}
			if sent[c.ReminderID(days)] || c.Left(now) > days {
				rt.Fatalf("%d days at %s, when %d are left", days, now, c.Left(now))
			}
			sent[c.ReminderID(days)] = true
			if c.Kind != gate.ContractEndsNotice {
				continue
			}
			id := gate.ContractID(c.Subject)
			if id != s.c.Contracts[len(s.c.Contracts)-1].ID {
				rt.Fatalf("%s was renewed and is reminded of", id)
			}
			if before := told[id]; len(before) > 0 && before[len(before)-1] <= days {
				rt.Fatalf("%d days after %v", days, before)
			}
			told[id] = append(told[id], days)
		}
	}
}

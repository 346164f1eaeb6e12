package gate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// caseMachine drives one certification through random transitions by random staff.
type caseMachine struct {
	c         gate.Certification
	contract  *gate.Contract
	now       time.Time
	n         int // interviews so far
	recertify *time.Time
}

// step makes one transition and checks what holds for all of them: on an error the value comes back as it was, and what was handed in is
// never changed.
func (m *caseMachine) step(rt *rapid.T, what string, move func(c gate.Certification) (gate.Certification, error)) bool {
	before := copyOf(&m.c)
	next, err := move(m.c)
	if diff := cmp.Diff(before, &m.c); diff != "" {
		rt.Fatalf("%s changed the value that it was given (-before +after):\n%s", what, diff)
	}
	if err != nil {
		if diff := cmp.Diff(before, &next); diff != "" {
			rt.Fatalf("%s was refused (%v) and changed the value (-before +after):\n%s", what, err, diff)
		}
		if gate.KindOf(err) == gate.Internal {
			rt.Fatalf("%s: an error without a kind: %v", what, err)
		}
		return false
	}
	m.c = next
	return true
}

// copyOf shares nothing with c.
func copyOf(c *gate.Certification) *gate.Certification {
	out := *c
	out.Devices = append([]gate.DeviceID(nil), c.Devices...)
	out.Interviews = append([]gate.Interview(nil), c.Interviews...)
	for i, v := range out.Interviews {
		out.Interviews[i].Moved, out.Interviews[i].Ended = append([]gate.Moving(nil), v.Moved...), copied(v.Ended)
		if v.Held != nil {
			held := *v.Held
			held.Attendees = append([]gate.Attendee(nil), held.Attendees...)
			held.Answers = append([]gate.Answer(nil), held.Answers...)
			out.Interviews[i].Held = &held
		}
	}
	out.Findings = append([]gate.Finding(nil), c.Findings...)
	for i, f := range out.Findings {
		out.Findings[i].Closed = copied(f.Closed)
	}
	out.Changes = append([]gate.ChangeReport(nil), c.Changes...)
	for i, v := range out.Changes {
		out.Changes[i].Judged = copied(v.Judged)
	}
	out.Carried, out.Joined = append([]gate.Carrying(nil), c.Carried...), append([]gate.Joining(nil), c.Joined...)
	out.Recertified = append([]gate.Recertification(nil), c.Recertified...)
	out.Demanded, out.Update = copied(c.Demanded), copied(c.Update)
	out.Approved, out.Rejected, out.Withdrawn, out.Released = copied(c.Approved), copied(c.Rejected), copied(c.Withdrawn), copied(c.Released)
	out.EnrolledAt, out.RecertifyBy, out.Revoked = copied(c.EnrolledAt), copied(c.RecertifyBy), copied(c.Revoked)
	return &out
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func (m *caseMachine) act(rt *rapid.T) gate.Act {
	return gate.Act{
		By:  rapid.SampledFrom([]gate.StaffID{"stf_ben", "stf_cho", "stf_eve"}).Draw(rt, "who"),
		At:  m.now,
		Why: rapid.SampledFrom([]string{"a reason", ""}).Draw(rt, "why"),
	}
}

func (m *caseMachine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": m.check,
		"wait": func(rt *rapid.T) {
			m.now = m.now.Add(time.Duration(rapid.IntRange(0, 90*24).Draw(rt, "hours")) * time.Hour)
		},
		"schedule": func(rt *rapid.T) {
			m.n++
			id := gate.InterviewID("int_" + string(rune('0'+m.n%10)))
			at := m.now.Add(time.Duration(rapid.IntRange(-1, 48).Draw(rt, "hours")) * time.Hour)
			p := gate.Plan{At: at, Interviewer: m.act(rt).By}
			m.step(rt, "schedule", func(c gate.Certification) (gate.Certification, error) { return c.Schedule(id, p, m.act(rt)) })
		},
		"cancel": func(rt *rapid.T) {
			id := m.interview(rt)
			m.step(rt, "cancel", func(c gate.Certification) (gate.Certification, error) { return c.CancelInterview(id, m.act(rt)) })
		},
		"miss": func(rt *rapid.T) {
			id := m.interview(rt)
			m.step(rt, "miss", func(c gate.Certification) (gate.Certification, error) { return c.MissInterview(id, m.act(rt)) })
		},
		"hold": func(rt *rapid.T) {
			id := m.interview(rt)
			record := transcript(m.act(rt).By)
			record.At = m.now
			record.DemoShown = rapid.Bool().Draw(rt, "demo")
			record.Attendees[0].Consented = rapid.IntRange(0, 3).Draw(rt, "consent") > 0
			findings := rapid.SliceOfN(rapid.SampledFrom([]string{"keys are mailed", ""}), 0, 2).Draw(rt, "findings")
			m.step(rt, "hold", func(c gate.Certification) (gate.Certification, error) { return c.Hold(id, record, found(findings...)) })
		},
		"close": func(rt *rapid.T) {
			n := rapid.IntRange(-1, len(m.c.Findings)).Draw(rt, "finding")
			m.step(rt, "close", func(c gate.Certification) (gate.Certification, error) { return c.CloseFinding(n, m.act(rt)) })
		},
		"approve": m.approve,
		"reject": func(rt *rapid.T) {
			if !rarely(rt) {
				return
			}
			m.step(rt, "reject", func(c gate.Certification) (gate.Certification, error) { return c.Reject(m.act(rt)) })
		},
		"withdraw": func(rt *rapid.T) {
			if !rarely(rt) {
				return
			}
			m.step(rt, "withdraw", func(c gate.Certification) (gate.Certification, error) { return c.Withdraw(m.act(rt)) })
		},
		"release": func(rt *rapid.T) {
			act := m.act(rt)
			if m.step(rt, "release", func(c gate.Certification) (gate.Certification, error) { return c.Release(m.contract, act) }) && act.By == m.c.Approved.By {
				rt.Fatalf("%s approved and released", act.By)
			}
		},
		"enroll": func(rt *rapid.T) {
			m.step(rt, "enroll", func(c gate.Certification) (gate.Certification, error) { return c.Enroll(m.now), nil })
		},
		"report": func(rt *rapid.T) {
			kind := rapid.SampledFrom(append(gate.ChangeKinds(), "weather")).Draw(rt, "kind")
			m.step(rt, "report", func(c gate.Certification) (gate.Certification, error) {
				return c.ReportChange(kind, "moved", m.act(rt))
			})
		},
		"judge": func(rt *rapid.T) {
			n, act := rapid.IntRange(-1, len(m.c.Changes)).Draw(rt, "change"), m.act(rt)
			material := rapid.Bool().Draw(rt, "material")
			if m.step(rt, "judge", func(c gate.Certification) (gate.Certification, error) { return c.JudgeChange(n, material, act) }) && m.c.Changes[n].Reported.By == act.By {
				rt.Fatalf("%s reported and judged", act.By)
			}
			m.dueNoLater(rt)
		},
		"update": func(rt *rapid.T) {
			u := gate.ProfileUpdate{Profile: gate.Profile{Grant: gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment}}}, Documents: "vault/9", Submitted: m.act(rt)}
			m.step(rt, "update", func(c gate.Certification) (gate.Certification, error) { return c.UpdateProfile(u, everyBehavior) })
		},
		"pass": m.pass,
		"join": func(rt *rapid.T) {
			device := &gate.Device{ID: rapid.SampledFrom([]gate.DeviceID{"dev_1", "dev_2", "dev_3"}).Draw(rt, "device"), Account: "acc_1", Environment: gate.Production}
			m.step(rt, "join", func(c gate.Certification) (gate.Certification, error) { return c.Join(m.contract, device, m.act(rt)) })
		},
		"recertify": func(rt *rapid.T) {
			due := m.now.Add(time.Duration(rapid.IntRange(-1, 60*24).Draw(rt, "hours")) * time.Hour)
			m.step(rt, "recertify", func(c gate.Certification) (gate.Certification, error) { return c.Recertify(due, m.act(rt)) })
			m.dueNoLater(rt)
		},
		"revoke": func(rt *rapid.T) {
			if !rarely(rt) {
				return
			}
			m.step(rt, "revoke", func(c gate.Certification) (gate.Certification, error) { return c.Revoke(m.act(rt)) })
		},
	}
}

// interview is one of the case's, or none.
func (m *caseMachine) interview(rt *rapid.T) gate.InterviewID {
	ids := []gate.InterviewID{"int_none"}
	if planned := m.c.Planned(); planned != nil {
		ids = append(ids, planned.ID, planned.ID, planned.ID)
	}
	for _, v := range m.c.Interviews {
		ids = append(ids, v.ID)
	}
	return rapid.SampledFrom(ids).Draw(rt, "interview")
}

// dueNoLater holds for every demand: only the recertification itself ends an earlier one.
func (m *caseMachine) dueNoLater(rt *rapid.T) {
	if m.recertify != nil && m.c.RecertifyBy.After(*m.recertify) {
		rt.Fatalf("recertification was due by %s and is now by %s", m.recertify, m.c.RecertifyBy)
	}
	m.recertify = m.c.RecertifyBy
}

func (m *caseMachine) pass(rt *rapid.T) {
	act, before := m.act(rt), m.c
	missing := m.c.Missing(m.contract, gate.Requirements{}, m.now)
	if !m.step(rt, "pass", func(c gate.Certification) (gate.Certification, error) {
		return c.PassRecertification(m.contract, gate.Requirements{}, act)
	}) {
		return
	}
	m.recertify = nil
	if len(missing) > 0 || before.RecertifyBy == nil || before.Interviewed(act.By) {
		rt.Fatalf("%s certified anew what was due %v, missing %q", act.By, before.RecertifyBy, missing)
	}
	shown := false
	for _, v := range before.Interviews {
		shown = shown || v.Held != nil && v.Held.DemoShown && !v.At.Before(before.Demanded.At)
	}
	if !shown {
		rt.Fatal("certified anew without a demo since it was demanded")
	}
}

// rarely is for what ends a case, or few would get far.
func rarely(rt *rapid.T) bool { return rapid.IntRange(0, 7).Draw(rt, "rarely") == 7 }

func (m *caseMachine) approve(rt *rapid.T) {
	act := m.act(rt)
	missing := m.c.Missing(m.contract, gate.Requirements{}, m.now)
	if !m.step(rt, "approve", func(c gate.Certification) (gate.Certification, error) {
		return c.Approve(m.contract, gate.Requirements{}, act)
	}) {
		return
	}
	if len(missing) > 0 {
		rt.Fatalf("approved although this is missing: %q", missing)
	}
	for _, v := range m.c.Interviews {
		if v.Held != nil && (v.Interviewer == act.By || v.Held.By == act.By) {
			rt.Fatalf("%s interviewed in %s and approved", act.By, v.ID)
		}
	}
}

// check holds in every state.
func (m *caseMachine) check(rt *rapid.T) {
	c := &m.c
	state := c.State(m.contract, m.now)
	if state == gate.InForce && (c.Approved == nil || c.Released == nil || c.EnrolledAt == nil || m.contract.State(m.now) == gate.ContractEnded ||
		c.Revoked != nil || c.Rejected != nil || c.Withdrawn != nil || c.RecertifyBy != nil && !m.now.Before(*c.RecertifyBy)) {
		rt.Fatalf("in force at %s: %+v", m.now, c)
	}
	if got := c.State(nil, m.now); got == gate.InForce || got == gate.Approved || got == gate.Released {
		rt.Fatalf("%s without a contract", got)
	}
	if c.Approved != nil && c.Released != nil && c.Approved.By == c.Released.By {
		rt.Fatalf("%s approved and released", c.Approved.By)
	}
	decisions := 0
	for _, d := range []*gate.Act{c.Approved, c.Rejected, c.Withdrawn} {
		if d != nil {
			decisions++
		}
	}
	if decisions > 1 {
		rt.Fatalf("decided %d times: %+v", decisions, c)
	}
	planned := 0
	for _, v := range c.Interviews {
		if v.Planned() {
			planned++
		}
	}
	if planned > 1 {
		rt.Fatalf("%d interviews are planned at once", planned)
	}
}

func TestNoCaseComesIntoForceByAShortcut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &caseMachine{contract: signed(rt), now: noon}
		m.contract.Last = "2027-06-30"
		if err := m.contract.Resolve(time.LoadLocation); err != nil {
			rt.Fatal(err)
		}
		// Cases begin at different places, or few would get far.
		switch rapid.IntRange(0, 3).Draw(rt, "begin") {
		case 0:
			m.c = gate.Certification{ID: "cas_1", Account: "acc_1", Contract: "con_1", Devices: []gate.DeviceID{"dev_1"}}
		case 1:
			m.c, m.n = interviewed(), 1
		case 2:
			m.c, m.n = interviewed(), 1
			m.c.Findings = []gate.Finding{{Text: "keys are mailed"}}
		case 3:
			m.c, m.n = interviewed(), 1
			m.c.Approved = &gate.Act{By: "stf_cho", At: noon}
		}
		rt.Repeat(m.actions())
	})
}

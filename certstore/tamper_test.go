package certstore

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// pairs are two records of every kind, as they are at first and as they are later.
func pairs(later bool) map[gate.RecordKind][]gate.Record {
	out := map[gate.RecordKind][]gate.Record{}
	for n := 1; n <= 2; n++ {
		w := newWorld(n)
		link := &gate.Enrollment{ID: gate.EnrollmentID(fixedID(gate.EnrollmentPrefix, n)), Account: w.account.ID, Device: w.device.ID, TokenHash: fixedPrint(3000 + n)}
		stop := suspension(n, gate.DeviceSubject, string(w.device.ID), w.account.ID)
		review := &gate.Review{ID: gate.ReviewID(fixedID(gate.ReviewPrefix, n)), Account: w.account.ID}
		incident := &gate.Incident{ID: gate.IncidentID(fixedID(gate.IncidentPrefix, n)), Account: w.account.ID}
		ruling := &gate.Ruling{ID: gate.RulingID(fixedID(gate.RulingPrefix, n)), Version: n, Scope: gate.AllScope}
		notice := &gate.Notice{ID: gate.NoticeID(fixedID(gate.NoticePrefix, n)), Account: w.account.ID, Subject: "first", CreatedAt: dawn}
		person := &gate.Staff{ID: gate.StaffID(fixedID(gate.StaffPrefix, n)), Name: w.account.Slug, Certificates: []gate.StaffCertificate{{Fingerprint: fixedPrint(4000 + n)}}}
		pepper := &gate.Pepper{Version: n, Sealed: []byte("first")}
		host := &gate.Host{Name: w.account.Slug + ".example.com", Strictest: gate.Preprod}
		mark := &gate.Mark{ID: "mark-" + w.account.Slug, Object: "first"}
		loss := &gate.Loss{ID: gate.LossID(fixedID(gate.LossPrefix, n))}
		seen := &gate.Observed{Device: w.device.ID, Account: w.account.ID}
		use := &gate.Use{ID: w.key.RecordID(), Account: w.account.ID, At: dawn}
		spent := &gate.Spent{Account: w.account.ID}
		list := &gate.PublishedCRL{CA: fixedPrint(n), Number: 1, At: dawn}
		blocked := &gate.BlockedKey{PublicKey: fixedPrint(5000 + n), At: dawn}
		foreign := &gate.RevocationList{CA: fixedPrint(n), URL: "first"}
		reminder := &gate.Reminder{ID: "reminder-" + w.account.Slug, Account: w.account.ID, Days: 30}
		w.ca.Fingerprint = fixedPrint(n)
		if later {
			act := gate.Act{By: "stf_ben", At: dawn}
			w.account.Name, w.organization.Name, w.device.Name = "Later", "Later", "Later"
			w.contract.Ended, w.certification.Withdrawn = &gate.Ending{At: dawn, By: "stf_ben", Why: "later"}, &act
			w.key.Revoked, w.certificate.Revoked = &gate.Revocation{At: dawn, Why: "later"}, &gate.Revocation{At: dawn, Why: "later"}
			w.ca.SealedKey, pepper.Sealed = []byte("later"), []byte("later")
			link.Canceled, stop.Lifted, person.Disabled = &act, &gate.Lifting{At: dawn, By: "stf_cho"}, &act
			notice.Subject, mark.Object, reminder.Days, host.Strictest, loss.Event, seen.Overflowed = "later", "later", 14, gate.Production, 7, true
			incident.Security, ruling.Confirmed, review.Signed = &act, &act, act
			spent.Quotas = []gate.SpentQuota{{Subject: "later"}}
			use.At, list.Number, blocked.Why, foreign.URL = dawn.Add(time.Hour), 2, "later", "later"
		}
		for _, r := range append(w.records(), link, stop, incident, ruling, review, notice, person, pepper, host, mark, reminder, loss, seen, use, list, blocked, foreign, spent) {
			out[r.RecordKind()] = append(out[r.RecordKind()], r)
		}
	}
	table := &gate.BehaviorTable{Behaviors: []gate.Behavior{{Name: "fhir-query", Method: "GET", Path: "/x", Cost: 1}}}
	if later {
		table.Behaviors[0].Cost = 2
	}
	secret := &gate.Secret{Version: 1}
	if later {
		secret.Version = 2
	}
	out[gate.BehaviorsRecord], out[gate.SecretRecord] = []gate.Record{table}, []gate.Record{secret} // there is one alone
	return out
}

// attacked is an open store on disk in which every record was written twice, and what lay in it after the first time.
type attacked struct {
	*Store
	t     *testing.T
	early map[string][]byte
}

func newAttacked(t *testing.T) *attacked {
	t.Helper()
	a := &attacked{Store: onDisk(t), t: t}
	for _, later := range []bool{false, true} {
		for _, kind := range gate.RecordKinds() {
			update(t, a.Store, pairs(later)[kind]...)
		}
		if !later {
			a.early = raw(t, a.Store)
		}
	}
	return a
}

// verdicts tampers with what lies on disk, past the store, and returns what a start finds and what the hourly check finds. Then all is as it was.
func (a *attacked) verdicts(tamper func(*tampering)) (start, hourly string) {
	a.t.Helper()
	before := raw(a.t, a.Store)
	a.write(tamper)
	if _, err := read(a.db, a.keys(), a.options.Zones); err != nil {
		start = err.Error()
	}
	if _, err := a.Verify(audit.Options{Vkey: a.Vkey()}); err != nil {
		hourly = err.Error()
	}
	now := raw(a.t, a.Store)
	a.write(func(x *tampering) {
		for _, key := range slices.Sorted(maps.Keys(now)) {
			if before[key] == nil {
				x.drop([]byte(key))
			}
		}
		for key, value := range before {
			if !bytes.Equal(value, now[key]) {
				x.set([]byte(key), value)
			}
		}
	})
	return start, hourly
}

func (a *attacked) write(f func(*tampering)) {
	a.t.Helper()
	if err := a.db.Update(func(txn *badger.Txn) error {
		f(&tampering{a.t, a.keys(), txn})
		return nil
	}); err != nil {
		a.t.Fatal(err)
	}
}

// flip changes one bit of what is said, and leaves the rest.
func (x *tampering) flip(key []byte) {
	value := x.get(key)
	value[len(value)-3] ^= 1
	x.set(key, value)
}

// swap puts each of two values in the other's place.
func (x *tampering) swap(a, b []byte) {
	one, other := x.get(a), x.get(b)
	x.set(a, other)
	x.set(b, one)
}

// TestTamperingWithARecordOfAnyKindIsNamed does four things to a record of each kind. A start refuses all of them, and names the record; of what
// was put back to an earlier state without leaving an event, as marks and deliveries are, it can only name the kind. So does the hourly check,
// which does not see that such a record was put back. Of two that changed places it names the one that it meets first.
func TestTamperingWithARecordOfAnyKindIsNamed(t *testing.T) {
	a := newAttacked(t)
	if start, hourly := a.verdicts(func(*tampering) {}); start+hourly != "" {
		t.Fatalf("untouched: %q, %q", start, hourly)
	}
	all := pairs(true)
	for _, kind := range gate.RecordKinds() {
		key := recordKey(kind, all[kind][0].RecordID())
		acts := map[string]func(*tampering){
			"flip":      func(x *tampering) { x.flip(key) },
			"delete":    func(x *tampering) { x.drop(key) },
			"roll back": func(x *tampering) { x.set(key, a.early[string(key)]) },
		}
		if len(all[kind]) > 1 {
			acts["reorder"] = func(x *tampering) { x.swap(key, recordKey(kind, all[kind][1].RecordID())) }
		}
		for act, tamper := range acts {
			start, hourly := a.verdicts(tamper)
			name := string(kind) + " " + all[kind][0].RecordID() + ":"
			if bookkept(kind) && act == "roll back" {
				name = "kind " + string(kind) + ":"
				if hourly != "" {
					t.Errorf("%s %s: the hourly check found %q; say so above", act, kind, hourly)
				}
				hourly = start
			}
			met := strings.Contains(hourly, name) || act == "reorder" && strings.Contains(hourly, string(kind)+" "+all[kind][1].RecordID()+":")
			if !strings.Contains(start, name) || !met {
				t.Errorf("%s %s: a start finds %q and the hourly check %q; want %q named", act, kind, start, hourly, name)
			}
		}
	}
}

// TestTamperingWithAnyEventIsNamed does the same to every event.
func TestTamperingWithAnyEventIsNamed(t *testing.T) {
	a := newAttacked(t)
	count := a.EventCount()
	for seq := range count {
		key, other := eventKey(seq), eventKey((seq+1)%count)
		for act, tamper := range map[string]func(*tampering){
			"flip":    func(x *tampering) { x.flip(key) },
			"delete":  func(x *tampering) { x.drop(key) },
			"reorder": func(x *tampering) { x.swap(key, other) },
			"roll back": func(x *tampering) { // to what another event says, as whoever has the secret could write it
				leaf, _, err := x.keys.unwrap(other, x.get(other))
				if err != nil {
					t.Fatal(err)
				}
				x.set(key, x.keys.wrap(key, leaf))
			},
		} {
			start, hourly := a.verdicts(tamper)
			name := fmt.Sprintf("event %d:", seq)
			if act == "reorder" && seq == count-1 {
				name = "event 0:" // the first of the two that is met
			}
			if !strings.Contains(start, name) || !strings.Contains(hourly, name) {
				t.Errorf("%s event %d: a start finds %q and the hourly check %q", act, seq, start, hourly)
			}
		}
	}
}

package authority_test

import (
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// everything is each record that is stored, as the text that it is stored as.
func (x *machine) everything() map[string]string {
	all := map[string]string{}
	x.must(x.Store().View(func(tx *certstore.Tx) error {
		for _, read := range []func(map[string]string, *certstore.Tx) error{
			records[gate.Account], records[gate.Organization], records[gate.Device], records[gate.Contract], records[gate.Certification],
			records[gate.Key], records[gate.Certificate], records[gate.Enrollment], records[gate.Remediation], records[gate.Notice],
			records[gate.Staff], records[gate.CA], records[gate.Pepper], records[gate.BehaviorTable], records[gate.Host], records[gate.Mark],
			records[gate.Reminder], records[gate.Incident], records[gate.Ruling], records[gate.Review],
		} {
			if err := read(all, tx); err != nil {
				return err
			}
		}
		return nil
	}))
	return all
}

func records[T any, P interface {
	*T
	gate.Record
}](all map[string]string, tx *certstore.Tx) error {
	for r, err := range certstore.All[T, P](tx) {
		if err != nil {
			return err
		}
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		all[string(r.RecordKind())+" "+r.RecordID()] = string(text)
	}
	return nil
}

func (x *machine) unchanged(what string, before map[string]string) {
	after := x.everything()
	maps.DeleteFunc(after, func(id, text string) bool { // staff learn of a link that somebody else tries, which is refused all the same
		_, was := before[id]
		return !was && strings.HasPrefix(id, "notice ") && strings.Contains(text, `"kind":"`+string(gate.LinkTriedNotice)+`"`)
	})
	if !maps.Equal(before, after) {
		x.rt.Fatalf("%s changed records (-before +after):\n%s", what, cmp.Diff(before, after))
	}
}

// check holds after every step.
func (x *machine) check() {
	x.newNotices()
	x.isWhatTheStoreHolds()
	x.isLegal()
	x.judges()
}

// alike compares records as deeply as it gets.
var alike = cmp.Options{cmp.AllowUnexported(gate.Contract{}), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})}

// isWhatTheStoreHolds reads the store again, as a start does, which verifies every record and the whole tree, and compares the directory with it.
// The hourly check compares each record with the event that wrote it.
func (x *machine) isWhatTheStoreHolds() {
	again, err := x.Store().Reread()
	x.must(err)
	if one, other := contents(again), contents(x.Directory()); !reflect.DeepEqual(one, other) {
		diff := cmp.Diff(one, other, alike)
		x.rt.Fatalf("the directory is not what reading the store again gives (-store +directory):\n%s", diff)
	}
	for _, k := range x.keys {
		for _, c := range append(slices.Clone(x.certs), nil) {
			p := x.request(k, c).probe()
			var one, other gate.Caller
			again.Caller(&p, &one)
			x.Directory().Caller(&p, &other)
			if !reflect.DeepEqual(&one, &other) {
				x.rt.Fatalf("a caller is not what reading the store again gives (-store +directory):\n%s", cmp.Diff(&one, &other, alike))
			}
		}
	}
	v, err := x.Verify()
	x.must(err)
	if x.must(v.Err); v.Report.Events != x.Store().EventCount() {
		x.rt.Fatalf("%d of %d events were verified", v.Report.Events, x.Store().EventCount())
	}
}

func contents(d *certstore.Directory) map[string]any {
	return map[string]any{
		"accounts": d.Accounts(), "organizations": d.Organizations(""), "devices": d.Devices(""), "contracts": d.Contracts(""),
		"certifications": d.Certifications(""), "remediations": d.Remediations(""), "incidents": d.Incidents(""), "rulings": d.Rulings(), "reviews": d.Reviews(""), "keys": d.Keys(""), "certificates": d.Certificates(""),
		"enrollments": d.Enrollments(""), "people": d.People(), "cas": d.CAs(), "hosts": d.Hosts(), "peppers": d.Peppers(), "secret": d.Secret(), "behaviors": d.Behaviors(),
	}
}

// isLegal looks at the records themselves, whatever the model says.
func (x *machine) isLegal() {
	for _, c := range x.Directory().Certifications("") {
		x.caseIsLegal(c)
	}
	for _, r := range x.Directory().Remediations("") {
		if n := x.notices[r.Notice]; n == nil || n.kind != gate.SuspensionNotice && n.kind != gate.ClosingNotice {
			x.rt.Fatalf("a silent remediation: %+v", r)
		}
		if l := r.Lifted; l != nil && (x.notices[l.Notice] == nil || l.By == r.By && !l.Mistake) {
			x.rt.Fatalf("a silent or lonely reinstatement: %+v", r)
		}
	}
	for _, k := range x.Directory().Contracts("") {
		for _, e := range k.Extensions {
			if e.Proposed.By == e.Confirmed.By || e.To > k.Extensions[0].From.AddDays(gate.MaxExtension) {
				x.rt.Fatalf("an extension by one person, or by too much: %+v", k)
			}
		}
		begins, ends := k.Term()
		for _, o := range x.Directory().Contracts(k.Account) {
			if b, e := o.Term(); o.ID != k.ID && o.Ended == nil && k.Ended == nil && begins.Before(e) && b.Before(ends) {
				x.rt.Fatalf("%s and %s overlap", k.ID, o.ID)
			}
		}
	}
	for _, h := range x.Directory().Hosts() {
		if l := h.Lowering; l != nil && l.ConfirmedBy == l.ProposedBy {
			x.rt.Fatalf("a host was lowered by one person: %+v", h)
		}
	}
	if !slices.ContainsFunc(x.people, func(p *mPerson) bool {
		return p.can(gate.ManageStaff) && slices.ContainsFunc(p.badges, func(b *mBadge) bool { return !b.revoked })
	}) {
		x.rt.Fatal("no admin is left who can act")
	}
}

// caseIsLegal checks what holds of every case for good.
func (x *machine) caseIsLegal(c *gate.Certification) {
	decisions, planned := 0, 0
	for _, d := range []*gate.Act{c.Approved, c.Rejected, c.Withdrawn} {
		if d != nil {
			decisions++
		}
	}
	for i := range c.Interviews {
		v := &c.Interviews[i]
		if v.Planned() {
			planned++
		}
		if c.Approved != nil && v.Held != nil && v.Held.At.Before(c.Approved.At) && (v.Interviewer == c.Approved.By || v.Held.By == c.Approved.By) {
			x.rt.Fatalf("who interviewed approved: %+v", c)
		}
	}
	switch {
	case decisions > 1 || planned > 1:
		x.rt.Fatalf("decided %d times, %d interviews planned: %+v", decisions, planned, c)
	case c.Released != nil && (c.Approved == nil || c.Released.By == c.Approved.By):
		x.rt.Fatalf("released without approval, or by who approved: %+v", c)
	case c.EnrolledAt != nil && c.Released == nil, c.Revoked != nil && c.Approved == nil, c.RecertifyBy != nil && c.Approved == nil:
		x.rt.Fatalf("a shortcut: %+v", c)
	}
	for _, j := range c.Changes {
		if j.Judged != nil && j.Judged.By == j.Reported.By {
			x.rt.Fatalf("who reported a change judged it: %+v", c)
		}
	}
	for _, id := range c.Devices {
		if d, err := x.Directory().Device(string(id)); err != nil || d.Account != c.Account || d.Environment != gate.Production {
			x.rt.Fatalf("%s covers %s, which is no production device of its account", c.ID, id)
		}
	}
}

// call is a request that somebody makes.
type call struct{ *gate.Request }

func (c call) probe() certstore.Probe {
	key, _ := c.Present()
	p := certstore.Probe{Handle: key.Handle, Host: c.Host}
	if c.Leaf != nil {
		p.Leaf, p.Anchor = c.Leaf.Fingerprint, c.Leaf.Anchor
	}
	return p
}

// request is a call of fhir-query with a key and a certificate, where the key's device belongs.
func (x *machine) request(k *mKey, c *mCert) call {
	r := &gate.Request{
		Site: x.config.Site(k.device.env), TLS: true, Host: hostOf(k.device.env), Authorization: []string{"Bearer " + k.text},
		Purpose: []string{"TREAT"}, Method: "GET", Path: "/fhir/Patient/1", Peer: netip.MustParseAddr("127.0.0.1"),
	}
	if c != nil && k.device.env != gate.Sandbox {
		r.Leaf = &gate.Leaf{Fingerprint: c.mark, Anchor: c.issuer, NotBefore: c.from, NotAfter: c.to, ClientAuth: true}
	}
	return call{r}
}

// hostOf is where devices call. Preprod is served under production's name, too, so that it is refused until two people have allowed it.
func hostOf(e gate.Environment) string {
	if e == gate.Sandbox {
		return "sandbox.test"
	}
	return "api.test"
}

// judges compares the model's answer with the gate's for every key, with each certificate of its device and one of another.
func (x *machine) judges() {
	for _, k := range x.keys {
		strangers := 0
		for _, c := range x.certs {
			if c.device != k.device {
				if strangers++; strangers > 1 {
					continue
				}
			}
			x.judge(k, c)
		}
		if k.device.env == gate.Sandbox {
			x.judge(k, nil)
		}
	}
}

func (x *machine) judge(k *mKey, c *mCert) {
	if k.device.env == gate.Sandbox {
		c = nil
	}
	r := x.request(k, c)
	want := x.may(k, c, r.Host, x.now())
	if got := x.answer(k, c, r); got != want {
		x.rt.Fatalf("the gate says %q to %s with %s of %s, and the rules come to %q", got, k.id, certName(c), k.device.slug, want)
	}
}

// answer is the gate's. A call is a first use, which is written down later; with a key that its customer does not use yet it is the same without
// the call.
func (x *machine) answer(k *mKey, c *mCert, r call) gate.Reason {
	if !k.inUse {
		var caller gate.Caller
		p := r.probe()
		x.Directory().Caller(&p, &caller)
		caller.KeyProven = true
		d := gate.Decide(r.Request, &caller, x.now())
		return d.Reason
	}
	done, err := x.config.Check(r.Request)
	x.must(err)
	defer done.Done(authority.Outcome{})
	if done.Allowed() {
		x.saw(k, c, r.Host)
	}
	return done.Reason
}

func certName(c *mCert) string {
	if c == nil {
		return "no certificate"
	}
	return string(c.id)
}

// saw notes what an allowed call has shown for the first time.
func (x *machine) saw(k *mKey, c *mCert, host string) {
	s := sight{env: k.device.env}
	if !k.used {
		s.key = k
	}
	if c != nil && !c.used {
		s.cert = c
	}
	if h := x.hosts[host]; s.env > gate.Sandbox && (h == nil || h.strictest < s.env) {
		s.host = host
	}
	if s.key != nil || s.cert != nil || s.host != "" {
		x.unwritten = append(x.unwritten, s)
	}
}

// writeDown is what a job, or a redemption, does with what calls have shown; it returns how many events that makes.
func (x *machine) writeDown() (events int) {
	for _, s := range x.unwritten {
		if s.key != nil && !s.key.used || s.cert != nil && !s.cert.used {
			events++
		}
		if s.key != nil {
			s.key.used = true
		}
		if s.cert != nil {
			s.cert.used = true
		}
		if s.host == "" {
			continue
		}
		if h := x.hosts[s.host]; h == nil || h.strictest < s.env {
			x.hosts[s.host] = &mHost{strictest: s.env}
			events++
		}
	}
	x.unwritten = nil
	return events
}

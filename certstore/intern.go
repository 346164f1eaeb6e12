package certstore

import "github.com/onerecord/certgate/gate"

// interned holds one copy of every identifier and behavior name in the directory. Records are decoded one by one, so equal strings would
// lie at different places; with one copy the comparisons of a decision end at the pointer, without a visit to memory that is rarely
// warm. It also keeps a large directory small. Entries are never removed: there are only as many as records.
type interned map[string]string

func (t interned) text(s string) string {
	if one, ok := t[s]; ok {
		return one
	}
	t[s] = s
	return s
}

func share[S ~string](t interned, s *S) { *s = S(t.text(string(*s))) }

func each[S ~string](t interned, list []S) {
	for i := range list {
		share(t, &list[i])
	}
}

// record brings the strings of a record that decisions compare to their one copy. The record is the directory's own.
func (t interned) record(r gate.Record) {
	switch r := r.(type) {
	case *gate.Device:
		share(t, &r.ID)
		share(t, &r.Account)
		share(t, &r.Organization)
		if r.Grant != nil {
			t.grant(r.Grant)
		}
	case *gate.Contract:
		share(t, &r.ID)
		share(t, &r.Account)
		t.grant(&r.Grant)
	case *gate.Certification:
		share(t, &r.Account)
		share(t, &r.Contract)
		each(t, r.Devices)
		t.grant(&r.Profile.Grant)
	case *gate.Key:
		share(t, &r.Account)
		share(t, &r.Device)
	case *gate.Certificate:
		share(t, &r.Account)
		share(t, &r.Device)
	case *gate.BehaviorTable:
		for i := range r.Behaviors {
			share(t, &r.Behaviors[i].Name)
		}
	}
}

func (t interned) grant(g *gate.Grant) {
	each(t, g.Behaviors)
	each(t, g.Purposes)
}

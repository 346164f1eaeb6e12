package gate_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/onerecord/certgate/gate"
)

func TestEveryKindIsAnErrorOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range gate.Kinds() {
		if kind.Error() == "" || seen[kind.Error()] {
			t.Errorf("kind %d is called %q", kind, kind)
		}
		seen[kind.Error()] = true
		for name, err := range map[string]error{
			"bare":    kind,
			"made":    gate.Errorf(kind, "text"),
			"wrapped": fmt.Errorf("suspend acme: %w", gate.Errorf(kind, "text")),
			"joined":  errors.Join(errors.New("other"), gate.Errorf(kind, "text")),
		} {
			if !errors.Is(err, kind) || gate.KindOf(err) != kind {
				t.Errorf("%s, %s: of kind %s", kind, name, gate.KindOf(err))
			}
			for _, other := range gate.Kinds() {
				if other != kind && errors.Is(err, other) {
					t.Errorf("%s, %s: is %s too", kind, name, other)
				}
			}
		}
	}
}

func TestAnErrorWithoutAKindIsOurs(t *testing.T) {
	for _, err := range []error{errors.New("disk on fire"), fmt.Errorf("write: %w", errors.ErrUnsupported), nil} {
		if got := gate.KindOf(err); got != gate.Internal {
			t.Errorf("%v: %s", err, got)
		}
	}
}

func TestAnErrorNamesItsField(t *testing.T) {
	rows := []struct {
		err  error
		want string
	}{
		{gate.Errorf(gate.NotFound, "no account %q", "acme"), `no account "acme"`},
		{gate.FieldErrorf("name", "must not be empty"), "name: must not be empty"},
		{gate.InField("slug", gate.Errorf(gate.Invalid, "is empty")), "slug: is empty"},
		{gate.InField("contacts[0]", gate.FieldErrorf("email", "is empty")), "contacts[0].email: is empty"},
		{gate.InField("a", gate.InField("b", gate.FieldErrorf("c", "is empty"))), "a.b.c: is empty"},
		{gate.InField("name", errors.New("disk on fire")), "disk on fire"},
	}
	for _, row := range rows {
		if row.err.Error() != row.want {
			t.Errorf("%q, want %q", row.err, row.want)
		}
	}
	if err := gate.InField("name", nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
	inner := gate.FieldErrorf("email", "is empty")
	if _ = gate.InField("contacts", inner); inner.Error() != "email: is empty" {
		t.Errorf("naming an outer field changed the error: %v", inner)
	}
}

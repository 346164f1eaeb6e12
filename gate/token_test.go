package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

func TestWhatCanBeImportedIsWhatIsLookedUp(t *testing.T) {
	rows := map[string]bool{
		"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhY21lIn0.c2lnbmF0dXJl": true,
		"a,b;c\"d'e{f}|g\\h^i`j~k!l#m$":                         true, // more than RFC 6750 allows
		strings.Repeat("x", 20):                                 true,
		strings.Repeat("x", 8192):                               true,
		strings.Repeat("x", 19):                                 false,
		strings.Repeat("x", 8193):                               false,
		"Bearer 01234567890123456789":                           false,
		"0123456789012345678\t9":                                false,
		"01234567890123456789\n":                                false,
		"01234567890123456789\x7f":                              false,
		"0123456789012345678é":                                  false,
		"":                                                      false,
		printed(gate.Production):                                false,
		printed(gate.Sandbox):                                   false,
		changed(printed(gate.Preprod)):                          false,
		"ort_01234567890123456789":                              false,
		"key=" + printed(gate.Sandbox):                          false,
	}
	for text, want := range rows {
		err := gate.CheckToken(text)
		if (err == nil) != want {
			t.Errorf("%.40q: %v", text, err)
		}
		if err != nil && len(text) >= 20 && strings.Contains(err.Error(), text[len(text)-15:]) {
			t.Errorf("the error repeats the token: %v", err)
		}
		if shape := gate.ParseKey(text).Shape; want && shape != gate.Foreign {
			t.Errorf("%.40q could be imported, and is read as shape %d", text, shape)
		}
	}
}

func TestAPresentedTokenIsNeverPrinted(t *testing.T) {
	token := "a-token-from-long-before-certgate"
	key := gate.ParseKey(token)
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x"} {
		if said := fmt.Sprintf(verb, key); strings.Contains(said, token[:10]) {
			t.Errorf("%s prints %s", verb, said)
		}
	}
}

func TestTheHandleOfATokenCannotBePresented(t *testing.T) {
	handle, err := gate.NewTokenHandle(strings.NewReader(strings.Repeat("\x01\x02\x03", 100)))
	if err != nil || len(handle) != 10 || handle[0] != '~' {
		t.Errorf("%q, %v", handle, err)
	}
	body := "orpk_" + handle + strings.Repeat("0", 38)
	if shape := gate.ParseKey(body).Shape; shape != gate.Malformed {
		t.Errorf("shape %d", shape)
	}
}

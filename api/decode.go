package api

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/onerecord/certgate/gate"
)

// decode reads JSON that people wrote, and says exactly where it is wrong. encoding/json by itself accepts names in another case and
// names given twice, and does not say in which field a value was bad; where a mistake decides who may call, none is passed over. In
// what it accepts it agrees with encoding/json.
func decode(body []byte, into any) error {
	if !json.Valid(body) {
		return unreadable("the body is not JSON: %s", syntaxError(body))
	}
	return decodeValue(body, reflect.ValueOf(into).Elem(), "")
}

// syntaxError says where the JSON breaks off.
func syntaxError(body []byte) string {
	var v any
	err := json.Unmarshal(body, &v)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%s at byte %d", e.Error(), e.Offset)
	}
	return "it cannot be read"
}

func decodeValue(raw json.RawMessage, v reflect.Value, field string) error {
	raw = bytes.TrimSpace(raw)
	if v.Kind() == reflect.Pointer {
		if string(raw) == "null" {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return decodeValue(raw, v.Elem(), field)
	}
	if _, own := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); !own {
		switch v.Kind() {
		case reflect.Struct:
			return decodeStruct(raw, v, field)
		case reflect.Slice:
			return decodeSlice(raw, v, field)
		}
	}
	if string(raw) == "null" {
		return wrongType(field, v)
	}
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		if e, ok := errors.AsType[*gate.Error](err); ok {
			return gate.FieldErrorf(field, "%s", e.Text)
		}
		return wrongType(field, v)
	}
	return nil
}

// maxFaults is how many mistakes of form are listed.
const maxFaults = 1000

// faults collects what is wrong with the parts of a value, so that whoever wrote it finds all of it at once.
type faults struct{ list gate.Faults }

// add notes a mistake and reports whether there is room for more.
func (f *faults) add(err error) bool {
	if err != nil && len(f.list) < maxFaults {
		_ = f.list.Add(err) // everything that is found here is the input's fault
	}
	return len(f.list) < maxFaults
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return &statusError{400, f.list.Err()}
}

func decodeStruct(raw json.RawMessage, v reflect.Value, field string) error {
	if raw[0] != '{' {
		return wrongType(field, v)
	}
	names := fieldsOf(v.Type())
	seen := make(map[string]bool)
	d := json.NewDecoder(bytes.NewReader(raw))
	_, _ = d.Token() // the brace; the text is known to be JSON
	var wrong faults
	for more := true; more && d.More(); {
		token, _ := d.Token()
		name, _ := token.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return unreadable("the body is not JSON: %s", syntaxError(raw))
		}
		at := join(field, gate.Clip(name, 60))
		index, known := names[name]
		switch {
		case !known:
			more = wrong.add(gate.FieldErrorf(at, "is not a field here; allowed are %s", list(v.Type())))
		case seen[name]:
			more = wrong.add(gate.FieldErrorf(at, "is given twice"))
		default:
			more = wrong.add(decodeValue(value, v.Field(index), at))
		}
		seen[name] = true
	}
	return wrong.err()
}

func decodeSlice(raw json.RawMessage, v reflect.Value, field string) error {
	if raw[0] != '[' {
		return wrongType(field, v)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return wrongType(field, v)
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	var wrong faults
	for i, item := range items {
		if !wrong.add(decodeValue(item, out.Index(i), fmt.Sprintf("%s[%d]", field, i))) {
			break
		}
	}
	v.Set(out)
	return wrong.err()
}

// fieldsOf maps the JSON names of a struct to its fields.
func fieldsOf(t reflect.Type) map[string]int {
	names := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if name := nameOf(t.Field(i)); name != "" {
			names[name] = i
		}
	}
	return names
}

func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}

// list names the fields of a struct, for people.
func list(t reflect.Type) string {
	var names []string
	for field := range t.Fields() {
		if name := nameOf(field); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

// wrongType says what was wanted in place of the value. What was sent is not repeated: it may be a secret in the wrong field.
func wrongType(field string, v reflect.Value) error {
	return &statusError{400, gate.FieldErrorf(field, "must be %s", wantedForm(v))}
}

func wantedForm(v reflect.Value) string {
	switch v.Interface().(type) {
	case time.Time:
		return "a time such as 2027-03-31T16:00:00Z (RFC 3339)"
	case netip.Prefix:
		return "a network such as 203.0.113.0/24"
	}
	if _, text := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); text {
		return "a text"
	}
	switch v.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list in brackets"
	case reflect.Struct:
		return "an object in braces"
	}
	return "a value of another type"
}

package abuse

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/onerecord/certgate/gate"
)

// Patch are thresholds that somebody wishes to have otherwise: the JSON form of [Thresholds], of which most may be left out.
type Patch struct {
	// Values are the thresholds that are given, by their names.
	Values map[string]float64
	// Dropped are groups that are given as null: they are to be again as the wider scope has them.
	Dropped []string
}

// ParsePatch reads a patch. The error names every field that is not known, or is no number, and what is allowed.
func ParsePatch(text []byte) (Patch, error) {
	p := Patch{Values: make(map[string]float64)}
	var groups map[string]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&groups); err != nil {
		return p, gate.FieldErrorf("thresholds", "cannot be read as JSON: %v; they are an object such as %s", err, `{"volume_spike": {"ratio": 4}}`)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return p, gate.FieldErrorf("thresholds", "one object is expected, and more follows it")
	}
	var faults gate.Faults
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		p.group(group, groups[group], &faults)
	}
	if len(faults) > 0 {
		return p, faults
	}
	return p, nil
}

func (p *Patch) group(group string, text json.RawMessage, faults *gate.Faults) {
	wrong := func(field, format string, args ...any) {
		_ = faults.Add(gate.FieldErrorf(field, format, args...)) // it takes every error of ours
	}
	fields := fieldsOf(group)
	var below map[string]json.RawMessage
	switch {
	case fields == nil:
		wrong("thresholds."+gate.Clip(group, 40), "is not known; there are %s", wordList(groupNames()))
		return
	case string(text) == "null":
		p.Dropped = append(p.Dropped, group)
		return
	case fields[0] == group:
		below = map[string]json.RawMessage{group: text}
	case json.Unmarshal(text, &below) != nil:
		wrong("thresholds."+group, "must be an object with some of %s", wordList(fields))
		return
	}
	for _, field := range slices.Sorted(maps.Keys(below)) {
		name := strings.TrimPrefix(group+"."+field, group+"."+group)
		if name == "" {
			name = group
		}
		var value *float64
		switch err := json.Unmarshal(below[field], &value); {
		case !slices.Contains(fields, field):
			wrong("thresholds."+gate.Clip(name, 80), "is not known; %s has %s", group, wordList(fields))
		case err != nil || value == nil:
			wrong("thresholds."+name, "%s: must be a number", gate.Clip(string(below[field]), 40))
		case whole[name] && *value != math.Trunc(*value):
			wrong("thresholds."+name, "%v: must be a whole number", *value)
		default:
			p.Values[name] = *value
		}
	}
}

// Names are the thresholds of all groups that the patch says something about, so that a group is set as a whole: its numbers belong together.
func (p *Patch) Names() (names []string) {
	for name := range meanings {
		group, _, _ := strings.Cut(name, ".")
		for given := range p.Values {
			if g, _, _ := strings.Cut(given, "."); g == group {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return names
}

// whole are the thresholds that count what has no parts.
var whole = func() map[string]bool {
	all := make(map[string]bool)
	d := Defaults()
	for name := range meanings {
		if _, err := d.With(map[string]float64{name: 2.5}); err != nil {
			all[name] = true
		}
	}
	return all
}()

// fieldsOf are the names in a group of thresholds, of one that stands alone itself; nil if there is no such group.
func fieldsOf(group string) (fields []string) {
	for name := range meanings {
		g, field, nested := strings.Cut(name, ".")
		switch {
		case g != group:
		case nested:
			fields = append(fields, field)
		default:
			fields = append(fields, group)
		}
	}
	slices.Sort(fields)
	return fields
}

func groupNames() (groups []string) {
	for name := range meanings {
		group, _, _ := strings.Cut(name, ".")
		groups = append(groups, group)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

package gate

import (
	"net/url"
	"slices"
	"strings"
)

// PatientPlaces say where a call names the patients that it is about. What is not listed is not seen: bodies are never read, so a search
// that sends its parameters in one (POST _search) names nobody, and neither does a search by name or birthday.
type PatientPlaces struct {
	// Paths are route templates with {patient} as the segment that is the identifier; * and a last /* stand for others, as in behaviors.
	// Calls whose path matches none name nobody in it.
	Paths []string `json:"paths,omitempty"`
	// Queries are names of query parameters whose values are identifiers or references to patients, such as patient and subject. Several
	// values, also with commas between them, are several patients (FHIR R4 section 3.1.1.4.2).
	Queries []string `json:"queries,omitempty"`
}

// Patients are compiled places. Nil finds nobody.
type Patients struct {
	paths   [][]string
	queries []string
}

// patientSegment marks the identifier in a path.
const patientSegment = "{patient}"

// Compile checks the places.
func (p *PatientPlaces) Compile() (*Patients, error) {
	out := &Patients{queries: p.Queries}
	for _, path := range p.Paths {
		template := strings.NewReplacer(patientSegment, "x", "*", "x").Replace(path)
		canonical, err := CanonicalPath(template)
		segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
		marks := 0
		for _, s := range segments {
			if s == patientSegment {
				marks++
			} else if s != "*" && strings.ContainsAny(s, "*{}") {
				marks = -len(segments)
			}
		}
		if err != nil || canonical != template || marks != 1 {
			return nil, Errorf(Invalid, "patient path %q: must be a canonical path with one segment {patient}, such as /fhir/Patient/{patient}/*", Clip(path, 80))
		}
		out.paths = append(out.paths, segments)
	}
	for _, name := range p.Queries {
		if name == "" || strings.ContainsAny(name, "&;=:%+ ") {
			return nil, Errorf(Invalid, "patient query %q: must be the plain name of a parameter, such as patient", Clip(name, 80))
		}
	}
	return out, nil
}

// Each calls visit with every identifier that the call names; the same one perhaps more than once. Path is canonical, query raw.
func (p *Patients) Each(path, query string, visit func(id string)) {
	if p == nil {
		return
	}
	for _, segments := range p.paths {
		if id := inPath(segments, path); id != "" {
			visit(id)
		}
	}
	p.inQuery(query, func(_, _, id string) { visit(id) })
}

// inQuery calls visit with every identifier that the query names, and its parameter with the modifier, such as Patient; empty: none.
func (p *Patients) inQuery(query string, visit func(name, modifier, id string)) {
	for part := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		name, modifier, _ := strings.Cut(unescaped(name), ":")
		if !slices.Contains(p.queries, name) {
			continue
		}
		for one := range strings.SplitSeq(unescaped(value), ",") {
			if id := patientID(one); id != "" {
				visit(name, modifier, id)
			}
		}
	}
}

// inPath is the segment of the path that stands in the place of {patient}, if the path matches.
func inPath(template []string, path string) (id string) {
	rest, more := strings.TrimPrefix(path, "/"), true
	for i, want := range template {
		if !more || rest == "" {
			return ""
		}
		if want == "*" && i == len(template)-1 {
			return id
		}
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		switch want {
		case patientSegment:
			id = segmentText(segment)
		case "*", segment:
		default:
			return ""
		}
	}
	if more && rest != "" {
		return ""
	}
	return id
}

// segmentText is a segment as the upstream reads it, so that one patient has not several names.
func segmentText(segment string) string {
	if text, err := url.PathUnescape(segment); err == nil {
		return text
	}
	return segment
}

// patientID takes the identifier out of a reference: 123, Patient/123, https://fhir.example/Patient/123 and Patient/123/_history/2 are one.
// A reference to another resource names no patient.
func patientID(reference string) string {
	id, _, _ := strings.Cut(reference, "/_history/")
	slash := strings.LastIndexByte(id, '/')
	if slash < 0 {
		return id
	}
	if before := id[:slash]; before != "Patient" && !strings.HasSuffix(before, "/Patient") {
		return ""
	}
	return id[slash+1:]
}

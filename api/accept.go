package api

import (
	"strconv"
	"strings"
)

const (
	jsonType    = "application/json"
	problemJSON = "application/problem+json"
	fhirJSON    = "application/fhir+json"
	htmlType    = "text/html"
	eventStream = "text/event-stream"
)

// PrefersFHIR reports whether the values of the Accept header field ask for application/fhir+json rather than plain or problem JSON:
// it is named, and no JSON type is wanted as much (RFC 9110 section 12.5.1). Named types win over ranges of the same weight. It does
// not allocate, and looks no further if "fhir" does not occur.
func PrefersFHIR(accept []string) bool {
	named := false
	for _, v := range accept {
		named = named || strings.Contains(v, "fhir")
	}
	if !named {
		return false
	}
	fhir := wanted(accept, fhirJSON)
	return fhir.named && fhir.q > 0 && !fhir.beatenBy(wanted(accept, jsonType)) && !fhir.beatenBy(wanted(accept, problemJSON))
}

// prefersHTML reports whether a browser asks rather than a program: text/html is named, and JSON is not wanted as much.
func prefersHTML(accept []string) bool {
	html := wanted(accept, htmlType)
	return html.named && html.q > 0 && !html.beatenBy(wanted(accept, jsonType)) && !html.beatenBy(wanted(accept, problemJSON))
}

// prefersJSON reports whether a program asks where pages are for people: JSON is named, and HTML is not wanted as much.
func prefersJSON(accept []string) bool {
	json := wanted(accept, jsonType)
	return json.named && json.q > 0 && !json.beatenBy(wanted(accept, htmlType))
}

// wish is how much a media type is wanted.
type wish struct {
	q     int  // thousandths
	named bool // not merely covered by a range
}

func (w wish) beatenBy(other wish) bool {
	return other.q > w.q || other.q == w.q && other.named
}

// wanted finds what the most specific matching range says about a media type.
func wanted(accept []string, mediaType string) (best wish) {
	major, _, _ := strings.Cut(mediaType, "/")
	precedence := 0 // 1 for */*, 2 for type/*, 3 for the type itself
	for _, list := range accept {
		for list != "" {
			var element string
			element, list = cutElement(list)
			name, parameters, _ := strings.Cut(element, ";")
			p := matchRange(strings.TrimSpace(name), mediaType, major)
			if p == 0 || p < precedence {
				continue
			}
			q := quality(parameters)
			if p > precedence || q > best.q {
				best = wish{q: q, named: p == 3}
			}
			precedence = p
		}
	}
	return best
}

func matchRange(name, mediaType, major string) int {
	switch {
	case strings.EqualFold(name, mediaType):
		return 3
	case len(name) == len(major)+2 && strings.EqualFold(name[:len(major)], major) && name[len(major):] == "/*":
		return 2
	case name == "*/*":
		return 1
	}
	return 0
}

// cutElement splits a list at the first comma outside quotes.
func cutElement(list string) (element, rest string) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return list[:i], list[i+1:]
		}
	}
	return list, ""
}

// quality reads the weight from the parameters of a media range, in thousandths; 1000 without one, 0 if it cannot be read.
func quality(parameters string) int {
	for parameters != "" {
		var p string
		p, parameters, _ = strings.Cut(parameters, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return 0
		}
		return int(f * 1000)
	}
	return 1000
}

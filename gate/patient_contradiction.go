package gate

// Contradict reports whether a call names one patient in its path and only others in its query: two servers could take it for two different calls, and
// no client of ours needs to send it. What could be meant otherwise is none: _id, which below a patient is of something else, and
// parameters with modifiers other than Patient, whose values are no identifiers of ours (FHIR R4 section 3.1.1.4.4).
func (p *Patients) Contradict(path, query string) bool {
	if p == nil || query == "" {
		return false
	}
	for _, segments := range p.paths {
		id := inPath(segments, path)
		if id == "" {
			continue
		}
		same, others := false, false
		p.inReferences(query, func(other string) {
			same = same || other == id
			others = others || other != id
		})
		if others && !same {
			return true
		}
	}
	return false
}

// inReferences calls visit with the patients that the query refers to.
func (p *Patients) inReferences(query string, visit func(id string)) {
	p.inQuery(query, func(name, modifier, id string) {
		if name != "_id" && (modifier == "" || modifier == "Patient") {
			visit(id)
		}
	})
}

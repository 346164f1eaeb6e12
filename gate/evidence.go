package gate

import (
	"slices"
)

// Evidence is a document that belongs to a case. Nothing takes it out again.
type Evidence struct {
	Kind EvidenceKind `json:"kind"`
	Document
	Note  string `json:"note,omitempty"` // one line, such as the version
	Added Act    `json:"added"`
}

// EvidenceKind says what a document shows.
type EvidenceKind string

// The kinds of evidence, a closed list.
const (
	ArchitectureDiagram EvidenceKind = "architecture-diagram"
	PenetrationTest     EvidenceKind = "penetration-test"
	Attestation         EvidenceKind = "attestation" // SOC 2, HITRUST and the like
	PolicyEvidence      EvidenceKind = "policy"
	TestEvidence        EvidenceKind = "test-report" // of the customer's own tests
	DemoEvidence        EvidenceKind = "demo"
	Correspondence      EvidenceKind = "correspondence"
	OtherEvidence       EvidenceKind = "other"
)

// EvidenceKinds lists them all.
func EvidenceKinds() []EvidenceKind {
	return []EvidenceKind{ArchitectureDiagram, PenetrationTest, Attestation, PolicyEvidence, TestEvidence, DemoEvidence, Correspondence, OtherEvidence}
}

// maxEvidence bounds the documents of one case: it is one record.
const maxEvidence = 200

// AddEvidence adds a document to a case that is undecided or certified.
func (c Certification) AddEvidence(e Evidence) (Certification, error) {
	if c.open() != nil && c.certified() != nil {
		return c, c.open()
	}
	if !slices.Contains(EvidenceKinds(), e.Kind) {
		return c, FieldErrorf("kind", "%q: must be one of %s", Clip(string(e.Kind), 40), join(EvidenceKinds(), ", "))
	}
	if e.Reference == "" {
		return c, FieldErrorf("reference", "must say where the document is held")
	}
	e.HashSource = sourced(e.SHA256, e.HashSource)
	if err := e.check(); err != nil {
		return c, err
	}
	if e.Note != "" {
		if err := checkText("note", e.Note, 300); err != nil {
			return c, err
		}
	}
	switch {
	case slices.ContainsFunc(c.Evidence, func(o Evidence) bool { return o.Kind == e.Kind && o.Reference == e.Reference && o.SHA256 == e.SHA256 }):
		return c, Errorf(Conflict, "certification %s has this document already", c.ID)
	case len(c.Evidence) >= maxEvidence:
		return c, Errorf(Conflict, "certification %s has %d documents, as many as a case may have; put several into one", c.ID, maxEvidence)
	}
	c = c.clone()
	c.Evidence = append(c.Evidence, e)
	return c, nil
}

// AttachRecording says where the recording of an interview is held that was recorded without one, or adds the hash of its file. What is
// known already does not change.
func (c Certification) AttachRecording(id InterviewID, r Recording, act Act) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	i := slices.IndexFunc(c.Interviews, func(v Interview) bool { return v.ID == id })
	switch {
	case i < 0:
		return c, Errorf(NotFound, "certification %s has no interview %s", c.ID, id)
	case c.Interviews[i].Held == nil:
		return c, Errorf(Conflict, "interview %s was not held; record it first", id)
	}
	held := *c.Interviews[i].Held
	if r.Reference == "" {
		r.Reference = held.Recording.Reference
	}
	switch was := held.Recording; {
	case r.Reference == "":
		return c, FieldErrorf("reference", "must say where the recording is held")
	case was.Reference != "" && was.Reference != r.Reference:
		return c, Errorf(Conflict, "interview %s has the recording %q; a record is not changed afterwards", id, Clip(was.Reference, 120))
	case was.SHA256 != "":
		return c, Errorf(Conflict, "interview %s has a recording with its hash; a record is not changed afterwards", id)
	case was.Reference != "" && r.SHA256 == "":
		return c, Errorf(Conflict, "interview %s has this recording already; only its hash is missing", id)
	}
	r.HashSource = sourced(r.SHA256, r.HashSource)
	if err := r.check(); err != nil {
		return c, err
	}
	r.Attached = &act
	c = c.clone()
	held.Recording = r
	c.Interviews[i].Held = &held
	return c, nil
}

// check reports the first thing wrong with a recording.
func (r *Recording) check() error {
	d := Document{Reference: r.Reference, SHA256: r.SHA256, HashSource: r.HashSource}
	return d.check()
}

// attachedBy reports whether the staff member attached the recording of an interview afterwards.
func (r *Transcript) attachedBy(by StaffID) bool {
	return r.Recording.Attached != nil && r.Recording.Attached.By == by
}

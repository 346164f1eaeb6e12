package api

import (
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewEvidence is a document that is added to a case. The server never sees the file: that a hash was computed is what the caller says.
type NewEvidence struct {
	Kind       gate.EvidenceKind `json:"kind"`
	Reference  string            `json:"reference"` // where the document is held
	SHA256     string            `json:"sha256,omitempty"`
	HashSource gate.HashSource   `json:"hash_source,omitempty"` // default typed
	Note       string            `json:"note,omitempty"`
}

// NewRecording says where the recording of an interview is held.
type NewRecording struct {
	Reference  string          `json:"reference,omitempty"` // default: what the interview has already
	SHA256     string          `json:"sha256,omitempty"`
	HashSource gate.HashSource `json:"hash_source,omitempty"` // default typed
}

func (r NewRecording) recording() gate.Recording {
	return gate.Recording{Reference: r.Reference, SHA256: r.SHA256, HashSource: r.HashSource}
}

func addEvidence(x *exchange, by authority.By, in *NewEvidence) (string, error) {
	made, err := x.a.AddEvidence(by, x.certification(), gate.Evidence{
		Kind: in.Kind, Document: gate.Document{Reference: in.Reference, SHA256: in.SHA256, HashSource: in.HashSource}, Note: in.Note})
	return idOf(made, err)
}

func attachRecording(x *exchange, by authority.By, in *NewRecording) (string, error) {
	made, err := x.a.AttachRecording(by, x.certification(), x.interview(), in.recording())
	return idOf(made, err)
}

package authority

import "github.com/onerecord/certgate/gate"

// AddEvidence adds a document to a case. Who decides may do so as well.
func (a *Authority) AddEvidence(by By, id gate.CertificationID, e gate.Evidence) (*gate.Certification, error) {
	action := gate.HoldInterview
	if by.May(action) != nil && by.May(gate.DecideCase) == nil {
		action = gate.DecideCase
	}
	return a.advance(by, id, step{action: action, verb: gate.EvidenceAdded,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			e.Added = a.act(by, "")
			return c.AddEvidence(e)
		}})
}

// AttachRecording says where the recording of an interview is held that was recorded without one, or adds the hash of its file.
func (a *Authority) AttachRecording(by By, id gate.CertificationID, interview gate.InterviewID, r gate.Recording) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.RecordingAttached,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.AttachRecording(interview, r, a.act(by, ""))
		}})
}

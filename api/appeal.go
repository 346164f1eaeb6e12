package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// AppealPath is where a device appeals against an incident, on the site that it calls.
const AppealPath = WellKnown + "/appeal"

// maxOwnAppeal bounds what a customer may send, in bytes: the longest text has 4000.
const maxOwnAppeal = 32 << 10

// howToAppeal says what to send, for machines and for those who read it.
const howToAppeal = "POST " + AppealPath + ` with {"incident": "inc_...", "text": "your reasons, in one line"}, certificate and key as with each call`

// OwnAppeal is what a device sends: its customer's word against an incident.
type OwnAppeal struct {
	Incident string `json:"incident"` // as the notice or status named it
	Text     string `json:"text"`     // one line, without keys
}

// IncidentStatus is what a customer learns of an incident that it was told of: that there is one, and what became of its appeal. What was found,
// noted and decided in it is for staff.
type IncidentStatus struct {
	Incident gate.IncidentID `json:"incident"`
	// State is open, appealed (an appeal waits), granted or refused (the last appeal was) or closed.
	State string `json:"state"`
	// Appeal says how to, while that is possible.
	Appeal string `json:"appeal,omitempty"`
}

// ImposedStatus is a throttle or suspension that is in force.
type ImposedStatus struct {
	Measure  gate.Measure     `json:"measure"`
	Of       gate.SubjectKind `json:"of"`
	ID       string           `json:"id"`     // of the account, organization, device, certificate or key
	Reason   string           `json:"reason"` // as the notice says it
	Until    *time.Time       `json:"until,omitempty"`
	Incident gate.IncidentID  `json:"incident,omitempty"` // for which it was imposed
}

// Appeals reports whether a request is an appeal.
func Appeals(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.EscapedPath() == AppealPath
}

// ServeAppeal takes the appeal of a caller that has been identified, which may be suspended. It has answered unless the error is
// authority.ErrNotEntitled; any other error is ours, to be logged.
func ServeAppeal(w http.ResponseWriter, r *http.Request, call *authority.Call, a *authority.Authority) error {
	taken, err := takeAppeal(w, r, call, a)
	switch {
	case errors.Is(err, authority.ErrNotEntitled):
		return err
	case err != nil:
		writeProblem(w, problemOf(err, call.ID(), ""))
		if gate.KindOf(err) == gate.Internal {
			return err
		}
		return nil
	}
	body, err := json.Marshal(incidentStatus(taken))
	writeBody(w, answer{status: http.StatusCreated, contentType: jsonType, requestID: call.ID(), body: append(body, '\n')})
	return err
}

// takeAppeal reads JSON however it is labeled, as clients say many things. What was sent is not repeated where it is no identifier: it may be a
// key in the wrong field.
func takeAppeal(w http.ResponseWriter, r *http.Request, call *authority.Call, a *authority.Authority) (*gate.Incident, error) {
	body, err := readBody(w, r, maxOwnAppeal)
	if err != nil {
		return nil, err
	}
	var in OwnAppeal
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if gate.CheckID(gate.IncidentPrefix, in.Incident) != nil {
		return nil, gate.FieldErrorf("incident", "must be the identifier of an incident that you were told of, such as inc_...; %s/status names those that there are", WellKnown)
	}
	return a.AppealOwn(call, gate.IncidentID(in.Incident), in.Text)
}

func incidentStatus(i *gate.Incident) IncidentStatus {
	s := IncidentStatus{Incident: i.ID, State: string(gate.IncidentIsOpen)}
	switch n := len(i.Appeals); {
	case i.Closed != nil:
		s.State = string(gate.IncidentIsClosed)
		return s
	case i.OpenAppeal() != nil:
		s.State = string(gate.IncidentIsAppealed)
		return s
	case n > 0 && i.Appeals[n-1].Answer.Granted:
		s.State = "granted"
	case n > 0:
		s.State = "refused"
	}
	s.Appeal = howToAppeal
	return s
}

// appealable fills in what is imposed on the caller now and the incidents of its account that it was told of: those that are open, and closed
// ones while something that was imposed for them goes on.
func (s *OwnStatus) appealable(call *authority.Call, now time.Time) {
	told, goesOn := call.Incidents(), make(map[gate.IncidentID]bool)
	for _, list := range call.Caller.Remediations {
		for _, r := range list {
			if !r.InForce(now) || r.Measure == gate.Terminate {
				continue
			}
			imposed := ImposedStatus{Measure: r.Measure, Of: r.Subject.Kind, ID: r.Subject.ID, Reason: r.Why, Until: r.Until}
			if n := slices.IndexFunc(told, func(i *gate.Incident) bool { return slices.Contains(i.Remediations, r.ID) }); n >= 0 {
				imposed.Incident = told[n].ID
				goesOn[imposed.Incident] = true
			}
			s.Imposed = append(s.Imposed, imposed)
		}
	}
	for _, i := range told {
		if i.Closed == nil || goesOn[i.ID] {
			s.Incidents = append(s.Incidents, incidentStatus(i))
		}
	}
}

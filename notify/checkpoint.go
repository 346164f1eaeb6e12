package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/onerecord/certgate/gate"
)

// checkpointType is the type of the event that carries a checkpoint.
const checkpointType = "com.onerecord.certgate.audit.checkpoint"

// CheckpointEvent carries a signed checkpoint of the audit log off the machine.
type CheckpointEvent struct {
	Origin string    // of the log
	Size   int64     // events that it covers
	Note   string    // the checkpoint itself, signed; a receiver keeps this
	Time   time.Time // when it was signed
	Source string    // the public URL of this certgate
}

// Message is the event as a webhook sends it. Its id is made from origin and size: a checkpoint that is sent again, by an attempt whose answer was
// lost or after a restart, has the same.
func (e CheckpointEvent) Message() (Message, error) {
	m := Message{ID: gate.NoticeID(fmt.Sprintf("checkpoint_%s_%d", strings.ReplaceAll(e.Origin, "/", "_"), e.Size)), Time: e.Time}
	if err := m.checkID(); err != nil {
		return Message{}, err
	}
	if source, err := url.Parse(e.Source); err != nil || source.Host == "" || source.User != nil {
		return Message{}, gate.FieldErrorf("source", "must be the public URL of this certgate, such as https://connect.example.com")
	}
	body, err := json.Marshal(cloudEvent[checkpointData]{
		SpecVersion: "1.0", ID: string(m.ID), Type: checkpointType, Source: e.Source, Subject: e.Origin, Time: e.Time.UTC(),
		DataContentType: "application/json", Data: checkpointData{Origin: e.Origin, Events: e.Size, Checkpoint: e.Note},
	})
	if err != nil {
		return Message{}, fmt.Errorf("event of the checkpoint of %d events: %w", e.Size, err)
	}
	m.Event = body
	return m, nil
}

type checkpointData struct {
	Origin     string `json:"origin"`
	Events     int64  `json:"events"`
	Checkpoint string `json:"checkpoint"`
}

package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/onerecord/certgate/gate"
)

// eventTypePrefix and the notice's kind make the type of an event.
const eventTypePrefix = "com.onerecord.certgate.notice."

// Event is a notice for machines: what it tells, as fields instead of sentences.
type Event struct {
	ID     gate.NoticeID
	Kind   gate.NoticeKind
	Time   time.Time // when the notice was made
	Source string    // the public URL of this certgate; with ID it names the event (CloudEvents section 3.1)
	Data   Data
}

// cloudEvent is the structured JSON form of CloudEvents 1.0.
type cloudEvent[D any] struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Type            string    `json:"type"`
	Source          string    `json:"source"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            D         `json:"data"`
}

// Body returns the body to keep and to send. The same bytes go out with each attempt, so that the signature covers one thing.
func (e Event) Body() ([]byte, error) {
	m := Message{ID: e.ID}
	if err := m.checkID(); err != nil {
		return nil, err
	}
	if err := checkKind(e.Kind); err != nil {
		return nil, err
	}
	if e.Time.IsZero() {
		return nil, gate.FieldErrorf("time", "must be when the notice was made")
	}
	if source, err := url.Parse(e.Source); err != nil || source.Host == "" || source.User != nil {
		return nil, gate.FieldErrorf("source", "must be the public URL of this certgate, such as https://connect.example.com")
	}
	body, err := json.Marshal(cloudEvent[Data]{
		SpecVersion: "1.0", ID: string(e.ID), Type: eventTypePrefix + string(e.Kind), Source: e.Source, Subject: string(e.Data.AccountID),
		Time: e.Time.UTC(), DataContentType: "application/json", Data: e.Data,
	})
	if err != nil {
		return nil, fmt.Errorf("event of notice %s: %w", e.ID, err)
	}
	return body, nil
}

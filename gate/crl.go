package gate

import "time"

// PublishedCRL remembers the latest revocation list of a CA of ours, so that the next one has a higher number and goes on listing a
// certificate until a list has been published after its end, also after a restart. The list itself is made anew from the records.
type PublishedCRL struct {
	CA     Fingerprint `json:"ca"`
	Number int64       `json:"number"` // RFC 5280 section 5.2.3; Unix nanoseconds, or one more than the number before
	At     time.Time   `json:"at"`     // thisUpdate
}

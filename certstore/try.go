package certstore

import "github.com/onerecord/certgate/gate"

// Try is Update without the commit: f runs in the same transaction under the same lock, and everything that Update would refuse it
// refuses. It returns the event and the records as they would have been stored, and undoes all of it: nothing is on disk, and the
// directory has not moved. The event's number and hashes are those that it would have had; the next change takes them.
func (s *Store) Try(f func(*Tx) (gate.Event, error)) (gate.Event, []gate.Record, error) {
	var event gate.Event
	var records []gate.Record
	err := s.transact(writesAll, func(tx *Tx) (*gate.Event, error) {
		var err error
		event, err = f(tx)
		return &event, err
	}, func(_ *Tx, c *change) error {
		records = c.records
		return nil
	})
	if err != nil {
		return gate.Event{}, nil, err
	}
	return event, records, nil
}

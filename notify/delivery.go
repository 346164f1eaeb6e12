package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// DeliveryError says why an attempt to send did not, or not wholly, succeed, and whether another one can.
type DeliveryError struct {
	// Permanent: nothing that is still owed can be delivered by trying again; a person must look. Otherwise the failure is temporary.
	Permanent bool
	// RetryAfter is how long the receiver asked us to wait, at most a day; zero if it did not. A hint: Schedule may say longer.
	RetryAfter time.Duration
	// Accepted are the addresses that have the mail all the same.
	Accepted []string
	// Refused are the addresses that the mail server would not take.
	Refused []Refusal
	// Err is what happened, for a person to read. It holds no password, key or link.
	Err error
}

// Refusal is a mail server's no to one recipient.
type Refusal struct {
	Address   string
	Permanent bool   // the address does not work, as against "not now"
	Text      string // the server's words
}

// Error implements error.
func (e *DeliveryError) Error() string {
	var b strings.Builder
	if e.Err != nil {
		b.WriteString(e.Err.Error())
	}
	for _, r := range e.Refused {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s refused: %s", r.Address, r.Text)
	}
	if len(e.Accepted) > 0 {
		fmt.Fprintf(&b, "; delivered to %s", strings.Join(e.Accepted, ", "))
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As what happened.
func (e *DeliveryError) Unwrap() error { return e.Err }

// Settled lists the addresses to add to Message.Skip before the next attempt: they have the mail, or will never take it.
func (e *DeliveryError) Settled() []string {
	settled := slices.Clone(e.Accepted)
	for _, r := range e.Refused {
		if r.Permanent {
			settled = append(settled, r.Address)
		}
	}
	return settled
}

func permanent(err error) error { return &DeliveryError{Permanent: true, Err: err} }
func temporary(err error) error { return &DeliveryError{Err: err} }

// waits are the pauses after each failed attempt. The first ones bridge a restart of the receiver, the last ones a night's outage; all
// of them come to 22 h 42 min, so that with the attempts' own time it is over after about a day.
var waits = [...]time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// Schedule says how long to wait after the given number of failed attempts, counted from 1. It reports false when there is no further
// attempt: the notice is a dead letter then, which a person may replay.
func Schedule(failed int) (wait time.Duration, again bool) {
	if failed < 1 || failed > len(waits) {
		return 0, false
	}
	return waits[failed-1], true
}

// foreign makes text of a receiver fit for a log line: printable, short, on one line.
func foreign(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > 200 {
		return string(runes[:200]) + "..."
	}
	return s
}

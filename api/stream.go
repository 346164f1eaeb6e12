package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// writeWithin is how long one write to a watcher may take: who does not read is let go.
const writeWithin = 10 * time.Second

// streamDecisions tells of decisions as they are made, as server-sent events: decision with a Decision, and lost with the number of
// those that the watcher was too slow for. It ends when the site does or when the watcher may no longer read.
func streamDecisions(x *exchange) error {
	q, err := x.query("account", "device", "reason", "fingerprint", "address")
	if err != nil {
		return err
	}
	filter, err := x.decisionFilter(q)
	if err != nil {
		return err
	}
	watch, err := x.a.Decisions().Watch(filter)
	if err != nil {
		return err
	}
	defer watch.Stop()
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	go func() {
		defer cancel()
		select {
		case <-x.staff.Ended:
		case <-ctx.Done():
		}
	}()
	h := x.w.Header()
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-Id", x.id)
	x.w.WriteHeader(http.StatusOK)
	for told, ok := (authority.Watched{}), true; ok; told, ok = watch.Next(ctx) {
		if x.tell(told) != nil {
			return nil // whoever was reading is gone, and was answered already
		}
	}
	_ = x.send("event: end\ndata: {}\n\n") // whoever was reading may be gone
	return nil
}

// tell sends what there is to tell. Where there is nothing it looks whether the watcher may still read, and shows that the line is open.
func (x *exchange) tell(told authority.Watched) error {
	switch {
	case told.Lost > 0:
		return x.send(fmt.Sprintf("event: lost\ndata: {\"lost\":%d}\n\n", told.Lost))
	case told.Decision == nil:
		actor, err := x.staff.Actor(x.r)
		if err == nil {
			err = actor.May(gate.Read)
		}
		if err != nil {
			return err
		}
		return x.send(": open\n\n")
	}
	body, err := json.Marshal(x.decisionView(told.Decision))
	if err != nil {
		return err
	}
	return x.send("event: decision\nid: " + told.Decision.ID + "\ndata: " + string(body) + "\n\n")
}

func (x *exchange) send(text string) error {
	c := http.NewResponseController(x.w)
	if err := c.SetWriteDeadline(authority.Clock().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := io.WriteString(x.w, text); err != nil {
		return err
	}
	return c.Flush()
}

// Told is what a watcher is told: a decision, or how many were lost because it did not keep up.
type Told struct {
	Decision *Decision
	Lost     uint64
}

// Watch calls tell for each decision that is made from now on, until tell or the context ends it, or the server does, which is no error.
// Of the query it heeds account, device, reason, fingerprint and address.
func (c *Client) Watch(ctx context.Context, q DecisionQuery, tell func(Told) error) error {
	client := http.Client{}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.Timeout = 0 // the answer has no end
	address := "/v1/decisions/stream" + q.encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.Base, "/")+address, nil)
	if err != nil {
		return fmt.Errorf("call %s: %w", address, err)
	}
	r.Header.Set("Accept", eventStream)
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("call %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return fmt.Errorf("read the answer of %s: %w", address, err)
		}
		return problemError(response, body)
	}
	return readEvents(response.Body, tell)
}

// maxEvent bounds one event of a stream.
const maxEvent = 64 << 10

// readEvents reads what streamDecisions writes.
func readEvents(r io.Reader, tell func(Told) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	event := ""
	for lines.Scan() {
		field, value, _ := bytes.Cut(lines.Bytes(), []byte(": "))
		var told Told
		var err error
		switch {
		case string(field) == "event":
			event = string(value)
			continue
		case string(field) != "data":
			continue
		case event == "decision":
			err = json.Unmarshal(value, &told.Decision)
		case event == "lost":
			var in struct {
				Lost uint64 `json:"lost"`
			}
			err = json.Unmarshal(value, &in)
			told.Lost = in.Lost
		case event == "end":
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		if err := tell(told); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the stream: %w", err)
	}
	return fmt.Errorf("read the stream: %w", io.ErrUnexpectedEOF)
}

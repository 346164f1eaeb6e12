package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/onerecord/certgate/gate"
)

// This file goes on with calls.go: one method for each route of the audit log.

// EventQuery chooses from the log; every field may be left out.
type EventQuery struct {
	Query // newest first, Before takes Page.Next instead of After; an account's Device means nothing here

	Before string // only events before the one of this number
	Actor  string // name or id of who acted
	Verb   string
	Object string // id of a record: events about it, or that wrote it
	Since  time.Time
	Until  time.Time // not included
	Newest bool      // the newest first
}

// FindEvents lists what changed, by number, and by what the query asks for. A page may be short, even empty, and have a Next.
func (c *Client) FindEvents(ctx context.Context, q EventQuery) (*Page[gate.Event], error) {
	v := q.values()
	for name, value := range map[string]string{"before": q.Before, "actor": q.Actor, "verb": q.Verb, "object": q.Object} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for name, value := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !value.IsZero() {
			v.Set(name, value.UTC().Format(time.RFC3339))
		}
	}
	if q.Newest {
		v.Set("order", newestFirst)
	}
	return clientGet[Page[gate.Event]](ctx, c, "/v1/events?"+v.Encode(), nil)
}

// Event reads one event, with the proof that it is in the log.
func (c *Client) Event(ctx context.Context, seq int64) (*EventProof, error) {
	return clientGet[EventProof](ctx, c, segments("v1", "events", strconv.FormatInt(seq, 10)), nil)
}

// AuditKey reads the log's verifier key.
func (c *Client) AuditKey(ctx context.Context) (*AuditKey, error) {
	return clientGet[AuditKey](ctx, c, segments("v1", "audit", "key"), nil)
}

// Checkpoint reads the latest checkpoint.
func (c *Client) Checkpoint(ctx context.Context) (*Checkpoint, error) {
	return clientGet[Checkpoint](ctx, c, segments("v1", "audit", "checkpoint"), nil)
}

// Consistency proves that the log has only grown since it had old events.
func (c *Client) Consistency(ctx context.Context, old int64) (*ConsistencyProof, error) {
	return clientGet[ConsistencyProof](ctx, c, segments("v1", "audit", "consistency")+"?old="+strconv.FormatInt(old, 10), nil)
}

// Export writes the whole log, as audit.Verify reads it.
func (c *Client) Export(ctx context.Context, w io.Writer) error {
	response, err := c.exchange(ctx, outgoing{method: http.MethodGet, address: segments("v1", "audit", "export")})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("copy the export: %w", err)
	}
	return nil
}

// LastVerification reads what verifying the log found last.
func (c *Client) LastVerification(ctx context.Context) (*Verification, error) {
	return clientGet[Verification](ctx, c, segments("v1", "audit", "verification"), nil)
}

// Verify has the log verified now.
func (c *Client) Verify(ctx context.Context, in NewVerification) (*Verification, error) {
	in.Checkpoints = append([]string{}, in.Checkpoints...)
	return clientPost[Verification](ctx, c, outgoing{address: segments("v1", "audit", "verification")}, in)
}

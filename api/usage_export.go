package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// UsageEnd is the last line of an export of usage. An export without it is not whole.
type UsageEnd struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`             // not in it
	Zone string    `json:"zone,omitempty"` // of the days; empty: each row's are those of its contract
	Rows int64     `json:"rows"`
	// SHA256 is of all lines before this one, with their ends.
	SHA256 string `json:"sha256"`
	// Watermark is until when rows are final. Those after it are of version 0.
	Watermark time.Time `json:"watermark"`
}

// exportLine is a line of an export: a row, or the end.
type exportLine struct {
	*UsageRow
	End *UsageEnd `json:"export_end,omitempty"`
}

// exportDays is how many days of a device are held in memory at once.
const exportDays = 31

// usageExport is an export on its way out.
type usageExport struct {
	q    *usageQuestion
	end  UsageEnd
	out  *bufio.Writer
	sum  hash.Hash
	rows []*UsageRow // of the device and days that are being read
}

// exportUsage streams usage, one row for each day, device, behavior, purpose and outcome. A device is read at a time and then sent, so that
// neither memory grows with the export, nor a client that reads slowly holds anything up.
func exportUsage(x *exchange) error {
	q, err := x.usageQuestion("device,environment,behavior,purpose,outcome")
	if err != nil {
		return err
	}
	q.Step = authority.DayStep
	h := x.w.Header()
	h.Set("Content-Type", linesType)
	h.Set("Content-Disposition", `attachment; filename="certgate-usage.jsonl"`)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", x.id)
	if x.r.Method == http.MethodHead {
		return nil
	}
	to := &begun{ResponseWriter: x.w}
	e := &usageExport{q: q, out: bufio.NewWriterSize(to, 64<<10), sum: sha256.New()}
	e.end = UsageEnd{From: q.From, To: q.To, Zone: q.zone, Watermark: earlier(x.a.UsageFinal(), q.To)}
	if err = e.write(); err == nil {
		return nil
	}
	if !to.yes {
		h.Del("Content-Disposition")
		return err
	}
	report(x.staff.OnError, x.r, err, x.id)
	panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to break off, so that what was sent does not look like the whole
}

func (e *usageExport) write() error {
	for _, d := range e.q.x.a.UsageDevices(&e.q.UsageQuery) {
		for first := e.q.First; first <= e.q.Last; first = first.AddDays(exportDays) {
			if err := e.q.x.r.Context().Err(); err != nil {
				return fmt.Errorf("the client has gone: %w", err)
			}
			if err := e.device(d, first, min(e.q.Last, first.AddDays(exportDays-1))); err != nil {
				return err
			}
		}
	}
	e.end.SHA256 = hex.EncodeToString(e.sum.Sum(nil))
	if err := json.NewEncoder(e.out).Encode(exportLine{End: &e.end}); err != nil {
		return fmt.Errorf("send the end: %w", err)
	}
	return e.out.Flush()
}

// device sends the rows of a device.
func (e *usageExport) device(d *gate.Device, first, last gate.Date) error {
	q := e.q.UsageQuery
	q.Device, q.First, q.Last = d.ID, first, last
	e.rows = e.rows[:0]
	err := e.q.x.a.Usage(&q, func(r *authority.UsageRow) error {
		row := e.q.row(r)
		row.add(r)
		e.rows = append(e.rows, row)
		return nil
	})
	if err != nil {
		return err
	}
	e.end.Watermark = earlier(e.end.Watermark, e.q.x.a.UsageFinal())
	lines := json.NewEncoder(io.MultiWriter(e.out, e.sum))
	for _, row := range e.rows {
		row.finish(e.end.Watermark)
		if err := lines.Encode(row); err != nil {
			return fmt.Errorf("send a row: %w", err)
		}
		e.end.Rows++
	}
	return nil
}

// ErrCutOff says that an export ended before its end.
var ErrCutOff = errors.New("the export broke off before its end")

// ExportUsage calls each with every row of an export, and returns what its last line says, once it holds of what came before it. q has the
// parameters of GET /v1/usage/export.
func (c *Client) ExportUsage(ctx context.Context, q url.Values, each func(*UsageRow) error) (end *UsageEnd, err error) {
	response, err := c.exchange(ctx, outgoing{method: http.MethodGet, address: "/v1/usage/export?" + q.Encode()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	sum, rows := sha256.New(), int64(0)
	for lines.Scan() {
		line := exportLine{UsageRow: new(UsageRow)}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("read line %d of the export: %w", rows+1, err)
		}
		if line.End != nil {
			if line.End.Rows != rows || line.End.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
				return nil, fmt.Errorf("%w: its %d rows are not those that it says it has", ErrCutOff, rows)
			}
			return line.End, nil
		}
		_, _ = sum.Write(lines.Bytes()) // a hash takes everything
		_, _ = sum.Write([]byte{'\n'})
		rows++
		if err := each(line.UsageRow); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w, after %d rows: %w", ErrCutOff, rows, err)
	}
	return nil, fmt.Errorf("%w, after %d rows", ErrCutOff, rows)
}

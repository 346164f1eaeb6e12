package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// usageManifest tells what an export holds, and whether it may still change.
type usageManifest struct {
	Version int       `json:"version"` // of the form of rows and manifest
	File    string    `json:"file"`
	Format  string    `json:"format"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"` // not in it
	Zone    string    `json:"zone"`
	Rows    int       `json:"rows"`
	SHA256  string    `json:"sha256"` // of the file
	// Watermark is until when rows are final. Rows after it may grow; they keep their identifiers, so a later export replaces them.
	Watermark time.Time `json:"watermark"`
}

func (t *tool) usageExportCommand() *cobra.Command {
	var f usageFlags
	var format, out string
	c := &cobra.Command{
		Args: cobra.MaximumNArgs(1),
		Use:  "export [ACCOUNT|DEVICE]", Short: "Writes usage to a file, one row for each day, device, behavior, purpose and outcome",
		Long: "Writes usage to a file for billing, one row for each day, device, behavior, purpose and outcome, and beside it FILE.manifest.json with\n" +
			"the number of rows, the file's SHA-256 and until when rows are final. A row has the same id in every export: the later one counts.",
		Example: "  certgate usage export --from 2027-03-01 --to 2027-03-31 --format csv --out march.csv",
	}
	f.add(c)
	c.Flags().StringVar(&format, "format", "csv", "csv, or jsonl: one JSON object a line")
	c.Flags().StringVar(&out, "out", "", "the file to write; what is there is replaced")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if format != "csv" && format != "jsonl" {
			return usagef("--format %q: must be csv or jsonl", gate.Clip(format, 40))
		}
		f.step, f.by = "day", "device,environment,behavior,purpose,outcome"
		return t.exportUsage(cmd, args, &f, usageManifest{Version: 1, File: out, Format: format})
	}), "out")
}

// exportUsage asks for one day after another, so that neither side holds a year at once.
func (t *tool) exportUsage(cmd *cobra.Command, args []string, f *usageFlags, m usageManifest) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	whole := *f
	whole.by, whole.outcome = "account", gate.AccountTerminated.String() // the few rows of one outcome: it is the days that are asked for
	span, err := c.Usage(cmd.Context(), whole.query(args))
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(span.Zone)
	if err != nil {
		return fmt.Errorf("the zone %s is not known here: %w", span.Zone, err)
	}
	m.From, m.To, m.Zone, m.Watermark = span.From, span.To, span.Zone, span.Final
	if m.Watermark.After(m.To) {
		m.Watermark = m.To
	}
	var file bytes.Buffer
	w := newUsageWriter(&file, m.Format)
	last := span.To.In(zone).Add(-time.Second).Format(time.DateOnly)
	for day := gate.Date(span.From.In(zone).Format(time.DateOnly)); string(day) <= last; day = day.AddDays(1) {
		one := *f
		one.from, one.to, one.zone = string(day), string(day), span.Zone
		report, err := c.Usage(cmd.Context(), one.query(args))
		if err != nil {
			return err
		}
		for _, row := range report.Items {
			m.Rows++
			if err := w.write(row); err != nil {
				return fmt.Errorf("write a row: %w", err)
			}
		}
	}
	if err := w.flush(); err != nil {
		return fmt.Errorf("write the rows: %w", err)
	}
	return t.saveExport(cmd, file.Bytes(), &m)
}

func (t *tool) saveExport(cmd *cobra.Command, content []byte, m *usageManifest) error {
	sum := sha256.Sum256(content)
	m.SHA256 = hex.EncodeToString(sum[:])
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err := os.WriteFile(m.File, content, 0o600); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	if err := os.WriteFile(m.File+".manifest.json", append(manifest, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if t.flags.json {
		return printJSON(cmd.OutOrStdout(), manifest)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %d rows to %s, and %s.manifest.json\n", m.Rows, m.File, m.File)
	if m.Watermark.Before(m.To) {
		fmt.Fprintf(cmd.ErrOrStderr(), "rows after %s are not final; export them again later, they keep their ids\n", m.Watermark.UTC().Format(time.RFC3339))
	}
	return nil
}

// usageColumns are those of a CSV export.
var usageColumns = []string{"id", "start", "end", "account", "device", "path", "environment", "behavior", "purpose", "outcome",
	"calls", "cost", "billable", "billable_calls", "billable_cost", "bytes_in", "bytes_out"}

// usageWriter writes rows in one of the formats.
type usageWriter struct {
	csv  *csv.Writer
	json *json.Encoder
}

func newUsageWriter(file *bytes.Buffer, format string) *usageWriter {
	if format == "jsonl" {
		return &usageWriter{json: json.NewEncoder(file)}
	}
	w := &usageWriter{csv: csv.NewWriter(file)}
	_ = w.csv.Write(usageColumns) // a buffer takes everything
	return w
}

func (w *usageWriter) write(r *api.UsageRow) error {
	if w.json != nil {
		return w.json.Encode(r)
	}
	behavior, purpose, environment := "", "", ""
	if r.Behavior != nil {
		behavior = *r.Behavior
	}
	if r.Purpose != nil {
		purpose = string(*r.Purpose)
	}
	if r.Environment != nil {
		environment = r.Environment.String()
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	return w.csv.Write([]string{r.ID, r.Start.Format(time.RFC3339), r.End.Format(time.RFC3339), string(r.Account), string(r.Device), r.Path, environment,
		behavior, purpose, string(r.Outcome), count(r.Calls), count(r.Cost), strconv.FormatBool(r.BillableCalls > 0), count(r.BillableCalls),
		count(r.BillableCost), count(r.BytesIn), count(r.BytesOut)})
}

func (w *usageWriter) flush() error {
	if w.csv == nil {
		return nil
	}
	w.csv.Flush()
	return w.csv.Error()
}

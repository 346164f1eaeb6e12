package cli

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// usageManifest tells what an export holds, and whether it may still change. An export without one is not whole.
type usageManifest struct {
	Version int       `json:"version"` // of the form of rows and manifest
	File    string    `json:"file"`
	Format  string    `json:"format"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`             // not in it
	Zone    string    `json:"zone,omitempty"` // of the days; empty: each row's are those of its contract
	Rows    int64     `json:"rows"`
	SHA256  string    `json:"sha256"` // of the file
	// Watermark is until when rows are final. Those after it have version 0 and may grow; a later export has them with the same ids.
	Watermark time.Time `json:"watermark"`
}

func (t *tool) usageExportCommand() *cobra.Command {
	var f usageFlags
	var format, out string
	c := &cobra.Command{
		Args: cobra.MaximumNArgs(1),
		Use:  "export [ACCOUNT|DEVICE]", Short: "Writes usage to a file, one row for each day, device, behavior, purpose and outcome",
		Long: "Writes usage to a file for billing, one row for each day, device, behavior, purpose and outcome, and then FILE.manifest.json with\n" +
			"the number of rows, the file's SHA-256 and until when rows are final. A row has the same id in every export, and a higher version\n" +
			"where its figures were corrected: the highest counts. A row of version 0 is not final. An export that breaks off leaves the file that\n" +
			"was there before.",
		Example: "  certgate usage export --from 2027-03-01 --to 2027-03-31 --format csv --out march.csv",
	}
	f.add(c)
	c.Flags().StringVar(&format, "format", "csv", "csv, or jsonl: one JSON object a line")
	c.Flags().StringVar(&out, "out", "", "the file to write; what is there is replaced")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if format != "csv" && format != "jsonl" {
			return usagef("--format %q: must be csv or jsonl", gate.Clip(format, 40))
		}
		return t.exportUsage(cmd, args, &f, usageManifest{Version: 2, File: out, Format: format})
	}), "out")
}

func (t *tool) exportUsage(cmd *cobra.Command, args []string, f *usageFlags, m usageManifest) error {
	c, err := t.unhurried()
	if err != nil {
		return err
	}
	written, err := m.take(func(each func(*api.UsageRow) error) (*api.UsageEnd, error) {
		return c.ExportUsage(cmd.Context(), f.query(args), each)
	})
	if err != nil {
		return err
	}
	return t.saveExport(cmd, written, &m)
}

// take writes rows as they come into a file of another name beside the one that they are for, and notes what they came to. Where they break off it
// leaves nothing.
func (m *usageManifest) take(rows func(each func(*api.UsageRow) error) (*api.UsageEnd, error)) (name string, err error) {
	file, err := os.CreateTemp(filepath.Dir(m.File), "."+filepath.Base(m.File)+".*")
	if err != nil {
		return "", fmt.Errorf("write the export: %w", err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	w := newUsageWriter(file, m.Format)
	end, err := rows(w.write)
	if err != nil {
		return "", err
	}
	if err := errors.Join(w.flush(), file.Sync(), file.Close()); err != nil {
		return "", fmt.Errorf("write the export: %w", err)
	}
	m.From, m.To, m.Zone, m.Rows, m.Watermark, m.SHA256 = end.From, end.To, end.Zone, end.Rows, end.Watermark, hex.EncodeToString(w.sum.Sum(nil))
	return file.Name(), nil
}

// saveExport puts the file in its place, and the manifest last: without one, or beside that of another file, it does not look whole.
func (t *tool) saveExport(cmd *cobra.Command, written string, m *usageManifest) error {
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	place := m.File + ".manifest.json"
	if err := os.Remove(place); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the manifest of the export before: %w", err)
	}
	if err := os.Rename(written, m.File); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	if err := os.WriteFile(place, append(manifest, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if t.flags.json {
		return printJSON(cmd.OutOrStdout(), manifest)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %d rows to %s, and %s\n", m.Rows, m.File, place)
	if m.Watermark.Before(m.To) {
		fmt.Fprintf(cmd.ErrOrStderr(), "rows after %s are not final; export them again later, they keep their ids\n", m.Watermark.UTC().Format(time.RFC3339))
	}
	return nil
}

// usageColumns are those of a CSV export.
var usageColumns = []string{"id", "version", "day", "start", "end", "account", "device", "path", "environment", "behavior", "purpose", "outcome",
	"billable", "calls", "cost", "billable_calls", "billable_cost", "bytes_in", "bytes_out"}

// usageWriter writes rows in one of the formats, and hashes what it wrote.
type usageWriter struct {
	out  *bufio.Writer
	sum  hash.Hash
	csv  *csv.Writer
	json *json.Encoder
}

func newUsageWriter(file io.Writer, format string) *usageWriter {
	w := &usageWriter{sum: sha256.New()}
	w.out = bufio.NewWriter(io.MultiWriter(file, w.sum))
	if format == "jsonl" {
		w.json = json.NewEncoder(w.out)
		return w
	}
	w.csv = csv.NewWriter(w.out)
	_ = w.csv.Write(usageColumns) // an error comes again with flush
	return w
}

func (w *usageWriter) write(r *api.UsageRow) error {
	if w.json != nil {
		return w.json.Encode(r)
	}
	behavior, purpose, environment, billable := "", "", "", false
	if r.Behavior != nil {
		behavior = *r.Behavior
	}
	if r.Purpose != nil {
		purpose = string(*r.Purpose)
	}
	if r.Environment != nil {
		environment = r.Environment.String()
	}
	if r.Billable != nil {
		billable = *r.Billable
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	return w.csv.Write([]string{r.ID, count(r.Version), string(r.Day), r.Start.Format(time.RFC3339), r.End.Format(time.RFC3339), string(r.Account), string(r.Device), r.Path,
		environment, behavior, purpose, string(r.Outcome), strconv.FormatBool(billable), count(r.Calls), count(r.Cost), count(r.BillableCalls),
		count(r.BillableCost), count(r.BytesIn), count(r.BytesOut)})
}

func (w *usageWriter) flush() error {
	if w.csv != nil {
		w.csv.Flush()
		if err := w.csv.Error(); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

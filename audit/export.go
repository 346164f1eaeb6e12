package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"
)

const (
	// exportFormat is the first word of every export; what cannot be read by this program has another.
	exportFormat = "certgate-audit-1"
	// maxLine bounds a line of an export (bytes). A commit takes less than 3 MB, an event is part of one, and quoting at most doubles it.
	maxLine = 8 << 20
)

// Header is the first line of an export. Nothing in it is signed: verifying compares it with what follows and with what the verifier knows.
type Header struct {
	// Format is set by WriteExport.
	Format string `json:"format"`
	// Origin and Vkey are the log's name and the key that signs its checkpoints.
	Origin string `json:"origin"`
	Vkey   string `json:"vkey"`
	// Created is when the export was made. Nothing depends on it.
	Created time.Time `json:"created"`
	// Events and Checkpoints are how many follow, so that a file that was cut short shows. WriteExport sets Checkpoints.
	Events      int64 `json:"events"`
	Checkpoints int64 `json:"checkpoints"`
}

// Line is one line after the header: either Event or Checkpoint is set.
type Line struct {
	// Number is that of the line in the file, from 2.
	Number int
	// Event is a leaf, byte for byte.
	Event []byte
	// Hash is the event's as it was when the export was made. It is there to tell which event was damaged; it proves nothing.
	Hash Hash
	// Checkpoint is signed, and describes the events before it.
	Checkpoint []byte
}

// eventLine and checkpointLine are the two forms of line. A leaf is JSON itself and is kept as a string, so that its bytes stay what was hashed
// and a person can still read it: jq -r .event
type (
	eventLine struct {
		Event string `json:"event"`
		Hash  Hash   `json:"hash"`
	}
	checkpointLine struct {
		Checkpoint string `json:"checkpoint"`
	}
)

// WriteExport writes a log to a file that can be verified without the store: JSON, a line for the header, for each event, and for each checkpoint
// after the events that it covers. h says origin, key, time and number of events; leaves are all of them in order; checkpoints are signed by the key in h, by
// rising size, and the last one covers all events. An error leaves a file that does not verify.
func WriteExport(w io.Writer, h Header, leaves iter.Seq2[[]byte, error], checkpoints [][]byte) error {
	h.Format, h.Checkpoints = exportFormat, int64(len(checkpoints))
	x := exporter{out: bufio.NewWriter(w), header: h, rest: checkpoints}
	if err := x.begin(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	for leaf, err := range leaves {
		if err != nil {
			return fmt.Errorf("export: read event %d: %w", x.events, err)
		}
		if err := x.event(leaf); err != nil {
			return fmt.Errorf("export: event %d: %w", x.events, err)
		}
	}
	if x.events != h.Events || len(x.rest) > 0 {
		return fmt.Errorf("export: %d events came instead of %d, and %d checkpoints are left over", x.events, h.Events, len(x.rest))
	}
	if err := x.out.Flush(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

type exporter struct {
	out    *bufio.Writer
	header Header
	events int64    // written
	sizes  []int64  // of the checkpoints in rest
	rest   [][]byte // checkpoints that are not written yet
}

// begin judges the checkpoints and writes the header.
func (x *exporter) begin() error {
	key, err := ParseKey(x.header.Vkey)
	if err != nil {
		return err
	}
	last := int64(-1)
	for _, signed := range x.rest {
		c, err := ParseCheckpoint(signed, key)
		if err != nil {
			return err
		}
		if c.Origin != x.header.Origin {
			return fmt.Errorf("a checkpoint of %s in an export of %q", c.Origin, clip(x.header.Origin))
		}
		if c.Size <= last {
			return fmt.Errorf("the checkpoint of %d events comes after one of %d; they are given by rising size, one of each", c.Size, last)
		}
		last = c.Size
		x.sizes = append(x.sizes, c.Size)
	}
	if last != x.header.Events {
		return fmt.Errorf("its last checkpoint covers %d of %d events; sign one of all of them first", max(last, 0), x.header.Events)
	}
	if err := x.line(x.header); err != nil {
		return err
	}
	return x.due()
}

func (x *exporter) event(leaf []byte) error {
	if !utf8.Valid(leaf) {
		return errors.New("it is not UTF-8 text, which every event is")
	}
	if err := x.line(eventLine{string(leaf), LeafHash(leaf)}); err != nil {
		return err
	}
	x.events++
	return x.due()
}

// due writes the checkpoint of the events so far, if there is one.
func (x *exporter) due() error {
	if len(x.rest) == 0 || x.sizes[0] != x.events {
		return nil
	}
	line := checkpointLine{string(x.rest[0])}
	x.sizes, x.rest = x.sizes[1:], x.rest[1:]
	return x.line(line)
}

func (x *exporter) line(v any) error {
	line, err := encodeLine(v)
	if err != nil {
		return err
	}
	if len(line) > maxLine {
		return fmt.Errorf("its line takes %d bytes; a line of an export may have %d", len(line), maxLine)
	}
	_, err = x.out.Write(line)
	return err
}

// encodeLine is the one spelling of a line: compact, fields in order, nothing escaped that need not be.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Export reads an export, one line at a time. It judges form only; what the lines say is for [Verify].
type Export struct {
	// Header is the first line.
	Header Header

	in     *bufio.Reader
	number int // of the line read last
}

// ReadExport reads the header. Every line must be spelled as WriteExport spells it, so that no byte of the file can be changed unseen.
func ReadExport(r io.Reader) (*Export, error) {
	x := &Export{in: bufio.NewReader(r)}
	line, err := x.read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: the file is empty")
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, &x.Header); err != nil {
		return nil, fmt.Errorf("line 1: not the header of an export of the audit log: %w", err)
	}
	if x.Header.Format != exportFormat {
		return nil, fmt.Errorf("line 1: format %q; this program reads %q", clip(x.Header.Format), exportFormat)
	}
	return x, x.spelled(line, x.Header)
}

// Next reads the next line. After the last one the error is io.EOF. An export may not be read on after any other error.
func (x *Export) Next() (Line, error) {
	text, err := x.read()
	if err != nil {
		return Line{}, err
	}
	var fields struct {
		eventLine
		checkpointLine
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return Line{}, fmt.Errorf("line %d: %w", x.number, err)
	}
	if fields.Checkpoint != "" {
		return Line{Number: x.number, Checkpoint: []byte(fields.Checkpoint)}, x.spelled(text, fields.checkpointLine)
	}
	return Line{Number: x.number, Event: []byte(fields.Event), Hash: fields.Hash}, x.spelled(text, fields.eventLine)
}

// spelled compares a line with what its meaning is written as. JSON has many spellings of one value and readers that differ about some.
func (x *Export) spelled(line []byte, meaning any) error {
	want, err := encodeLine(meaning)
	if err != nil {
		return fmt.Errorf("line %d: %w", x.number, err)
	}
	if !bytes.Equal(line, want) {
		return fmt.Errorf("line %d: not as certgate writes it; the file was edited or converted", x.number)
	}
	return nil
}

// read returns the next line with its end. io.EOF is only for an end between lines.
func (x *Export) read() ([]byte, error) {
	x.number++
	var line []byte
	for {
		part, err := x.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, fmt.Errorf("line %d: longer than %d bytes", x.number, maxLine)
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("line %d: cut short", x.number)
		default:
			return nil, fmt.Errorf("line %d: %w", x.number, err)
		}
	}
}

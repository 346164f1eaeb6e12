package audit

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	// maxManifest and maxUnpacked bound what is read of a dossier (bytes): the first at once, the second in all. certgate makes none of
	// more than 64 MB packed; a zip file can unpack to a thousand times its size.
	maxManifest = 32 << 20
	maxUnpacked = 4 << 30
)

// secretKinds are the kinds of record of which a dossier may leave out a part. Of any other an edited copy would pass for a part.
var secretKinds = []string{"enrollment", "key", "notice"}

// customerKinds are the kinds of record that belong to an account, so that one which an event of the account wrote must be there.
var customerKinds = []string{"account", "organization", "device", "contract", "certification", "key", "certificate", "enrollment", "remediation", "incident", "ruling", "review", "notice",
	"reminder"}

// bookkeptKinds also change without an event.
var bookkeptKinds = []string{"notice"}

// DossierReport is what verifying a dossier found.
type DossierReport struct {
	Origin  string    `json:"origin"`
	Account string    `json:"account"`
	Time    time.Time `json:"time"`
	// Events is how many are in it, each proven to be in the log of LogSize events.
	Events  int64 `json:"events"`
	LogSize int64 `json:"log_size"`
	// Compared is how many records are byte for byte as the last event that names them left them; Shown how many are there without what is
	// secret, so that the log's signature alone speaks for them.
	Compared int64 `json:"records_compared"`
	Shown    int64 `json:"records_shown"`
	// OwnKey says that no key was given: the dossier was verified with the one in it.
	OwnKey bool `json:"own_key"`
}

// String says it to a person.
func (r DossierReport) String() string {
	s := fmt.Sprintf("the dossier of account %s, of %s, signed by %s\n%d events, each proven to be among the %d in the log at that time; "+
		"%d records as their last events left them, with no event missing between; %d more are shown without what is secret, and rest on the signature",
		r.Account, r.Time.Format(time.RFC3339), r.Origin, r.Events, r.LogSize, r.Compared, r.Shown)
	if r.OwnKey {
		s += "\nNo key was given: this was verified with the key in the dossier, which whoever made it chose. Compare it with the one that was kept elsewhere."
	}
	return s
}

// VerifyDossier verifies a dossier of size bytes: the signature, each file, the proof of each event, and each record against the events. vkey is the
// log's verifier key, from elsewhere; empty: the one in the dossier is believed. The first thing wrong ends it.
func VerifyDossier(r io.ReaderAt, size int64, vkey string) (DossierReport, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return DossierReport{}, fmt.Errorf("not a dossier: %w", err)
	}
	d := &dossier{files: make(map[string]*zip.File), left: maxUnpacked}
	d.report.OwnKey = vkey == ""
	for _, f := range z.File {
		if d.files[f.Name] != nil {
			return d.report, fmt.Errorf("%q is in it twice", clip(f.Name))
		}
		d.files[f.Name] = f
	}
	for _, step := range []func() error{func() error { return d.open(vkey) }, d.hashFiles, d.readCheckpoint, d.readEvents, d.compare} {
		if err = step(); err != nil {
			break
		}
	}
	return d.report, err
}

// dossier is one that is being verified.
type dossier struct {
	files      map[string]*zip.File
	left       int64 // bytes that may still be unpacked
	vkey       string
	manifest   Manifest
	checkpoint Checkpoint
	events     int64
	last       map[recordName]lastEvent // of the records in the dossier
	report     DossierReport
}

// open reads manifest and signature.
func (d *dossier) open(vkey string) error {
	text, err := d.read(manifestFile)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &d.manifest); err != nil {
		return fmt.Errorf("%s: %w", manifestFile, err)
	}
	if want, err := encodeLine(d.manifest); err != nil || !bytes.Equal(want, text) || d.manifest.Format != dossierFormat {
		return fmt.Errorf("%s: not as certgate writes it (%s): it was edited, or is a newer certgate's", manifestFile, dossierFormat)
	}
	own, err := d.read(KeyFile)
	if err != nil {
		return err
	}
	d.vkey = strings.TrimSuffix(string(own), "\n")
	if vkey != "" && vkey != d.vkey {
		return fmt.Errorf("%s holds the key %q, and the dossier is verified with %q: it is another log's, or a forgery", KeyFile, clip(d.vkey), vkey)
	}
	key, err := ParseKey(d.vkey)
	if err != nil {
		return err
	}
	signed, err := d.read(signatureFile)
	if err != nil {
		return err
	}
	if origin := originOf(d.vkey); d.manifest.Origin != origin {
		return fmt.Errorf("%s is of %q, and the key is that of %q", manifestFile, clip(d.manifest.Origin), origin)
	}
	d.report.Origin, d.report.Account, d.report.Time = d.manifest.Origin, d.manifest.Account, d.manifest.Time
	return DossierSeal{Origin: d.manifest.Origin, Account: d.manifest.Account, Manifest: sha256.Sum256(text)}.open(signed, key)
}

// hashFiles compares every file with the manifest, and the names on both sides.
func (d *dossier) hashFiles() error {
	listed := map[string]bool{manifestFile: true, signatureFile: true}
	for _, file := range d.manifest.Files {
		if err := checkFileName(file.Name); err != nil {
			return err
		}
		if listed[file.Name] {
			return fmt.Errorf("%s lists %q twice", manifestFile, clip(file.Name))
		}
		listed[file.Name] = true
		hash := sha256.New()
		n, err := d.stream(file.Name, hash)
		if err != nil {
			return err
		}
		if n != file.Size || hex.EncodeToString(hash.Sum(nil)) != file.SHA256 {
			return fmt.Errorf("%s: its SHA-256 is not that in the manifest: it was changed", file.Name)
		}
	}
	for name := range d.files {
		if !listed[name] {
			return fmt.Errorf("%q is in the dossier and not in its manifest", clip(name))
		}
	}
	return nil
}

func (d *dossier) readCheckpoint() error {
	signed, err := d.read(CheckpointFile)
	if err != nil {
		return err
	}
	key, err := ParseKey(d.vkey)
	if err != nil {
		return err
	}
	if d.checkpoint, err = ParseCheckpoint(signed, key); err != nil {
		return fmt.Errorf("%s: %w", CheckpointFile, err)
	}
	if c := d.checkpoint; c.Origin != d.manifest.Origin || c.Size != d.manifest.LogSize || !c.Time.Equal(d.manifest.Time) {
		return fmt.Errorf("%s is not the checkpoint that the manifest names", CheckpointFile)
	}
	d.report.LogSize = d.checkpoint.Size
	return nil
}

// readEvents checks each proof, and follows each record from one event to the next.
func (d *dossier) readEvents() error {
	d.last = make(map[recordName]lastEvent)
	for _, file := range d.manifest.Files {
		if file.Kind != "" {
			d.last[recordName{file.Kind, file.ID}] = lastEvent{seq: -1}
		}
	}
	f, err := d.entry(EventsFile)
	if err != nil {
		return err
	}
	defer f.Close()
	x := &Export{in: bufio.NewReader(f)}
	before := int64(-1)
	for {
		text, err := x.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			before, err = d.event(x, text, before)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", EventsFile, err)
		}
	}
	if d.events != d.manifest.Events {
		return fmt.Errorf("%s holds %d events, and the manifest says %d", EventsFile, d.events, d.manifest.Events)
	}
	d.report.Events = d.events
	return nil
}

// event takes one line and returns the event's number; before is that of the line before.
func (d *dossier) event(x *Export, text []byte, before int64) (int64, error) {
	var line DossierEvent
	if err := json.Unmarshal(text, &line); err != nil {
		return 0, fmt.Errorf("line %d: %w", x.number, err)
	}
	if err := x.spelled(text, line); err != nil {
		return 0, err
	}
	n := line.Inclusion.Event
	if n <= before {
		return 0, fmt.Errorf("line %d: event %d comes after event %d", x.number, n, before)
	}
	if err := CheckInclusion([]byte(line.Event), n, d.checkpoint, line.Inclusion); err != nil {
		return 0, err
	}
	var e event
	if err := json.Unmarshal([]byte(line.Event), &e); err != nil || e.Seq == nil || *e.Seq != n {
		return 0, fmt.Errorf("event %d: it is no event, or of another number", n)
	}
	d.events++
	for _, c := range e.Changes {
		name := recordName{c.Kind, c.ID}
		last, ours := d.last[name]
		if !ours {
			if e.Account == d.manifest.Account && slices.Contains(customerKinds, c.Kind) && c.After != (fingerprint{}) {
				return 0, fmt.Errorf("%s: missing; event %d wrote it", name, n)
			}
			continue
		}
		if Hash(c.Before) != last.after && !slices.Contains(bookkeptKinds, c.Kind) {
			return 0, fmt.Errorf("%s: event %d changed another state of it than event %d left: an event between them is missing", name, n, last.seq)
		}
		d.last[name] = lastEvent{n, Hash(c.After)}
	}
	return n, nil
}

// unloggedKinds are the kinds of record that tell of no change of state, so that no event writes them: when a credential was used, and what a
// device did. They rest on the signature.
var unloggedKinds = []string{"use", "observed", "spent"}

// compare holds each record against the last event that names it.
func (d *dossier) compare() error {
	for _, file := range d.manifest.Files {
		if file.Kind == "" {
			if strings.HasPrefix(file.Name, wholePrefix) || strings.HasPrefix(file.Name, shownPrefix) {
				return fmt.Errorf("%s: the manifest does not say which record it holds", file.Name)
			}
			continue
		}
		name := recordName{file.Kind, file.ID}
		last := d.last[name]
		switch whole := strings.HasPrefix(file.Name, wholePrefix); {
		case !whole && slices.Contains(unloggedKinds, file.Kind):
			d.report.Shown++
		case last.seq < 0:
			return fmt.Errorf("%s: there, and no event in the dossier wrote it", name)
		case !whole && !slices.Contains(secretKinds, file.Kind):
			return fmt.Errorf("%s: a part of it is left out, and a %s has nothing that is secret", name, clip(file.Kind))
		case !whole:
			d.report.Shown++
		case file.SHA256 != hex.EncodeToString(last.after[:]):
			return fmt.Errorf("%s: not as event %d left it", name, last.seq)
		default:
			d.report.Compared++
		}
	}
	return nil
}

// entry opens a file of the dossier.
func (d *dossier) entry(name string) (io.ReadCloser, error) {
	f := d.files[name]
	if f == nil {
		return nil, fmt.Errorf("%q is missing", clip(name))
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// stream copies a file, and counts it against what may be unpacked.
func (d *dossier) stream(name string, w io.Writer) (int64, error) {
	r, err := d.entry(name)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n, err := io.Copy(w, io.LimitReader(r, d.left+1))
	if err != nil {
		return n, fmt.Errorf("%s: %w", name, err)
	}
	if d.left -= n; d.left < 0 {
		return n, fmt.Errorf("it unpacks to more than %d bytes", int64(maxUnpacked))
	}
	return n, nil
}

// read reads a small file.
func (d *dossier) read(name string) ([]byte, error) {
	if f := d.files[name]; f != nil && f.UncompressedSize64 > maxManifest {
		return nil, fmt.Errorf("%s has %d bytes; it may have %d", name, f.UncompressedSize64, maxManifest)
	}
	var b bytes.Buffer
	_, err := d.stream(name, &b)
	return b.Bytes(), err
}

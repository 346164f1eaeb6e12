package audit

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A dossier is a zip file with everything that a log and its store hold about one account. It is verified without either.
//
//	index.html                 the whole, to be read
//	records/<kind>/<id>.json   a record byte for byte as it is stored: its SHA-256 is what the last event that wrote it says
//	shown/<kind>/<id>.json     a record without what must stay secret
//	events.jsonl               each event that names one of the records, with the proof that it is in the log
//	checkpoint.txt             the signed checkpoint that the proofs lead to
//	key.txt                    the log's verifier key
//	manifest.json              the SHA-256 of each file above
//	signature.txt              a signed note that names the SHA-256 of manifest.json
const (
	dossierFormat = "certgate-dossier-1"

	PageFile       = "index.html"
	EventsFile     = "events.jsonl"
	CheckpointFile = "checkpoint.txt"
	KeyFile        = "key.txt"
	manifestFile   = "manifest.json"
	signatureFile  = "signature.txt"

	wholePrefix = "records/"
	shownPrefix = "shown/"
)

// Manifest lists what a dossier holds.
type Manifest struct {
	Format string `json:"format"`
	// Origin is the name of the log, and Account the identifier of the account.
	Origin  string `json:"origin"`
	Account string `json:"account"`
	// Time is that of the checkpoint: the dossier shows what was then.
	Time time.Time `json:"time"`
	// LogSize is how many events the log had, and Events how many of them are in the dossier.
	LogSize int64 `json:"log_size"`
	Events  int64 `json:"events"`
	// Files are all files but manifest and signature, in the order in which they were written.
	Files []DossierFile `json:"files"`
}

// DossierFile is one file in a dossier.
type DossierFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // hexadecimal
	Size   int64  `json:"size"`   // bytes, unpacked
	// Kind and ID name the record that it holds, if it holds one.
	Kind string `json:"kind,omitempty"`
	ID   string `json:"id,omitempty"`
}

// DossierEvent is one line of events.jsonl.
type DossierEvent struct {
	Event     string    `json:"event"` // the leaf, byte for byte
	Inclusion Inclusion `json:"inclusion"`
}

// DossierSeal is what is signed of a dossier. Its text is no checkpoint to any reader: those have the name of the log alone in the first line and
// a number in the second.
type DossierSeal struct {
	Origin, Account string
	Manifest        [sha256.Size]byte // SHA-256 of manifest.json
}

func (s DossierSeal) text() string {
	return fmt.Sprintf("%s %s\naccount %s\nmanifest sha256 %x\n", dossierFormat, s.Origin, s.Account, s.Manifest)
}

// Sign returns the seal as a signed note. The signer's name must be the origin.
func (s DossierSeal) Sign(signer note.Signer) ([]byte, error) {
	if err := checkOrigin(s.Origin); err != nil {
		return nil, err
	}
	if signer.Name() != s.Origin || s.Account == "" || strings.ContainsFunc(s.Account, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("a dossier of account %q of %s cannot be signed by the key of %s", clip(s.Account), s.Origin, signer.Name())
	}
	signed, err := note.Sign(&note.Note{Text: s.text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign the dossier of %s: %w", s.Account, err)
	}
	return signed, nil
}

// open reports by a nil error that the key has signed exactly this seal.
func (s DossierSeal) open(signed []byte, verifiers note.Verifiers) error {
	n, err := note.Open(signed, verifiers)
	if err != nil {
		return fmt.Errorf("%s is not signed by the key that was given: %w", signatureFile, err)
	}
	if len(n.Sigs) != 1 || n.Sigs[0].Name != s.Origin || n.Text != s.text() {
		return fmt.Errorf("%s is signed, but not for this manifest: the manifest was changed, or the signature is another dossier's", signatureFile)
	}
	return nil
}

// DossierWriter writes a dossier, file by file.
type DossierWriter struct {
	zip      *zip.Writer
	manifest Manifest
}

// NewDossier begins a dossier. m says origin, account, time and size of the log; the rest is set as it comes.
func NewDossier(w io.Writer, m Manifest) *DossierWriter {
	m.Format, m.Files, m.Events = dossierFormat, []DossierFile{}, 0
	return &DossierWriter{zip: zip.NewWriter(w), manifest: m}
}

// File adds a file that write writes.
func (d *DossierWriter) File(name string, write func(io.Writer) error) error {
	return d.add(DossierFile{Name: name}, write)
}

// Record adds a record: whole is its stored form, byte for byte; otherwise body is what may be shown of it.
func (d *DossierWriter) Record(r Record, whole bool, body []byte) error {
	prefix := shownPrefix
	if whole {
		prefix = wholePrefix
	}
	name := prefix + fileName(r.Kind) + "/" + fileName(r.ID) + ".json"
	return d.add(DossierFile{Name: name, Kind: r.Kind, ID: r.ID}, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
}

// Events adds the events. each hands them over in order.
func (d *DossierWriter) Events(each func(put func(DossierEvent) error) error) error {
	return d.File(EventsFile, func(w io.Writer) error {
		return each(func(e DossierEvent) error {
			line, err := encodeLine(e)
			if err != nil {
				return err
			}
			if len(line) > maxLine {
				return fmt.Errorf("event %d: its line takes %d bytes; one may have %d", e.Inclusion.Event, len(line), maxLine)
			}
			d.manifest.Events++
			_, err = w.Write(line)
			return err
		})
	})
}

// Finish writes the manifest and its signature, and ends the file.
func (d *DossierWriter) Finish(sign func(DossierSeal) ([]byte, error)) error {
	text, err := encodeLine(d.manifest)
	if err != nil {
		return err
	}
	signed, err := sign(DossierSeal{Origin: d.manifest.Origin, Account: d.manifest.Account, Manifest: sha256.Sum256(text)})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{manifestFile: text, signatureFile: signed} {
		if len(content) > maxManifest {
			return fmt.Errorf("%s takes %d bytes; it may have %d", name, len(content), maxManifest)
		}
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{{manifestFile, text}, {signatureFile, signed}} {
		w, err := d.create(file.name)
		if err != nil {
			return err
		}
		if _, err := w.Write(file.content); err != nil {
			return fmt.Errorf("%s: %w", file.name, err)
		}
	}
	if err := d.zip.Close(); err != nil {
		return fmt.Errorf("end the dossier: %w", err)
	}
	return nil
}

func (d *DossierWriter) add(file DossierFile, write func(io.Writer) error) error {
	if err := checkFileName(file.Name); err != nil {
		return err
	}
	w, err := d.create(file.Name)
	if err != nil {
		return err
	}
	hash := sha256.New()
	count := new(counter)
	if err := write(io.MultiWriter(w, hash, count)); err != nil {
		return fmt.Errorf("%s: %w", file.Name, err)
	}
	file.SHA256, file.Size = hex.EncodeToString(hash.Sum(nil)), int64(*count)
	d.manifest.Files = append(d.manifest.Files, file)
	return nil
}

// create begins a file. All have the time of the checkpoint, so that the same state gives the same bytes.
func (d *DossierWriter) create(name string) (io.Writer, error) {
	w, err := d.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: d.manifest.Time.UTC()})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return w, nil
}

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// fileName spells an identifier so that every system can make a file of that name.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.", r) {
			return r
		}
		return '-'
	}, s)
}

// checkFileName refuses what would be unpacked somewhere else.
func checkFileName(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || fileName(part) != part {
			return fmt.Errorf("%q is no name of a file in a dossier", clip(name))
		}
	}
	if name == manifestFile || name == signatureFile {
		return errors.New("manifest and signature are not among the files of a manifest")
	}
	return nil
}

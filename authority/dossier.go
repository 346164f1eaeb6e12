package authority

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

const (
	// maxDossier bounds a dossier (bytes, packed), which is made in memory: the store must not be held open for as long as somebody takes to
	// download it. A proof takes some 700 bytes that do not pack, so this is for some 50,000 events of one account.
	maxDossier = 64 << 20
	// dossierTries is how often it is begun anew because the log has grown since the checkpoint was signed.
	dossierTries = 20
)

// errMoved says that the log is not that of the checkpoint any more.
var errMoved = errors.New("the log has grown since")

// Dossier makes the dossier of an account: a zip file as package audit describes it. The same state gives the same bytes. One is made at a time
// (gate.Conflict).
func (a *Authority) Dossier(by By, id gate.AccountID) ([]byte, error) {
	if err := by.May(gate.TakeDossier); err != nil {
		return nil, err
	}
	if !a.dossiers.TryLock() {
		return nil, gate.Errorf(gate.Conflict, "another dossier is being made; ask again when that is done")
	}
	defer a.dossiers.Unlock()
	for range dossierTries {
		checkpoint, signed, err := a.Checkpoint()
		if err != nil {
			return nil, err
		}
		out := &bounded{left: maxDossier}
		err = a.store.View(func(tx *certstore.Tx) error {
			if size, err := certstore.Head(tx); err != nil || size != checkpoint.Size {
				return errors.Join(err, errMoved)
			}
			d := dossier{a: a, tx: tx, account: id, checkpoint: checkpoint, note: signed}
			return d.write(out)
		})
		if !errors.Is(err, errMoved) {
			return out.Bytes(), err
		}
	}
	return nil, gate.Errorf(gate.Conflict, "too much is being changed to make a dossier of one moment; ask again")
}

// bounded is memory for at most left bytes.
type bounded struct {
	bytes.Buffer

	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, gate.Errorf(gate.Conflict, "the dossier is larger than %d MB; take the export of the whole log, and the records one by one", maxDossier>>20)
	}
	return b.Buffer.Write(p)
}

// dossier is one that is being made, from one cut of the store.
type dossier struct {
	a          *Authority
	tx         *certstore.Tx
	account    gate.AccountID
	checkpoint audit.Checkpoint
	note       []byte
	ids        map[string]bool // of its records
	events     []int64         // that name one of them, in order
}

func (d *dossier) write(out io.Writer) error {
	if _, err := certstore.Get[gate.Account](d.tx, string(d.account)); err != nil {
		return err
	}
	w := audit.NewDossier(out, audit.Manifest{
		Origin: d.checkpoint.Origin, Account: string(d.account), Time: d.checkpoint.Time, LogSize: d.checkpoint.Size,
	})
	if err := d.findEvents(); err != nil {
		return err
	}
	page, err := d.page()
	if err != nil {
		return err
	}
	if err := w.File(audit.PageFile, page.write); err != nil {
		return err
	}
	for r, err := range certstore.Belonging(d.tx, d.account) {
		if err == nil {
			err = putRecord(w, r)
		}
		if err != nil {
			return err
		}
	}
	if err := w.Events(d.eachEvent); err != nil {
		return err
	}
	if err := putText(w, audit.CheckpointFile, string(d.note)); err != nil {
		return err
	}
	if err := putText(w, audit.KeyFile, d.a.store.Vkey()+"\n"); err != nil {
		return err
	}
	return w.Finish(d.a.store.SealDossier)
}

func putText(w *audit.DossierWriter, name, text string) error {
	return w.File(name, func(out io.Writer) error {
		_, err := io.WriteString(out, text)
		return err
	})
}

// secretFields are what is left out of the records that hold something secret.
var secretFields = map[gate.RecordKind][]string{
	gate.KeyRecord:        {"mac", "pepper"},
	gate.EnrollmentRecord: {"token_hash"},
	gate.NoticeRecord:     {"sealed_link"},
}

// bookkept are the kinds of which no event tells, because they change no state: a dossier shows them, and they rest on its signature alone.
var bookkept = []gate.RecordKind{gate.UseRecord, gate.ObservedRecord, gate.SpentRecord}

// putRecord adds a record as it is stored, or without what is secret about it.
func putRecord(w *audit.DossierWriter, r certstore.Stored) error {
	name := audit.Record{Kind: string(r.Kind), ID: r.ID}
	secret := secretFields[r.Kind]
	if secret == nil {
		return w.Record(name, !slices.Contains(bookkept, r.Kind), r.Body)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &fields); err != nil {
		return fmt.Errorf("%s %s: %w", r.Kind, r.ID, err)
	}
	for _, field := range secret {
		delete(fields, field)
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.Kind, r.ID, err)
	}
	return w.Record(name, false, body)
}

// findEvents walks the log for what names the account or one of its records.
func (d *dossier) findEvents() error {
	d.ids = map[string]bool{string(d.account): true}
	for r, err := range certstore.Belonging(d.tx, d.account) {
		if err != nil {
			return err
		}
		d.ids[r.ID] = true
	}
	for leaf, err := range certstore.Leaves(d.tx, d.checkpoint.Size) {
		if err != nil {
			return err
		}
		var e gate.Event
		if err := json.Unmarshal(leaf, &e); err != nil {
			return fmt.Errorf("decode an event: %w", err)
		}
		if e.Account == d.account || d.ids[e.Object] || slices.ContainsFunc(e.Changes, func(c gate.Change) bool { return d.ids[c.ID] }) {
			d.events = append(d.events, e.Seq)
		}
	}
	return nil
}

// eachEvent hands over the events that were found, each with its proof.
func (d *dossier) eachEvent(put func(audit.DossierEvent) error) error {
	for _, seq := range d.events {
		leaf, err := certstore.Leaf(d.tx, seq)
		if err != nil {
			return err
		}
		proof, err := certstore.Prove(d.tx, seq, d.checkpoint.Size)
		if err != nil {
			return err
		}
		if err := put(audit.DossierEvent{Event: string(leaf), Inclusion: proof}); err != nil {
			return err
		}
	}
	return nil
}

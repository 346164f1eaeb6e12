package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onerecord/certgate/audit"
)

// forger has the log's own key, as a dishonest operator does, and makes dossiers with it.
type forger struct {
	t      *testing.T
	signer note.Signer
	vkey   string
	leaves []string
	hashes []audit.Hash
	tree   audit.Tree
}

const forgedOrigin = "certgate/0011223344556677"

func newForger(t *testing.T) *forger {
	t.Helper()
	signer, vkey, err := audit.NewKey(forgedOrigin, [32]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	return &forger{t: t, signer: signer, vkey: vkey}
}

// wrote appends an event of account acc_1 that took a record from one state to another; an empty state is none.
func (f *forger) wrote(kind, id, before, after string) {
	f.t.Helper()
	change := map[string]string{"kind": kind, "id": id, "after": hexOf(after)}
	if before != "" {
		change["before"] = hexOf(before)
	}
	leaf, err := json.Marshal(map[string]any{"seq": len(f.leaves), "account": "acc_1", "changes": []any{change}})
	if err != nil {
		f.t.Fatal(err)
	}
	tree, stored := f.tree.Append(leaf)
	f.tree = tree
	for _, s := range stored {
		f.hashes = append(f.hashes, s.Hash)
	}
	f.leaves = append(f.leaves, string(leaf))
}

func hexOf(s string) string {
	if s == "" {
		return strings.Repeat("0", 64)
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(s)))
}

// ReadHashes implements audit.HashReader.
func (f *forger) ReadHashes(indexes []int64) ([]audit.Hash, error) {
	var list []audit.Hash
	for _, i := range indexes {
		list = append(list, f.hashes[i])
	}
	return list, nil
}

type forged struct {
	kind, id, body string
	whole          bool
}

// dossier signs whatever it is given, and leaves out the events with the numbers.
func (f *forger) dossier(records []forged, without ...int) []byte {
	f.t.Helper()
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	c := audit.Checkpoint{Origin: forgedOrigin, Size: f.tree.Size(), Root: f.tree.Root(), Time: now}
	signed, err := c.Sign(f.signer)
	if err != nil {
		f.t.Fatal(err)
	}
	var out bytes.Buffer
	d := audit.NewDossier(&out, audit.Manifest{Origin: forgedOrigin, Account: "acc_1", Time: now, LogSize: c.Size})
	put := func(err error) {
		if err != nil {
			f.t.Fatal(err)
		}
	}
	for _, r := range records {
		put(d.Record(audit.Record{Kind: r.kind, ID: r.id}, r.whole, []byte(r.body)))
	}
	put(d.Events(func(put func(audit.DossierEvent) error) error {
		for n, leaf := range f.leaves {
			proof, err := audit.ProveInclusion(int64(n), c.Size, f)
			if err != nil {
				return err
			}
			if len(without) > 0 && without[0] == n {
				continue
			}
			if err := put(audit.DossierEvent{Event: leaf, Inclusion: proof}); err != nil {
				return err
			}
		}
		return nil
	}))
	for name, text := range map[string]string{audit.CheckpointFile: string(signed), audit.KeyFile: f.vkey + "\n"} {
		put(d.File(name, func(w io.Writer) error { _, err := w.Write([]byte(text)); return err }))
	}
	put(d.Finish(func(s audit.DossierSeal) ([]byte, error) { return s.Sign(f.signer) }))
	return out.Bytes()
}

func TestWhoHasTheKeyCannotEditARecordOrLeaveOutWhatHappenedToIt(t *testing.T) {
	f := newForger(t)
	f.wrote("account", "acc_1", "", `{"name":"Acme"}`)
	f.wrote("contract", "con_1", "", `{"last":"2027"}`)
	f.wrote("contract", "con_1", `{"last":"2027"}`, `{"last":"2028"}`)
	f.wrote("contract", "con_1", `{"last":"2028"}`, `{"last":"2027"}`)
	f.wrote("key", "key_1", "", "secret")
	account, contract := forged{"account", "acc_1", `{"name":"Acme"}`, true}, forged{"contract", "con_1", `{"last":"2027"}`, true}
	key := forged{"key", "key_1", "{}", false}
	edited, partly := contract, contract
	edited.body = `{"last":"2029"}`
	partly.whole = false
	for _, row := range []struct {
		name    string
		records []forged
		without []int
		says    string
	}{
		{"all of it", []forged{account, contract, key}, nil, ""},
		{"an edited record", []forged{account, edited, key}, nil, "contract con_1: not as event 3 left it"},
		{"an edited record as a part", []forged{account, partly, key}, nil, "a part of it is left out"},
		{"an event between", []forged{account, contract, key}, []int{2}, "contract con_1: event 3 changed another state of it than event 1 left"},
		{"the first event", []forged{account, contract, key}, []int{0}, "account acc_1: there, and no event"},
		{"the last event", []forged{account, contract, key}, []int{4}, "key key_1: there, and no event"},
		{"a record", []forged{account, contract}, nil, "key key_1: missing; event 4 wrote it"},
		{"a record of nobody", []forged{account, contract, key, {"device", "dev_1", "{}", true}}, nil, "device dev_1: there, and no event"},
	} {
		text := f.dossier(row.records, row.without...)
		report, err := audit.VerifyDossier(bytes.NewReader(text), int64(len(text)), f.vkey)
		if got := fmt.Sprint(err); row.says == "" && err != nil || !strings.Contains(got, row.says) {
			t.Errorf("%s: %v, want %q; %+v", row.name, err, row.says, report)
		}
	}
}

func TestADossierSealIsNoCheckpointAndNoCheckpointASeal(t *testing.T) {
	f := newForger(t)
	seal := audit.DossierSeal{Origin: forgedOrigin, Account: "acc_1"}
	signed, err := seal.Sign(f.signer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.ParseKey(f.vkey)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := audit.ParseCheckpoint(signed, key); err == nil {
		t.Errorf("a seal is read as %+v", c)
	}
	for _, account := range []string{"", "acc_1\n5", "acc 1", "acc_ü"} {
		seal.Account = account
		if _, err := seal.Sign(f.signer); err == nil {
			t.Errorf("account %q is signed", account)
		}
	}
}

func FuzzADossierNeverBreaksItsVerifier(f *testing.F) {
	g := newForger(&testing.T{})
	g.wrote("account", "acc_1", "", "{}")
	f.Add(g.dossier([]forged{{"account", "acc_1", "{}", true}}))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = audit.VerifyDossier(bytes.NewReader(text), int64(len(text)), "")
	})
}

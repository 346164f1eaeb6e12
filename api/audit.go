package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

const (
	plainType = "text/plain"
	linesType = "application/x-ndjson"
)

// AuditKey is how others recognize the checkpoints of the log. An auditor keeps it from the first day on: a forger would serve a key of his own.
type AuditKey struct {
	Origin string `json:"origin"` // the log's name
	Vkey   string `json:"vkey"`   // its verifier key: <origin>+<hash>+<public key>
}

// Checkpoint is what the log was at one moment, signed. Kept elsewhere, it is what history cannot be rewritten past.
type Checkpoint struct {
	Origin string     `json:"origin"`
	Size   int64      `json:"size"` // number of events
	Root   audit.Hash `json:"root"` // of the tree of them, in Base64
	Time   time.Time  `json:"time"`
	Note   string     `json:"note"` // the same, signed (C2SP tlog-checkpoint)
}

// EventProof is one event and the proof that it is in the log.
type EventProof struct {
	Event      gate.Event      `json:"event"`
	Leaf       string          `json:"leaf"` // the event byte for byte, as it was hashed
	Inclusion  audit.Inclusion `json:"inclusion"`
	Checkpoint string          `json:"checkpoint"` // signed; the proof leads to its root
}

// ConsistencyProof shows that the log has only grown since it had Old events.
type ConsistencyProof struct {
	audit.Consistency

	Checkpoint string `json:"checkpoint"` // signed, of the longer log
}

// NewVerification asks for the log to be verified.
type NewVerification struct {
	// Checkpoints were kept elsewhere; each text holds one or more. Without any, a rewritten log cannot be told from the true one.
	Checkpoints []string `json:"checkpoints"`
}

// Verification is what verifying the log found.
type Verification struct {
	Verified bool         `json:"verified"`
	At       time.Time    `json:"at"`
	Summary  string       `json:"summary"` // for people; says what was not shown, too
	Problem  string       `json:"problem,omitempty"`
	FirstBad *int64       `json:"first_bad,omitempty"` // numbers of the events that are not what they were, where they are known
	LastBad  *int64       `json:"last_bad,omitempty"`
	Report   audit.Report `json:"report"`
}

func auditRoutes() []route {
	return []route{
		get("/v1/events", listEvents),
		get("/v1/events/{seq}", read((*exchange).showEvent)),
		get("/v1/audit/key", read((*exchange).showAuditKey)),
		get("/v1/audit/checkpoint", showCheckpoint),
		get("/v1/audit/consistency", read((*exchange).showConsistency, "old")),
		get("/v1/audit/export", exportLog),
		get(lossPath, read(func(x *exchange) (*shown, error) { return x.showLoss("") })),
		post(lossPath+"/acceptance", write(writing{compares: true, show: (*exchange).showLoss}, proposeLoss)),
		post(lossPath+"/acceptance/confirmation", write(writing{compares: true, show: (*exchange).showLoss}, acceptLoss)),
		get("/v1/audit/verification", read((*exchange).showVerification)),
		post("/v1/audit/verification", verifyLog),
	}
}

func (x *exchange) showEvent() (*shown, error) {
	seq, err := strconv.ParseInt(x.r.PathValue("seq"), 10, 64)
	if err != nil {
		return nil, gate.Errorf(gate.NotFound, "there is no event %q; events are named by their numbers, from 0", gate.Clip(x.r.PathValue("seq"), 40))
	}
	proof, err := x.a.Prove(seq)
	if err != nil {
		return nil, err
	}
	view := &EventProof{Leaf: string(proof.Leaf), Inclusion: proof.Inclusion, Checkpoint: string(proof.Checkpoint)}
	if err := json.Unmarshal(proof.Leaf, &view.Event); err != nil {
		return nil, fmt.Errorf("decode event %d: %w", seq, err)
	}
	return &shown{view: view}, nil
}

func (x *exchange) showAuditKey() (*shown, error) {
	return &shown{view: &AuditKey{Origin: x.a.Store().Origin(), Vkey: x.a.Store().Vkey()}}, nil
}

// showCheckpoint gives the latest checkpoint, as the signed text itself unless JSON is asked for.
func showCheckpoint(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	_, signed, err := x.a.Store().LatestCheckpoint()
	if err != nil {
		return err
	}
	c, err := x.a.Store().OpenCheckpoint(signed)
	if err != nil {
		return err
	}
	x.w.Header().Set("Vary", "Accept")
	if json := wanted(x.r.Header["Accept"], jsonType); !json.named || json.q == 0 || json.beatenBy(wanted(x.r.Header["Accept"], plainType)) {
		writeBody(x.w, answer{status: http.StatusOK, contentType: plainType + "; charset=utf-8", requestID: x.id, body: signed})
		return nil
	}
	return x.json(http.StatusOK, &Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Root, Time: c.Time, Note: string(signed)})
}

func (x *exchange) showConsistency() (*shown, error) {
	text := x.r.URL.Query().Get("old")
	old, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, gate.FieldErrorf("old", "%q: must be the number of events in a checkpoint that you hold", gate.Clip(text, 40))
	}
	proof, signed, err := x.a.ProveSince(old)
	if err != nil {
		return nil, err
	}
	return &shown{view: &ConsistencyProof{proof, string(signed)}}, nil
}

// begun notes whether anything was written to an answer.
type begun struct {
	http.ResponseWriter

	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// exportLog streams the whole log.
func exportLog(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", linesType)
	h.Set("Content-Disposition", `attachment; filename="certgate-audit.jsonl"`)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", x.id)
	if x.r.Method == http.MethodHead {
		return nil
	}
	out := &begun{ResponseWriter: x.w}
	err := x.a.Export(out)
	if err == nil || !out.yes {
		h.Del("Content-Disposition")
		return err
	}
	report(x.staff.OnError, x.r, err, x.id)
	panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to break off, so that what was sent does not look like the whole
}

func (x *exchange) showVerification() (*shown, error) {
	v := x.a.LastVerification()
	if v == nil {
		return nil, gate.Errorf(gate.NotFound, "the log has not been verified since the start, which verified it too; POST here to have it done now")
	}
	return &shown{view: verificationView(v)}, nil
}

// verifyLog has the log verified now. It is no change, so it takes no key for repetition.
func verifyLog(x *exchange) error {
	if err := crossOrigin.Check(x.r); err != nil {
		return gate.Errorf(gate.Forbidden, "this is not taken from pages of other sites")
	}
	if _, err := x.query(); err != nil {
		return err
	}
	body, err := x.body(maxBody)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return unreadable(`the request has no body; send {"checkpoints": []} with the checkpoints that were kept elsewhere, if any`)
	}
	var in NewVerification
	if err := decode(body, &in); err != nil {
		return err
	}
	key, err := audit.ParseKey(x.a.Store().Vkey())
	if err != nil {
		return err
	}
	var outside []audit.Checkpoint
	for i, text := range in.Checkpoints {
		list, err := audit.ParseCheckpoints([]byte(text), key)
		if err != nil {
			return gate.FieldErrorf(fmt.Sprintf("checkpoints[%d]", i), "%s", err)
		}
		outside = append(outside, list...)
	}
	v, err := x.a.Verify(outside...)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, verificationView(v))
}

func verificationView(v *authority.Verification) *Verification {
	view := &Verification{Verified: v.Err == nil, At: v.At, Summary: v.Report.String(), Report: v.Report}
	if v.Err != nil {
		view.Problem = v.Err.Error()
		view.Summary = "THE LOG DOES NOT VERIFY: " + view.Problem
	}
	if bad, ok := errors.AsType[*audit.BadEventsError](v.Err); ok {
		view.FirstBad, view.LastBad = &bad.First, &bad.Last
	}
	return view
}

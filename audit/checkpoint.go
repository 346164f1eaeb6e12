package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

const (
	// maxSize bounds the number of events: far more than can be written, far less than where tlog's arithmetic overflows.
	maxSize = 1 << 48
	// maxOrigin bounds an origin (bytes); C2SP's cosignatures give its length one byte.
	maxOrigin = 255
	// maxCheckpoint bounds a signed checkpoint (bytes). Our own has some 300; the rest is room for the signatures of witnesses.
	maxCheckpoint = 64 << 10
	// timeName begins the extension line that holds the time.
	timeName = "time "
	// lossName begins the extension line that tells of an accepted loss.
	lossName = "accepted-loss "
	// maxLoss bounds what follows it (bytes).
	maxLoss = 200
	// algEd25519 stands before an Ed25519 key in note's encodings.
	algEd25519 = 1
)

// Checkpoint says what the log was at one moment. Signed and kept outside, it is what history cannot be rewritten past. Its text is that of
// C2SP's tlog-checkpoint, so tools and witnesses of transparency logs can read it.
type Checkpoint struct {
	// Origin names the log, and is the name of the key that signs: "certgate/" and the instance. 1 to 255 bytes of visible ASCII, no "+".
	Origin string `json:"origin"`
	// Size is the number of events.
	Size int64 `json:"size"`
	// Root is that of the tree of them.
	Root Hash `json:"root"`
	// Time is when it was made, in UTC. It is an extension line, and zero where there is none.
	Time time.Time `json:"time,omitzero"`
	// Loss says that events before it were lost and which event accepted that, since when earlier checkpoints may be of another history. It is
	// an extension line, and empty where there is none.
	Loss string `json:"loss,omitempty"`
}

// NewKey makes the key that signs checkpoints of the log called origin, from 32 secret bytes (an Ed25519 seed, RFC 8032), and the line by
// which others recognize its signatures: "<origin>+<hash>+<public key>".
func NewKey(origin string, seed [ed25519.SeedSize]byte) (signer note.Signer, vkey string, err error) {
	if err := checkOrigin(origin); err != nil {
		return nil, "", err
	}
	public, ok := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	if !ok {
		return nil, "", errors.New("an Ed25519 key has no Ed25519 public key")
	}
	vkey, err = note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return nil, "", fmt.Errorf("make the verifier key of %s: %w", origin, err)
	}
	hash, _, _ := strings.Cut(strings.TrimPrefix(vkey, origin+"+"), "+")
	secret := base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, seed[:]...))
	signer, err = note.NewSigner("PRIVATE+KEY+" + origin + "+" + hash + "+" + secret)
	if err != nil {
		return nil, "", fmt.Errorf("make the key that signs the checkpoints of %s: %w", origin, err)
	}
	return signer, vkey, nil
}

// ParseKey reads the line that [NewKey] gave, for [ParseCheckpoint].
func ParseKey(vkey string) (note.Verifiers, error) {
	v, err := note.NewVerifier(vkey)
	if err == nil && strings.ContainsAny(vkey, "\r\n") { // Go's Base64 passes over them
		err = errors.New("it has more than one line")
	}
	if err != nil {
		return nil, fmt.Errorf("verifier key %q: %w; it is one line of the form <origin>+<hash>+<public key>", clip(vkey), err)
	}
	if err := checkOrigin(v.Name()); err != nil {
		return nil, err
	}
	return note.VerifierList(v), nil
}

// Sign returns the checkpoint as a signed note. The signer's name must be the origin.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if signer.Name() != c.Origin {
		return nil, fmt.Errorf("a checkpoint of %s is signed by the key of that name, not by that of %s", c.Origin, signer.Name())
	}
	signed, err := note.Sign(&note.Note{Text: c.text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint of %d events: %w", c.Size, err)
	}
	return signed, nil
}

// ParseCheckpoint reads a signed checkpoint. Exactly one of verifiers must have signed it, and that key's name must be the origin; signatures
// of others, such as witnesses, may stand beside it. Extension lines other than the time are passed over.
func ParseCheckpoint(msg []byte, verifiers note.Verifiers) (Checkpoint, error) {
	if len(msg) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("a checkpoint of %d bytes; it may have %d", len(msg), maxCheckpoint)
	}
	n, err := note.Open(msg, verifiers)
	if unknown, ok := errors.AsType[*note.UnverifiedNoteError](err); ok && len(unknown.Note.UnverifiedSigs) > 0 {
		by := unknown.Note.UnverifiedSigs[0]
		return Checkpoint{}, fmt.Errorf("the checkpoint is signed by %q (key hash %08x), which is not the key that was given: "+
			"it is another log's, or a forgery", clip(by.Name), by.Hash)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint: %w", err)
	}
	if len(n.Sigs) != 1 {
		return Checkpoint{}, fmt.Errorf("the checkpoint is signed by %d of the known keys; a log has one", len(n.Sigs))
	}
	// Base64 has several spellings of one value; a signature has one, so that no byte of a checkpoint can be changed unseen.
	if _, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64); err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint's signature: %w", err)
	}
	c, err := parseText(n.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint: %w", err)
	}
	if name := n.Sigs[0].Name; name != c.Origin {
		return Checkpoint{}, fmt.Errorf("the checkpoint is of the log %q and signed by the key of %q", clip(c.Origin), clip(name))
	}
	return c, nil
}

// originOf is the name in a verifier key that ParseKey took.
func originOf(vkey string) string {
	origin, _, _ := strings.Cut(vkey, "+")
	return origin
}

// text is what is signed: origin, size, root, time, a line each.
func (c Checkpoint) text() string {
	text := c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
	if !c.Time.IsZero() {
		text += timeName + formatTime(c.Time) + "\n"
	}
	if c.Loss != "" {
		text += lossName + c.Loss + "\n"
	}
	return text
}

func parseText(text string) (Checkpoint, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return Checkpoint{}, fmt.Errorf("%d lines; the text has at least origin, size and root", len(lines))
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || strconv.FormatInt(c.Size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("size %q is not a decimal number without leading zeros", clip(lines[1]))
	}
	// Decoded and printed again, for the same reason.
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || copy(c.Root[:], root) != len(c.Root) || c.Root.String() != lines[2] {
		return Checkpoint{}, fmt.Errorf("root %q is not 32 bytes in Base64", clip(lines[2]))
	}
	for _, line := range lines[3:] {
		if line == "" {
			return Checkpoint{}, errors.New("an empty line in its text")
		}
		if loss, found := strings.CutPrefix(line, lossName); found {
			if c.Loss != "" || loss == "" {
				return Checkpoint{}, errors.New("it has two lines about a loss, or an empty one")
			}
			c.Loss = loss
			continue
		}
		value, found := strings.CutPrefix(line, timeName)
		if !found {
			continue
		}
		if !c.Time.IsZero() {
			return Checkpoint{}, errors.New("it has two times")
		}
		if c.Time, err = time.Parse(time.RFC3339Nano, value); err != nil || c.Time.IsZero() || formatTime(c.Time) != value {
			return Checkpoint{}, fmt.Errorf("time %q is not of the form 2027-03-01T09:00:00Z", clip(value))
		}
	}
	return c, c.check()
}

// check holds the rules for what a text could not say.
func (c Checkpoint) check() error {
	if err := checkOrigin(c.Origin); err != nil {
		return err
	}
	if c.Size < 0 || c.Size > maxSize {
		return fmt.Errorf("a checkpoint of %d events; 0 to %d are possible", c.Size, int64(maxSize))
	}
	if empty := (Tree{}).Root(); c.Size == 0 && c.Root != empty {
		return fmt.Errorf("a checkpoint of no events has the root %s, not %s", empty, c.Root)
	}
	if len(c.Loss) > maxLoss || strings.ContainsFunc(c.Loss, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("a line about a loss of %d bytes; it has at most %d of visible ASCII", len(c.Loss), maxLoss)
	}
	if year := c.Time.UTC().Year(); year > 9999 || year < 1 {
		return fmt.Errorf("a checkpoint of the year %d; years 1 to 9999 can be written", year)
	}
	return nil
}

// checkOrigin holds the rule of note for the name of a key, and leaves out what looks like something else.
func checkOrigin(origin string) error {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '+' }
	if origin == "" || len(origin) > maxOrigin || strings.ContainsFunc(origin, odd) {
		return fmt.Errorf("origin %q: the name of a log is 1 to %d bytes of visible ASCII without +, such as certgate/example", clip(origin), maxOrigin)
	}
	return nil
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// clip bounds what an error quotes.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

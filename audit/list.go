package audit

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// signatureStart begins a line with a signature in a signed note.
const signatureStart = "— "

// ParseCheckpoints reads a text that holds signed checkpoints one after the other, blank lines between them, as a file that they are appended to
// does; one alone is such a text too. Each is read by [ParseCheckpoint], in the order of the text.
func ParseCheckpoints(text []byte, verifiers note.Verifiers) ([]Checkpoint, error) {
	parts := strings.FieldsFunc(strings.ReplaceAll(string(text), "\n\n", "\x00"), func(r rune) bool { return r == 0 })
	var list []Checkpoint
	for len(parts) > 0 {
		body := strings.TrimLeft(parts[0], "\n")
		if parts = parts[1:]; strings.Trim(body, "\n") == "" {
			continue
		}
		if len(parts) == 0 || !strings.HasPrefix(parts[0], signatureStart) {
			return list, fmt.Errorf("checkpoint %d: it has no signature: the file was cut short, or is no list of checkpoints", len(list)+1)
		}
		signed := body + "\n\n" + strings.TrimRight(parts[0], "\n") + "\n"
		c, err := ParseCheckpoint([]byte(signed), verifiers)
		if err != nil {
			return list, fmt.Errorf("checkpoint %d: %w", len(list)+1, err)
		}
		list, parts = append(list, c), parts[1:]
	}
	return list, nil
}

// WholeCheckpoints cuts a text off after the last checkpoint that is followed by a blank line, as everyone in a file is that they are appended
// to. What it cuts off is one that was being written when the machine stopped.
func WholeCheckpoints(text []byte) []byte {
	for {
		end := strings.LastIndex(string(text), "\n\n")
		if end < 0 {
			return nil
		}
		text = text[:end]
		last := string(text[strings.LastIndex(string(text), "\n\n")+1:])
		if strings.HasPrefix(strings.TrimLeft(last, "\n"), signatureStart) {
			return append(text[:end:end], '\n', '\n')
		}
	}
}

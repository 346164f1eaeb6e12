package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// certificationEvidence are the commands for the documents of a case.
func (t *tool) certificationEvidence() *cobra.Command {
	return t.group(&cobra.Command{Use: "evidence", Short: "Documents of a case, by reference and hash"}, t.evidenceAdd(), t.evidenceList())
}

func (t *tool) evidenceAdd() *cobra.Command {
	var in api.NewEvidence
	var file, kind string
	kinds := make([]string, 0, len(gate.EvidenceKinds()))
	for _, k := range gate.EvidenceKinds() {
		kinds = append(kinds, string(k))
	}
	return t.verb(verb{
		use: "add CASE", short: "Adds a document to a case; nothing takes it out again", compares: true,
		long: "Adds a document to a case, by where it is held. With --file the file is hashed here; it is not sent, keep it where --reference says.",
		example: `  certgate certification evidence add cas_... --kind penetration-test --reference DMS-4720 --file report.pdf
  certgate certification evidence add cas_... --kind architecture-diagram --reference https://dms.example.com/4721`,
		flags: func(c *cobra.Command) {
			f := c.Flags()
			f.StringVar(&kind, "kind", "", strings.Join(kinds, ", "))
			f.StringVar(&in.Reference, "reference", "", "where the document is held")
			f.StringVar(&file, "file", "", "the document itself, to be hashed")
			f.StringVar(&in.SHA256, "sha256", "", "hash of a document that is not at hand; it is kept as typed")
			f.StringVar(&in.Note, "note", "", "one line, such as the version")
		},
		needs: []string{"kind", "reference"},
		do: func(args []string, _ string) (change, error) {
			in.Kind = gate.EvidenceKind(kind)
			var err error
			in.SHA256, in.HashSource, err = hashed(file, in.SHA256)
			ch := step(pathTo("/v1/certifications/%s/evidence", args[0]), in)
			ch.done = func(o object) string {
				return "added to certification " + o.text("id") + withHash(in.SHA256, in.HashSource)
			}
			return ch, err
		},
	})
}

func (t *tool) evidenceList() *cobra.Command {
	c := &cobra.Command{Use: "list CASE", Short: "Lists the documents of a case", Args: arguments("CASE")}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		found, err := client.Certification(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), map[string]any{"items": append([]gate.Evidence{}, found.Evidence...)})
		}
		items := make([]object, 0, len(found.Evidence))
		for _, e := range found.Evidence {
			items = append(items, object{"kind": string(e.Kind), "reference": e.Reference, "sha256": e.SHA256, "source": string(e.HashSource),
				"note": e.Note, "at": e.Added.At.Format("2006-01-02T15:04:05Z07:00"), "by": string(e.Added.By)})
		}
		return printTable(cmd.OutOrStdout(), []column{
			{"KIND", "kind"}, {"REFERENCE", "reference"}, {"HASH", "source"}, {"SHA-256", "sha256"}, {"NOTE", "note"}, {"ADDED", "at"}, {"BY", "by"}}, items)
	})
}

// certificationRecording attaches the recording of an interview that was recorded without one.
func (t *tool) certificationRecording() *cobra.Command {
	var in api.NewRecording
	var file string
	c := t.compares(&cobra.Command{
		Use: "recording CASE [INTERVIEW]", Short: "Says where the recording of an interview is held that followed the call, or adds the hash of its file",
		Args:    cobra.RangeArgs(1, 2),
		Long:    "Says where the recording of an interview is held, by default of the last that was held. What is known of it already does not change; a hash\nmay be added. With --file the file is hashed here; it is not sent.",
		Example: "  certgate certification recording cas_... --reference recordings/2027/acme.mp4 --file acme.mp4",
	})
	f := c.Flags()
	f.StringVar(&in.Reference, "reference", "", "where the recording is held (default: what the interview has)")
	f.StringVar(&file, "file", "", "the recording itself, to be hashed")
	f.StringVar(&in.SHA256, "sha256", "", "hash of a recording that is not at hand; it is kept as typed")
	return t.leaf(c, func(cmd *cobra.Command, args []string) (err error) {
		if in.Reference == "" && file == "" && in.SHA256 == "" {
			return usagef("--reference or --file must be given: where the recording is held, or its file")
		}
		if in.SHA256, in.HashSource, err = hashed(file, in.SHA256); err != nil {
			return err
		}
		if len(args) == 1 {
			interview, err := t.lastHeld(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			args = append(args, interview)
		}
		return t.send(cmd, step(pathTo("/v1/certifications/%s/interviews/%s/recording", args...), in))
	})
}

// lastHeld finds the last interview of a case that was held.
func (t *tool) lastHeld(ctx context.Context, id string) (string, error) {
	c, err := t.client()
	if err != nil {
		return "", err
	}
	found, err := c.Certification(ctx, id)
	if err != nil {
		return "", err
	}
	for _, v := range slices.Backward(found.Interviews) {
		if v.Held != nil {
			return string(v.ID), nil
		}
	}
	return "", gate.Errorf(gate.Conflict, "no interview was held in this case; see certgate certification record")
}

// hashed is the hash of a file and how it came about: computed here, or typed.
func hashed(file, typed string) (string, gate.HashSource, error) {
	if file == "" {
		if typed == "" {
			return "", "", nil
		}
		return typed, gate.TypedHash, nil
	}
	hash, err := hashFile(file)
	if err == nil && typed != "" && typed != hash {
		err = usagef("%s hashes to %s, and %s was given: it is another file, or was changed", file, hash, gate.Clip(typed, 64))
	}
	return hash, gate.ComputedHash, err
}

func withHash(hash string, source gate.HashSource) string {
	if hash == "" {
		return ", without a hash"
	}
	return fmt.Sprintf(", SHA-256 %s (%s)", hash, source)
}

// addRecording puts the hash of the recording's file into an interview's record. A record says computed through this alone.
func addRecording(record map[string]any, file string) error {
	recording, _ := record["recording"].(map[string]any)
	if recording["hash_source"] == string(gate.ComputedHash) {
		return usagef("recording.hash_source: computed is what --recording FILE makes it; leave it out, and sha256 counts as typed")
	}
	if file == "" {
		return nil
	}
	if recording["reference"] == nil || recording["reference"] == "" {
		return usagef("recording.reference is missing: where is --recording held?")
	}
	typed, _ := recording["sha256"].(string)
	hash, source, err := hashed(file, typed)
	recording["sha256"], recording["hash_source"] = hash, source
	return err
}

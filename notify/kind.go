package notify

import (
	"embed"
	"slices"

	"github.com/onerecord/certgate/gate"
)

// defaults are the texts that stand where the operator gave no other: one file for each kind.
//
//go:embed templates/*.txt
var defaults embed.FS

// isLinked says whether a kind carries a secret link. Its text must have a place for it; the text of the others must have none, because
// nobody would fill it.
func isLinked(kind gate.NoticeKind) bool { return kind.HasLink() }

// checkKind refuses what is not in gate's list.
func checkKind(kind gate.NoticeKind) error {
	if !slices.Contains(gate.NoticeKinds(), kind) {
		return gate.FieldErrorf("kind", "%q: no such kind of notice; the kinds are %q", gate.Clip(string(kind), 40), gate.NoticeKinds())
	}
	return nil
}

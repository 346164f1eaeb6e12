package gate

import "strings"

// Document says where a file is held and, where somebody had it at hand, what it hashes to. certgate never holds the file.
type Document struct {
	Reference  string     `json:"reference,omitempty"`
	SHA256     string     `json:"sha256,omitempty"`
	HashSource HashSource `json:"hash_source,omitempty"`
}

// HashSource says how a hash came about. The server does not see the file: computed is what the program that sent the hash says of
// itself.
type HashSource string

// The sources of a hash, a closed list. Hashes from before they were told apart have none.
const (
	ComputedHash HashSource = "computed" // certgate's own command read the file
	TypedHash    HashSource = "typed"    // somebody wrote it down
)

// HashSources lists them all.
func HashSources() []HashSource { return []HashSource{ComputedHash, TypedHash} }

// sourced is the source of a hash that was handed in: typed, unless it says that it was computed.
func sourced(hash string, source HashSource) HashSource {
	if hash != "" && source == "" {
		return TypedHash
	}
	return source
}

// check reports the first thing wrong with a document as it is handed in; empty is one that is not there.
func (d *Document) check() error {
	if d.Reference != "" {
		if err := checkText("reference", d.Reference, 300); err != nil {
			return err
		}
	}
	if d.Reference == "" && (d.SHA256 != "" || d.HashSource != "") {
		return FieldErrorf("reference", "must say where the file is held that has this hash")
	}
	return checkHash(d.SHA256, d.HashSource)
}

func checkHash(hash string, source HashSource) error {
	switch {
	case hash != "" && (len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != ""):
		return FieldErrorf("sha256", "must be 64 hexadecimal digits in lower case")
	case source != "" && source != ComputedHash && source != TypedHash:
		return FieldErrorf("hash_source", "%q: must be computed or typed", Clip(string(source), 40))
	case source != "" && hash == "":
		return FieldErrorf("hash_source", "says how sha256 came about, and there is none")
	}
	return nil
}

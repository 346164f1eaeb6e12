package gate

import "strings"

// FindKeys finds what is a key in a text, whatever stands around it: tag, length, characters and checksum are right, and no letter or digit
// goes on before or after. It is what a scanner finds with the pattern
//
//	\b(orpk|orpp|ort)_[0-9A-Za-z]{48}\b
//
// and the checksum.
func FindKeys(text string) (found []PresentedKey) {
	const length = handleLength + secretLength + checksumLength
	for at := 0; ; {
		underscore := strings.IndexByte(text[at:], '_')
		if underscore < 0 {
			return found
		}
		at += underscore + 1
		for e := Sandbox; e <= Production; e++ {
			tag := e.KeyTag()
			begin, end := at-len(tag), at+length
			if begin < 0 || end > len(text) || text[begin:at] != tag || begin > 0 && wordByte(text[begin-1]) || end < len(text) && wordByte(text[end]) {
				continue
			}
			if key := ParseKey(text[begin:end]); key.Shape == WellFormed {
				found = append(found, key)
			}
		}
	}
}

func wordByte(c byte) bool { return c == '_' || isBase62[c] }

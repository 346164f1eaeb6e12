package gate

import "unicode/utf8"

// maxPath bounds a request path; longer ones are refused before anything is matched. 8000 octets is what RFC 9110 section 4.1 asks
// recipients to support for a whole request target.
const maxPath = 8000

// CanonicalPath returns the one form of an escaped request path on which behaviors are matched and which is sent on, so that what
// was judged and what the upstream sees cannot differ. Percent-encoded characters that need no encoding are decoded, the rest keep
// theirs in upper case (RFC 3986 section 6.2.2). Whatever two parsers could read in two ways is an error, not repaired: dot
// segments, empty segments, encoded separators, path parameters, a percent sign that was itself encoded, control characters,
// characters that must be encoded, and bytes that are not UTF-8. A path in canonical form is returned as it is, without allocating.
func CanonicalPath(escaped string) (string, error) {
	if escaped == "" || escaped[0] != '/' {
		return "", Errorf(Invalid, "the path must begin with /")
	}
	if len(escaped) > maxPath {
		return "", Errorf(Invalid, "the path has %d bytes; %d are allowed", len(escaped), maxPath)
	}
	encoded, err := checkPath(escaped)
	if err != nil {
		return "", err
	}
	if !encoded {
		return escaped, nil
	}
	path, err := decodePath(escaped)
	if err != nil {
		return "", err
	}
	if _, err := checkPath(path); err != nil {
		return "", err
	}
	return path, nil
}

// inSegment holds what may stand for itself in a segment: RFC 3986 pchar, less the semicolon, which starts path parameters.
var inSegment = func() (set [256]bool) {
	for _, c := range []byte(base62 + "-._~!$&'()*+,=:@") {
		set[c] = true
	}
	return set
}()

func decodePath(escaped string) (string, error) {
	const upper = "0123456789ABCDEF"
	out := make([]byte, 0, len(escaped))
	var text []byte // as the upstream will decode it, to check that it is UTF-8
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		if c != '%' {
			out, text = append(out, c), append(text, c)
			continue
		}
		if i+2 >= len(escaped) || unhex(escaped[i+1]) < 0 || unhex(escaped[i+2]) < 0 {
			return "", Errorf(Invalid, "the path has a percent sign that is not followed by two hexadecimal digits")
		}
		c = byte(unhex(escaped[i+1])<<4 | unhex(escaped[i+2]))
		i += 2
		switch {
		case c == '/' || c == '\\' || c == ';' || c == '%' || c < 0x20 || c == 0x7f:
			return "", Errorf(Invalid, "the path has an encoded separator, percent sign or control character")
		case inSegment[c]:
			out = append(out, c)
		default:
			out = append(out, '%', upper[c>>4], upper[c&15])
		}
		text = append(text, c)
	}
	if !utf8.Valid(text) {
		return "", Errorf(Invalid, "the path is not UTF-8")
	}
	return string(out), nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// checkPath refuses characters that must be encoded, empty segments but the last, and dot segments. It tells whether anything is
// encoded.
func checkPath(path string) (encoded bool, err error) {
	start := 1
	for i := start; i < len(path); i++ {
		switch c := path[i]; {
		case inSegment[c]:
		case c == '/':
			if i == start || dots(path[start:i]) {
				return false, errSegment
			}
			start = i + 1
		case c == '%':
			encoded = true
		default:
			return false, Errorf(Invalid, "the path has a character that must not stand there")
		}
	}
	if dots(path[start:]) {
		return false, errSegment
	}
	return encoded, nil
}

var errSegment = Errorf(Invalid, "the path has an empty or dot segment")

func dots(segment string) bool { return segment == "." || segment == ".." }

package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// files looks at what is on the disk.
func (d *doctor) files() {
	if d.certificate != "" {
		d.certificates()
	} else {
		d.add("files", api.LookNote, "No client certificate was given.", "Add --cert and --key, unless you call sandbox alone.")
	}
	if d.token != "" {
		d.tokenFile()
	} else {
		d.add("files", api.LookNote, "No key was given.", "Add --token-file.")
	}
}

// read reads a file that holds a secret or not, and says what is wrong with it as a file.
func (d *doctor) read(about, path string, secret bool) []byte {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxInput) {
		err = fmt.Errorf("%s is no file of a sensible size", path)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		d.add(about, api.LookWrong, fmt.Sprintf("It cannot be read: %v.", err), "Check the name, and who may read it.")
		return nil
	}
	if mode := info.Mode().Perm(); secret && mode&0o077 != 0 {
		d.add(about, api.LookWrong, fmt.Sprintf("%s may be read by others on this machine (mode %04o).", path, mode), "chmod 600 "+path+", and think about who may have read it.")
	}
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) || bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		d.add(about, api.LookWrong, path+" begins with a byte order mark, as some editors write.", "Save it as plain ASCII (UTF-8 without BOM).")
	}
	return text
}

// certificates looks at the certificate, its chain and the private key.
func (d *doctor) certificates() {
	chainText, keyText := d.read("certificate", d.certificate, false), d.read("private key", d.key, true)
	if chainText == nil || keyText == nil {
		return
	}
	chain := d.chain(chainText)
	if bytes.Contains(keyText, []byte("ENCRYPTED")) {
		d.add("private key", api.LookNote, "It is encrypted, so it was not tried.", "Most clients need its password, or it without one: openssl pkey -in "+d.key+" -out plain.key")
		return
	}
	pair, err := tls.X509KeyPair(chainText, keyText)
	switch {
	case err == nil:
		d.pair = &pair
		d.finef("private key", "It belongs to the certificate.")
	case len(chain) > 0 && strings.Contains(err.Error(), "private key does not match"):
		d.add("private key", api.LookWrong, "It does not belong to the first certificate of "+d.certificate+".", "Use the pair of one enrollment, and put the client certificate first in the file.")
	default:
		d.add("private key", api.LookWrong, "Certificate and private key cannot be used together.", "Both must be PEM files: the client certificate with its chain, and an EC or RSA private key.")
	}
}

// chain reads the certificates and judges their order and dates.
func (d *doctor) chain(text []byte) (chain []*x509.Certificate) {
	if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		d.add("certificate", api.LookWrong, d.certificate+" holds a private key too.", "Keep the key in a file of its own: certificates get passed on.")
	}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		crt, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			d.add("certificate", api.LookWrong, fmt.Sprintf("Certificate %d of %s cannot be read.", len(chain)+1, d.certificate), "Copy it again, whole.")
			return nil
		}
		chain = append(chain, crt)
	}
	if len(chain) == 0 {
		d.add("certificate", api.LookWrong, d.certificate+" holds no certificate in PEM.", "Of a .p12 or .pfx make one: openssl pkcs12 -in FILE -nokeys -out client.crt")
		return nil
	}
	for i, crt := range chain {
		d.dates("certificate", i, crt)
		if i > 0 && chain[i-1].CheckSignatureFrom(crt) != nil {
			d.add("certificate", api.LookWrong, fmt.Sprintf("Certificate %d of the file did not issue certificate %d.", i+1, i), "The client certificate comes first, then its CA.")
		}
	}
	if chain[0].IsCA {
		d.add("certificate", api.LookWrong, "The first certificate of the file is a CA.", "Put the client certificate first.")
	}
	return chain
}

// dates judges one certificate of a chain by the clock of this machine.
func (d *doctor) dates(about string, i int, crt *x509.Certificate) {
	which := []string{"The certificate", "The CA certificate beside it"}[min(i, 1)]
	switch left := int(crt.NotAfter.Sub(d.now) / (24 * time.Hour)); {
	case d.now.After(crt.NotAfter):
		d.add(about, api.LookWrong, fmt.Sprintf("%s expired on %s.", which, crt.NotAfter.UTC().Format(time.DateOnly)), "It must be renewed; is your clock right?")
	case d.now.Before(crt.NotBefore):
		d.add(about, api.LookWrong, fmt.Sprintf("%s is not valid before %s.", which, crt.NotBefore.UTC().Format(time.RFC3339)), "Is your clock right?")
	case left < 30:
		d.add(about, api.LookNote, fmt.Sprintf("%s ends in %d days.", which, left), "It must be renewed soon.")
	default:
		d.finef(about, "%s is good for %d more days.", which, left)
	}
}

// tokenFile looks at the key's form. No part of it is ever printed.
func (d *doctor) tokenFile() {
	text := d.read("key", d.token, true)
	if text == nil {
		return
	}
	token := strings.TrimPrefix(string(text), "\xef\xbb\xbf")
	if trimmed := strings.TrimRight(token, "\r\n"); trimmed != token {
		if strings.Contains(token, "\r") {
			d.add("key", api.LookNote, "The file ends its line as Windows does.", "Whoever reads it must cut off carriage return and line feed: either in a header field is an error.")
		}
		token = trimmed
	}
	if strings.TrimSpace(token) != token || strings.ContainsAny(token, " \t\r\n\"'") {
		d.add("key", api.LookWrong, "The file holds blanks, quotes or several lines beside the key.", "It must hold the key alone, without \"Bearer\".")
		return
	}
	switch key := gate.ParseKey(token); key.Shape {
	case gate.WellFormed:
		d.finef("key", "It has the form of a key for %s, and its checksum is right.", key.Environment)
	case gate.BadChecksum:
		d.add("key", api.LookWrong, "It looks like a key, but a character was lost or changed.", "Copy it again, whole.")
	case gate.Foreign:
		d.add("key", api.LookNote, "It has not the form of a key from an enrollment.", "Only a token from before looks otherwise.")
	case gate.NoKey:
		d.add("key", api.LookWrong, "The file is empty.", "Store the key in it.")
		return
	case gate.Malformed:
		d.add("key", api.LookWrong, "It is no key: its length or its characters are not those of one.", "Copy it again, whole.")
	}
	d.bearer = token
}

package certstore

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/onerecord/certgate/gate"
)

// Kit is the recovery kit: what cannot be made again if the machine is lost. Whoever can open it can open every backup and act as the CA,
// so it is encrypted (age) to recipients whose identities are kept offline. Fields are only added, always optional.
type Kit struct {
	CreatedAt time.Time         `json:"created_at"`
	DataDir   string            `json:"data_dir,omitempty"` // where the store was
	Secret    string            `json:"secret"`             // as in the secret file: 64 hexadecimal digits
	Keys      []KitKey          `json:"keys"`
	Settings  map[string]string `json:"settings,omitempty"`
}

// KitKey is a CA with its private key.
type KitKey struct {
	Name        string `json:"name"`        // such as "customers root"
	Certificate string `json:"certificate"` // PEM
	Key         string `json:"key"`         // PEM, PKCS #8
}

// maxKit bounds what ReadKit takes; a kit has a few kilobytes.
const maxKit = 1 << 20

// WriteKit writes the kit into a new file.
func WriteKit(path string, k Kit, recipients []string) error {
	text, err := SealKit(k, recipients)
	if err != nil {
		return err
	}
	return createFile(path, text, "recovery kit")
}

// CheckRecipients says what is wrong with the recipients of a kit.
func CheckRecipients(list []string) error {
	_, err := parseRecipients(list)
	return err
}

// SealKit encrypts the kit so that each of the recipients ("age1...") can open it, in age's text form, which also survives being printed.
func SealKit(k Kit, recipients []string) ([]byte, error) {
	to, err := parseRecipients(recipients)
	if err != nil {
		return nil, fmt.Errorf("write the recovery kit: %w", err)
	}
	body, err := json.MarshalIndent(k, "", "  ") //nolint:gosec // G117: the secret is what the kit is for; it is encrypted below
	if err != nil {
		return nil, fmt.Errorf("write the recovery kit: %w", err)
	}
	var file bytes.Buffer
	text := armor.NewWriter(&file)
	sealed, err := age.Encrypt(text, to...)
	if err != nil {
		return nil, fmt.Errorf("encrypt the recovery kit: %w", err)
	}
	_, err = sealed.Write(body)
	if err := errors.Join(err, sealed.Close(), text.Close()); err != nil {
		return nil, fmt.Errorf("encrypt the recovery kit: %w", err)
	}
	return file.Bytes(), nil
}

func parseRecipients(list []string) ([]age.Recipient, error) {
	if len(list) == 0 {
		return nil, errors.New("it needs at least one recipient: make an identity with age-keygen, keep it offline, and give its age1... line")
	}
	to := make([]age.Recipient, 0, len(list))
	for _, s := range list {
		if strings.HasPrefix(s, "AGE-SECRET-KEY-") {
			return nil, errors.New("a recipient is the public age1... line of an identity, and one that was given is the secret one: " +
				"it has been shown where it should not be, make another")
		}
		r, err := age.ParseX25519Recipient(s)
		if err != nil {
			return nil, fmt.Errorf("recipient %q is not an age public key (age1..., as age-keygen prints it): %w", gate.Clip(s, 80), err)
		}
		to = append(to, r)
	}
	return to, nil
}

// ReadKit opens a kit, in age's text or binary form, with identities as age-keygen prints them: one in a line, comments allowed.
func ReadKit(r io.Reader, identities string) (Kit, error) {
	ids, err := age.ParseIdentities(strings.NewReader(identities))
	if err != nil {
		return Kit{}, fmt.Errorf("the identities that are to open the recovery kit: %w", err)
	}
	in := bufio.NewReader(io.LimitReader(r, maxKit))
	var file io.Reader = in
	if start, _ := in.Peek(len(armor.Header)); string(start) == armor.Header {
		file = armor.NewReader(in)
	}
	sealed, err := age.Decrypt(file, ids...)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return Kit{}, errors.New("none of the identities opens this recovery kit: it was written to other recipients")
	}
	if err != nil {
		return Kit{}, fmt.Errorf("open the recovery kit: %w", err)
	}
	body, err := io.ReadAll(sealed)
	if err != nil {
		return Kit{}, fmt.Errorf("read the recovery kit: %w", err)
	}
	var k Kit
	if err := json.Unmarshal(body, &k); err != nil {
		return Kit{}, fmt.Errorf("read the recovery kit: %w", err)
	}
	return k, nil
}

// NewIdentity makes an identity that can open kits, and the recipient to write them to. Only a demo keeps both in one place.
func NewIdentity() (identity, recipient string, err error) {
	made, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("make an age identity: %w", err)
	}
	return made.String(), made.Recipient().String(), nil
}

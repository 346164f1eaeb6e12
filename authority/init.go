package authority

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Setup is what Init needs to make a data directory.
type Setup struct {
	DataDir    string
	SecretFile string
	KitFile    string   // where the recovery kit goes
	Recipients []string // age public keys to which the kit is encrypted; at least one
	Admins     []Admin  // the two first admins
	// Imported replaces the customers' CAs that Init would make.
	Imported *Imported
	Now      func() time.Time           // default time.Now
	Random   io.Reader                  // default crypto/rand
	NewID    func(prefix string) string // default a UUIDv7
}

// Admin is a first admin: roles beyond admin may be given too.
type Admin struct {
	Name  string
	Email string
	Roles []gate.Role // default admin
}

// Imported is an existing hierarchy, as PEM.
type Imported struct {
	Root, Issuing, Key []byte
}

// Badge is what a first admin receives: a PKCS #12 file and the password that opens it.
type Badge struct {
	Name     string
	P12      []byte
	Password string
	Leaf     []byte // PEM
	Key      []byte // PEM, PKCS #8
}

// Init makes a data directory: the secret, the CAs of customers and staff with their standbys, the first pepper, the first admins,
// the trust files and the recovery kit. It refuses to touch anything that exists. Roots are not kept: their keys go into the kit
// alone. If it fails, what it made is gone again.
func Init(s Setup) (badges []Badge, err error) {
	s.defaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	var secret [32]byte
	if _, err := io.ReadFull(s.Random, secret[:]); err != nil {
		return nil, fmt.Errorf("draw the secret: %w", err)
	}
	f := &founding{setup: s, now: s.Now().UTC().Truncate(time.Second)}
	if err := f.draw(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.undo())
		}
	}()
	if err := f.write(secret); err != nil {
		return nil, err
	}
	return f.badges, nil
}

// FoundInMemory does what Init does to a store in memory, for tests of rules: no file is written, and nothing survives.
func FoundInMemory(s Setup) (*certstore.Store, []Badge, error) {
	s.defaults()
	f := &founding{setup: s, now: s.Now().UTC().Truncate(time.Second)}
	if err := f.draw(); err != nil {
		return nil, nil, err
	}
	store, err := certstore.New(certstore.Options{InMemory: true, Random: s.Random, Zones: time.LoadLocation}, f.first)
	if err != nil {
		return nil, nil, err
	}
	return store, f.badges, f.events(store)
}

func (s *Setup) defaults() {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Random == nil {
		s.Random = rand.Reader
	}
	if s.NewID == nil {
		s.NewID = newID
	}
	for i := range s.Admins {
		if len(s.Admins[i].Roles) == 0 {
			s.Admins[i].Roles = []gate.Role{gate.Admin}
		}
	}
}

func (s *Setup) check() error {
	switch {
	case s.DataDir == "":
		return gate.FieldErrorf("data", "is missing: the directory to make")
	case s.SecretFile == "":
		return gate.FieldErrorf("secret-file", "is missing: a path outside the data directory")
	case inside(s.DataDir, s.SecretFile):
		return gate.FieldErrorf("secret-file", "%s is inside the data directory; whoever copies one must not get the other", s.SecretFile)
	case s.KitFile == "":
		return gate.FieldErrorf("kit", "is missing: the file for the recovery kit")
	case inside(s.DataDir, s.KitFile):
		return gate.FieldErrorf("kit", "%s is inside the data directory; whoever loses one must not lose the other", s.KitFile)
	case len(s.Recipients) == 0:
		return gate.FieldErrorf("recovery", "is missing: at least one age public key (age1...); without the recovery kit, losing the secret loses everything")
	case len(s.Admins) < 2:
		return gate.FieldErrorf("admin", "is needed twice (NAME=MAIL): a second admin confirms what the first one does")
	}
	seen := map[string]bool{}
	for _, a := range s.Admins {
		person := gate.Staff{Name: a.Name, Email: a.Email, Roles: a.Roles}
		if err := person.Check(); err != nil {
			return gate.InField("admin", err)
		}
		if seen[a.Name] {
			return gate.FieldErrorf("admin", "%s is named twice; two different people are needed", a.Name)
		}
		seen[a.Name] = true
	}
	for _, file := range []string{s.SecretFile, s.KitFile} {
		if _, err := os.Lstat(file); err == nil {
			return gate.Errorf(gate.Exists, "%s exists already; init never overwrites", file)
		}
	}
	return nil
}

// inside reports whether path lies in dir.
func inside(dir, path string) bool {
	d, err1 := filepath.Abs(dir)
	p, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return true
	}
	rel, err := filepath.Rel(d, p)
	return err != nil || filepath.IsLocal(rel)
}

package authority

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
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
// alone.
func Init(s Setup) ([]Badge, error) {
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
	if err := certstore.WriteSecret(s.SecretFile, secret); err != nil {
		return nil, err
	}
	store, err := certstore.New(certstore.Options{Dir: s.DataDir, Secret: secret, Random: s.Random, Zones: time.LoadLocation}, f.first)
	if err != nil {
		return nil, errors.Join(err, os.Remove(s.SecretFile))
	}
	if err := f.events(store); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	for _, audience := range []gate.Audience{gate.Customers, gate.Operators} {
		if _, err := certstore.WriteTrust(s.DataDir, audience, f.ders(audience)); err != nil {
			return nil, err
		}
	}
	return f.badges, certstore.WriteKit(s.KitFile, f.kit(secret), s.Recipients)
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

// founding is everything that is drawn before the store exists.
type founding struct {
	setup  Setup
	now    time.Time
	cas    []foundedCA
	people []*gate.Staff
	badges []Badge
	pepper [32]byte
	kits   []certstore.KitKey
}

// foundedCA is an issuing CA with its key, until it has been sealed.
type foundedCA struct {
	record *gate.CA
	key    []byte // PKCS #8
	ca     *issuer.CA
}

func (f *founding) draw() error {
	if _, err := io.ReadFull(f.setup.Random, f.pepper[:]); err != nil {
		return fmt.Errorf("draw the pepper: %w", err)
	}
	for _, audience := range []gate.Audience{gate.Customers, gate.Operators} {
		if err := f.drawCAs(audience); err != nil {
			return err
		}
	}
	for _, admin := range f.setup.Admins {
		if err := f.drawAdmin(admin); err != nil {
			return err
		}
	}
	return nil
}

// drawCAs makes or imports a root, its issuing CA and, where we have the root's key, the standby.
func (f *founding) drawCAs(audience gate.Audience) error {
	if audience == gate.Customers && f.setup.Imported != nil {
		in := f.setup.Imported
		root, ca, err := issuer.Import(in.Root, in.Issuing, in.Key, f.now)
		if err != nil {
			return err
		}
		return f.add(audience, root, ca, true)
	}
	root, err := issuer.NewRoot("certgate "+string(audience)+" root", f.setup.Random, f.now)
	if err != nil {
		return err
	}
	if err := f.keep(string(audience)+" root", root); err != nil {
		return err
	}
	for i, name := range []string{"certgate " + string(audience) + " 1", "certgate " + string(audience) + " 2"} {
		ca, err := issuer.NewIssuing(root, name, f.setup.Random, f.now)
		if err != nil {
			return err
		}
		if err := f.add(audience, root.Certificate, ca, i == 0); err != nil {
			return err
		}
	}
	return nil
}

func (f *founding) add(audience gate.Audience, root *x509.Certificate, ca *issuer.CA, issues bool) error {
	key, err := issuer.MarshalKey(ca.Signer)
	if err != nil {
		return err
	}
	record := &gate.CA{Fingerprint: gate.FingerprintOf(ca.Certificate.Raw), Audience: audience, DER: ca.Certificate.Raw,
		RootDER: root.Raw, NotBefore: ca.Certificate.NotBefore, NotAfter: ca.Certificate.NotAfter}
	if issues {
		record.IssuesFrom = &f.now
	}
	f.cas = append(f.cas, foundedCA{record: record, key: key, ca: ca})
	return f.keep(ca.Certificate.Subject.CommonName, ca)
}

// keep puts a CA into the recovery kit.
func (f *founding) keep(name string, ca *issuer.CA) error {
	key, err := issuer.MarshalKey(ca.Signer)
	if err != nil {
		return err
	}
	f.kits = append(f.kits, certstore.KitKey{Name: name, Certificate: string(issuer.CertificatePEM(ca.Certificate.Raw)), Key: string(issuer.KeyPEM(key))})
	return nil
}

// staffLeaf is what signing a staff certificate needs besides the names.
type staffLeaf struct {
	serial *big.Int
	now    time.Time
	random io.Reader
}

func (f *founding) drawAdmin(admin Admin) error {
	s := &gate.Staff{ID: gate.StaffID(f.setup.NewID(gate.StaffPrefix)), Name: admin.Name, Email: admin.Email, Roles: admin.Roles,
		CreatedAt: f.now, Bootstrap: true}
	key, err := issuer.NewKey(f.setup.Random)
	if err != nil {
		return err
	}
	applicant, err := issuer.NewApplicantKey(key.Public())
	if err != nil {
		return err
	}
	serial, err := issuer.NewSerial(f.setup.Random)
	if err != nil {
		return err
	}
	ca := f.issuing(gate.Operators)
	crt, err := signStaff(ca.ca, ca.record, s, applicant, staffLeaf{serial: serial, now: f.now, random: f.setup.Random})
	if err != nil {
		return err
	}
	s.Certificates = []gate.StaffCertificate{*crt}
	f.people = append(f.people, s)
	leaf, err := x509.ParseCertificate(crt.DER)
	if err != nil {
		return fmt.Errorf("read the new certificate: %w", err)
	}
	var drawn [18]byte
	if _, err := io.ReadFull(f.setup.Random, drawn[:]); err != nil {
		return fmt.Errorf("draw a password: %w", err)
	}
	password := base64.RawURLEncoding.EncodeToString(drawn[:])
	p12, err := issuer.PKCS12(key, leaf, ca.ca.Certificate, password)
	if err != nil {
		return err
	}
	der, err := issuer.MarshalKey(key)
	if err != nil {
		return err
	}
	f.badges = append(f.badges, Badge{Name: s.Name, P12: p12, Password: password, Leaf: chainPEM(crt.DER, ca.record.DER), Key: issuer.KeyPEM(der)})
	return nil
}

func (f *founding) issuing(audience gate.Audience) foundedCA {
	for _, ca := range f.cas {
		if ca.record.Audience == audience && ca.record.IssuesFrom != nil {
			return ca
		}
	}
	return foundedCA{}
}

// first is the store's first commit.
func (f *founding) first(tx *certstore.Tx) (gate.Event, error) {
	sealed, err := tx.Seal(pepperLabel(1), f.pepper[:])
	if err != nil {
		return gate.Event{}, err
	}
	certstore.Put(tx, &gate.Pepper{Version: 1, Sealed: sealed, CreatedAt: f.now})
	return f.event(gate.StoreCreated, "store"), nil
}

func (f *founding) event(verb gate.Verb, object string) gate.Event {
	return gate.Event{Verb: verb, Object: object, At: f.now, By: gate.Actor{Name: "bootstrap"}}
}

// events writes what was founded, one event for each CA and person.
func (f *founding) events(store *certstore.Store) error {
	for _, ca := range f.cas {
		verb := gate.CACreated
		if ca.record.Audience == gate.Customers && f.setup.Imported != nil {
			verb = gate.CAImported
		}
		_, err := store.Update(func(tx *certstore.Tx) (gate.Event, error) {
			sealed, err := tx.Seal(caLabel(ca.record.Fingerprint), ca.key)
			if err != nil {
				return gate.Event{}, err
			}
			record := *ca.record
			record.SealedKey = sealed
			certstore.Put(tx, &record)
			return f.event(verb, record.RecordID()), nil
		})
		if err != nil {
			return err
		}
	}
	for _, s := range f.people {
		_, err := store.Update(func(tx *certstore.Tx) (gate.Event, error) {
			certstore.Put(tx, s)
			e := f.event(gate.StaffConfirmed, string(s.ID))
			e.Detail = s.Name + ", bootstrap"
			return e, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *founding) ders(audience gate.Audience) (ders [][]byte) {
	for _, ca := range f.cas {
		if ca.record.Audience == audience {
			ders = append(ders, ca.record.DER)
		}
	}
	return ders
}

func (f *founding) kit(secret [32]byte) certstore.Kit {
	return certstore.Kit{CreatedAt: f.now, Secret: hex.EncodeToString(secret[:]), Keys: f.kits,
		Settings: map[string]string{"data_dir": f.setup.DataDir, "secret_file": f.setup.SecretFile}}
}

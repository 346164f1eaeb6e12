package authority

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// founding is everything that is drawn before the store exists.
type founding struct {
	setup  Setup
	now    time.Time
	cas    []foundedCA
	people []*gate.Staff
	badges []Badge
	pepper [32]byte
	kits   []certstore.KitKey
	made   []string // on disk, in the order in which it was made
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

func (f *founding) drawAdmin(admin Admin) error {
	s := &gate.Staff{ID: gate.StaffID(f.setup.NewID(gate.StaffPrefix)), Name: admin.Name, Email: admin.Email, Roles: admin.Roles,
		CreatedAt: f.now, Bootstrap: true}
	badge, err := makeBadge(f.issuing(gate.Operators), s, staffLeaf{now: f.now, random: f.setup.Random, others: f.people})
	if err != nil {
		return err
	}
	f.people, f.badges = append(f.people, s), append(f.badges, badge)
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
	certstore.Put(tx, &gate.Secret{Version: 1, Since: f.now, Recipients: f.setup.Recipients})
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

// ders are the CAs of an audience in the order of their records, so that the first start finds the trust files as it would write them.
func (f *founding) ders(audience gate.Audience) (ders [][]byte) {
	var records []*gate.CA
	for _, ca := range f.cas {
		if ca.record.Audience == audience {
			records = append(records, ca.record)
		}
	}
	slices.SortFunc(records, func(a, b *gate.CA) int { return strings.Compare(a.RecordID(), b.RecordID()) })
	for _, r := range records {
		ders = append(ders, r.DER)
	}
	return ders
}

func (f *founding) kit(secret [32]byte) certstore.Kit {
	return certstore.Kit{CreatedAt: f.now, Secret: hex.EncodeToString(secret[:]), Keys: f.kits,
		Settings: map[string]string{"data_dir": f.setup.DataDir, "secret_file": f.setup.SecretFile}}
}

// write makes the files. Each step notes what it made before the next one begins.
func (f *founding) write(secret [32]byte) error {
	s := &f.setup
	if err := certstore.WriteSecret(s.SecretFile, secret); err != nil {
		return err
	}
	f.made = append(f.made, s.SecretFile)
	if err := f.makeDataDir(); err != nil {
		return err
	}
	store, err := certstore.New(certstore.Options{Dir: s.DataDir, Secret: secret, Random: s.Random, Zones: time.LoadLocation}, f.first)
	if err != nil {
		return err
	}
	f.made = append(f.made, filepath.Join(s.DataDir, "store"))
	if err := errors.Join(f.events(store), store.Close()); err != nil {
		return err
	}
	for i, audience := range []gate.Audience{gate.Customers, gate.Operators} {
		name, err := certstore.TrustFile(s.DataDir, audience)
		if err != nil {
			return err
		}
		if i == 0 {
			f.made = append(f.made, filepath.Dir(name))
		}
		f.made = append(f.made, name)
		if _, err := certstore.WriteTrust(s.DataDir, audience, f.ders(audience)); err != nil {
			return err
		}
	}
	return certstore.WriteKit(s.KitFile, f.kit(secret), s.Recipients)
}

// makeDataDir makes the data directory and those above it that are missing.
func (f *founding) makeDataDir() error {
	var missing []string
	for dir := filepath.Clean(f.setup.DataDir); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, dir)
	}
	if err := os.MkdirAll(f.setup.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	slices.Reverse(missing)
	f.made = append(f.made, missing...)
	return nil
}

// undo removes what was made, the latest first: the store whole, of the rest single files and directories that are empty.
func (f *founding) undo() error {
	var errs []error
	for _, path := range slices.Backward(f.made) {
		var err error
		if filepath.Base(path) == "store" {
			err = os.RemoveAll(path)
		} else {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove what a failed init made: %w", err))
		}
	}
	return errors.Join(errs...)
}

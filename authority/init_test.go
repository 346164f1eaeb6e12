package authority_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// files lists everything below a directory.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		list = append(list, path)
		return err
	}))
	return list
}

func TestInitRefusesAndLeavesNothingBehind(t *testing.T) {
	for name, row := range map[string]struct {
		edit func(*place, *authority.Setup)
		says string
	}{
		"no directory":           {func(_ *place, s *authority.Setup) { s.DataDir = "" }, "data:"},
		"no secret file":         {func(_ *place, s *authority.Setup) { s.SecretFile = "" }, "secret-file:"},
		"secret inside":          {func(p *place, s *authority.Setup) { s.SecretFile = filepath.Join(p.data, "secret") }, "inside the data directory"},
		"no kit":                 {func(_ *place, s *authority.Setup) { s.KitFile = "" }, "kit:"},
		"no recipient":           {func(_ *place, s *authority.Setup) { s.Recipients = nil }, "recovery:"},
		"a recipient that is no": {func(_ *place, s *authority.Setup) { s.Recipients = []string{"age1nonsense"} }, "age1nonsense"},
		"a secret as recipient":  {func(p *place, s *authority.Setup) { s.Recipients = []string{p.identity} }, "secret one"},
		"one admin":              {func(_ *place, s *authority.Setup) { s.Admins = s.Admins[:1] }, "admin:"},
		"an admin twice":         {func(_ *place, s *authority.Setup) { s.Admins[1].Name = s.Admins[0].Name }, "twice"},
		"a name that is none":    {func(_ *place, s *authority.Setup) { s.Admins[0].Name = "Ann Smith" }, "admin"},
		"an address that is no":  {func(_ *place, s *authority.Setup) { s.Admins[0].Email = "nowhere" }, "admin"},
		"an unknown role":        {func(_ *place, s *authority.Setup) { s.Admins[0].Roles = []gate.Role{"king"} }, "king"},
		"a secret that exists": {func(p *place, s *authority.Setup) {
			s.SecretFile = filepath.Join(p.dir, "there")
		}, "never overwrites"},
		"a kit that exists":        {func(p *place, s *authority.Setup) { s.KitFile = filepath.Join(p.dir, "there") }, "never overwrites"},
		"a secret in no directory": {func(p *place, s *authority.Setup) { s.SecretFile = filepath.Join(p.dir, "no", "secret") }, "secret"},
		"a kit in no directory":    {func(p *place, s *authority.Setup) { s.KitFile = filepath.Join(p.dir, "no", "kit") }, "kit"},
		"a file as data directory": {func(p *place, s *authority.Setup) { s.DataDir = filepath.Join(p.dir, "there") }, "directory"},
		"a data directory deep down, late": {func(p *place, s *authority.Setup) {
			s.DataDir = filepath.Join(p.dir, "a", "b", "c")
			s.KitFile = p.dir + "/no/kit"
		}, "kit"},
		"a hierarchy that does not hang on": {func(_ *place, s *authority.Setup) { s.Imported = &authority.Imported{Root: []byte("x")} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			must(t, os.WriteFile(filepath.Join(p.dir, "there"), []byte("mine"), 0o600))
			before := files(t, p.dir)
			s := p.setup()
			row.edit(p, &s)
			_, err := authority.Init(s)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("the refusal must say %q: %v", row.says, err)
			}
			if err != nil && strings.Contains(err.Error(), p.identity) {
				t.Error("the refusal shows a secret")
			}
			if diff := cmp.Diff(before, files(t, p.dir)); diff != "" {
				t.Errorf("files (-before +after):\n%s", diff)
			}
			if text, _ := os.ReadFile(filepath.Join(p.dir, "there")); string(text) != "mine" {
				t.Error("a file was written over")
			}
		})
	}
}

func TestAFailedInitKeepsTheDirectoryThatWasThere(t *testing.T) {
	p := newPlace(t)
	must(t, os.Mkdir(p.data, 0o700))
	must(t, os.WriteFile(filepath.Join(p.data, "lost+found"), nil, 0o600))
	before := files(t, p.dir)
	s := p.setup()
	s.KitFile = filepath.Join(p.dir, "no", "kit")
	if _, err := authority.Init(s); err == nil {
		t.Fatal("init passed")
	}
	if diff := cmp.Diff(before, files(t, p.dir)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
	s.KitFile = p.kit
	if _, err := authority.Init(s); err != nil {
		t.Errorf("another try: %v", err)
	}
}

func TestInitNeverTouchesAStoreThatExists(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	must(t, o.Close())
	s := p.setup()
	s.SecretFile, s.KitFile = filepath.Join(p.dir, "secret2"), filepath.Join(p.dir, "kit2")
	before := files(t, p.dir)
	if _, err := authority.Init(s); !errors.Is(err, certstore.ErrExists) {
		t.Fatalf("init over a store: %v", err)
	}
	if diff := cmp.Diff(before, files(t, p.dir)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
	o.reopen(p)
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("the store that was there answers %s", r)
	}
}

func TestTheKitOpensAndHoldsWhatCannotBeMadeAgain(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	file, err := os.Open(p.kit)
	must(t, err)
	defer file.Close()
	kit, err := certstore.ReadKit(file, p.identity)
	must(t, err)
	secret, err := certstore.ReadSecret(p.secret)
	must(t, err)
	if kit.Secret != hex.EncodeToString(secret.Secret[:]) {
		t.Error("the kit holds another secret")
	}
	var names []string
	for _, k := range kit.Keys {
		names = append(names, k.Name)
		block, _ := pem.Decode([]byte(k.Certificate))
		keyBlock, _ := pem.Decode([]byte(k.Key))
		if block == nil || keyBlock == nil {
			t.Fatalf("%s is not PEM", k.Name)
		}
		if _, err := issuer.ParseKey(keyBlock.Bytes); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
	want := []string{"customers root", "certgate customers 1", "certgate customers 2", "staff root", "certgate staff 1", "certgate staff 2"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for _, ca := range o.Directory().CAs() {
		if !slices.ContainsFunc(kit.Keys, func(k certstore.KitKey) bool { return k.Certificate == string(issuer.CertificatePEM(ca.DER)) }) {
			t.Errorf("CA %s is not in the kit", ca.Fingerprint)
		}
	}
	if kit.Settings["data_dir"] != p.data || kit.Settings["secret_file"] != p.secret {
		t.Errorf("settings %v", kit.Settings)
	}
}

func TestNoRootKeyAndNoPlainKeyLieInTheDataDirectory(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	must(t, o.Close())
	file, err := os.Open(p.kit)
	must(t, err)
	defer file.Close()
	kit, err := certstore.ReadKit(file, p.identity)
	must(t, err)
	for _, path := range append(files(t, p.data), p.secret) {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // a directory
		}
		for _, k := range kit.Keys {
			block, _ := pem.Decode([]byte(k.Key))
			key, err := issuer.ParseKey(block.Bytes)
			must(t, err)
			der, err := issuer.MarshalKey(key)
			must(t, err)
			for _, form := range [][]byte{block.Bytes, der, der[36:68], []byte(k.Key)} { // 36:68 is the private scalar of a P-256 key in PKCS #8
				if bytes.Contains(content, form) {
					t.Errorf("%s holds the key of %s", path, k.Name)
				}
			}
		}
	}
	// Sealed with what lies here, the root's key would be here too.
	o.reopen(p)
	for _, ca := range o.Directory().CAs() {
		if bytes.Equal(ca.DER, ca.RootDER) {
			t.Error("a root is among the CAs")
		}
	}
}

func TestAHierarchyIsImported(t *testing.T) {
	root, err := issuer.NewRoot("their root", rand.Reader, dawn)
	must(t, err)
	issuing, err := issuer.NewIssuing(root, "their issuing", rand.Reader, dawn)
	must(t, err)
	key, err := issuer.MarshalKey(issuing.Signer)
	must(t, err)
	p := newPlace(t)
	o := &office{t: t, clock: newClock()}
	s := p.setup()
	s.Now = o.clock.now
	s.Imported = &authority.Imported{Root: issuer.CertificatePEM(root.Certificate.Raw), Issuing: issuer.CertificatePEM(issuing.Certificate.Raw), Key: issuer.KeyPEM(key)}
	_, err = authority.Init(s)
	must(t, err)
	o.reopen(p)
	acme := o.customer("acme")
	if acme.got.Certificate.Issuer != gate.FingerprintOf(issuing.Certificate.Raw) {
		t.Error("another CA issued")
	}
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("a certificate of the imported CA: %s", r)
	}
	if !slices.Contains(verbs(o.events(0)), gate.CAImported) {
		t.Error("no event says that a CA was imported")
	}
}

func TestATrustFileThatDiffersIsRewrittenFromTheStore(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	name, err := certstore.TrustFile(p.data, gate.Customers)
	must(t, err)
	good, err := os.ReadFile(name)
	must(t, err)
	foreign, err := issuer.NewRoot("foreign", rand.Reader, dawn)
	must(t, err)
	for what, content := range map[string][]byte{"another CA": append(slices.Clone(good), issuer.CertificatePEM(foreign.Certificate.Raw)...), "emptied": nil} {
		must(t, os.WriteFile(name, content, 0o600))
		before := o.Stats().AuditEvents
		o.pass(time.Minute)
		if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, good) {
			t.Errorf("%s: the file is not what it was (%v)", what, err)
		}
		if got := verbs(o.events(before)); !slices.Equal(got, []gate.Verb{gate.TrustRewritten}) {
			t.Errorf("%s: events %v", what, got)
		}
	}
	must(t, os.Remove(name))
	must(t, o.Close())
	o.reopen(p)
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, good) {
		t.Errorf("a start does not write a missing file: %v", err)
	}
	before := o.Stats().AuditEvents
	o.pass(time.Hour)
	if n := o.Stats().AuditEvents; n != before {
		t.Errorf("with nothing to do, events %v", verbs(o.events(before)))
	}
}

func TestReloadingGivesTheSameDirectory(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	s := o.scene()
	for _, op := range operations()[:10] {
		if err := op.do(o, s, map[string]authority.By{"ben": o.ben, "cho": o.cho, "eve": o.eve}[op.by]); err != nil {
			t.Logf("%s: %v", op.name, err)
		}
	}
	want := snapshot(t, o.Directory())
	must(t, o.Close())
	o.reopen(p)
	if diff := cmp.Diff(want, snapshot(t, o.Directory())); diff != "" {
		t.Errorf("directory (-before +after):\n%s", diff)
	}
}

package certstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// The secrets of the fixtures: as testOptions has it, and the one after it.
var (
	firstSecret  = [32]byte{1, 2, 3}
	secondSecret = [32]byte{4, 5, 6}
)

// secretsOf are the options for a directory whose secret file has the secret and perhaps the one before.
func secretsOf(dir string, secret [32]byte, former *[32]byte) Options {
	o := testOptions(dir)
	o.Secret, o.Former = secret, former
	return o
}

// inhabited is a store with some of everything: records, events, checkpoints, something sealed.
func inhabited(t *testing.T) *Store {
	t.Helper()
	s := onDisk(t)
	for n := range 5 {
		update(t, s, newWorld(n).records()[:7]...)
		if err := s.Bookkeep(func(tx *Tx) error {
			for i := range 300 { // together more than one step takes
				Put(tx, &gate.Mark{ID: fmt.Sprint("m", n, "-", i)})
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.SignCheckpoint(dawn.Add(time.Duration(n) * time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	lastingWritten(t, s)
	return s
}

// lastingWritten writes the record of the secret, as whoever confirms a rotation does.
func lastingWritten(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.Update(func(tx *Tx) (gate.Event, error) {
		sealed, err := tx.SealLasting()
		Put(tx, &gate.Secret{Version: 2, Since: dawn, Lasting: sealed})
		return happened(gate.AccountCreated), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func remakeAll(t *testing.T, s *Store) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.Remake(); err != nil {
			t.Fatal(err)
		}
	}
}

func resealAll(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.Update(func(tx *Tx) (gate.Event, error) {
		r, err := Get[gate.Secret](tx, gate.SecretID)
		if err != nil {
			return gate.Event{}, err
		}
		if r.Lasting, _, err = tx.Reseal(LastingLabel, r.Lasting); err != nil {
			return gate.Event{}, err
		}
		Put(tx, r)
		return happened(gate.AccountCreated), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wholeAs opens the directory with the secrets and compares it with the store of which it is a copy.
func wholeAs(t *testing.T, s *Store, o Options) *Store {
	t.Helper()
	again, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, again) })
	if diff := cmp.Diff(dumpOf(s.Directory()), dumpOf(again.Directory()), same); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if again.EventCount() != s.EventCount() || again.Vkey() != s.Vkey() || string(again.PatientKey()) != string(s.PatientKey()) || string(again.SketchKey()) != string(s.SketchKey()) {
		t.Errorf("%d events, log %s; there were %d, log %s", again.EventCount(), again.Vkey(), s.EventCount(), s.Vkey())
	}
	if _, err := again.Verify(audit.Options{Vkey: s.Vkey()}); err != nil {
		t.Error(err)
	}
	return again
}

// A process that dies at any step leaves a directory that starts with what its secret file says by then, loses nothing, and can be brought
// to the end from there.
func TestADeathAtAnyStepOfARotationLosesNothing(t *testing.T) {
	s := inhabited(t)
	finish := func(step, dir string) {
		t.Helper()
		again := wholeAs(t, s, secretsOf(dir, secondSecret, &firstSecret))
		remakeAll(t, again)
		resealAll(t, again)
		if err := again.Forget(); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		closeStore(t, again)
		last, err := Open(secretsOf(dir, secondSecret, nil))
		if err != nil {
			t.Fatalf("%s: the end: %v", step, err)
		}
		closeStore(t, last)
		if _, err := Open(secretsOf(dir, firstSecret, nil)); !errors.Is(err, ErrWrongSecret) {
			t.Errorf("%s: with the former secret: error %v", step, err)
		}
	}
	finish("the file has both, and nothing else was done", crash(t, s))

	half := crash(t, s)
	if err := os.MkdirAll(filepath.Join(half, storeName, rewrapName), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(half, storeName, rewrapName, badger.KeyRegistryFileName), []byte("half"))
	finish("the keys were being written", half)

	if err := s.Rekey(secondSecret); err != nil {
		t.Fatal(err)
	}
	finish("the store was opened again", crash(t, s))
	update(t, s, newWorld(6).records()[:7]...)
	finish("a change was made", crash(t, s))
	for step := 0; ; step++ {
		more, err := s.Remake()
		if err != nil {
			t.Fatal(err)
		}
		finish(fmt.Sprintf("step %d of the MACs", step), crash(t, s))
		if !more {
			break
		}
		update(t, s, newWorld(7+step).account)
	}
	resealAll(t, s)
	finish("all was sealed anew", crash(t, s))
	wholeAs(t, s, secretsOf(crash(t, s), secondSecret, nil))
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	update(t, s, newWorld(20).account)
	wholeAs(t, s, secretsOf(crash(t, s), secondSecret, nil))
	finish("the file had both when all was done", crash(t, s))
}

func TestNothingOfTheFormerSecretIsBelievedAfterTheRotation(t *testing.T) {
	s := inhabited(t)
	early := raw(t, s)
	if err := s.Rekey(secondSecret); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(); err == nil {
		t.Error("the former secret was forgotten while records need it")
	}
	remakeAll(t, s)
	resealAll(t, s)
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	for key, value := range early {
		if strings.HasPrefix(key, hashPrefix) {
			continue
		}
		if _, _, err := s.keys().unwrap([]byte(key), value); !errors.Is(err, errMAC) {
			t.Errorf("%q under the former secret: error %v", key, err)
		}
	}
	account := recordKey(gate.AccountRecord, fixedID(gate.AccountPrefix, 1))
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Set(account, early[string(account)]) }); err != nil {
		t.Fatal(err)
	}
	dir := crash(t, s)
	_, err := Open(secretsOf(dir, secondSecret, nil))
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), fixedID(gate.AccountPrefix, 1)) {
		t.Errorf("a record that was put back: error %v", err)
	}
	if _, err := s.Verify(audit.Options{Vkey: s.Vkey()}); err == nil || !strings.Contains(err.Error(), fixedID(gate.AccountPrefix, 1)) {
		t.Errorf("the hourly check: error %v", err)
	}
}

func TestTamperingIsNamedDuringARotation(t *testing.T) {
	s := inhabited(t)
	if err := s.Rekey(secondSecret); err != nil {
		t.Fatal(err)
	}
	key := recordKey(gate.DeviceRecord, fixedID(gate.DevicePrefix, 2))
	value := raw(t, s)[string(key)]
	value[len(value)-3] ^= 1
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Set(key, value) }); err != nil {
		t.Fatal(err)
	}
	_, err := Open(secretsOf(crash(t, s), secondSecret, &firstSecret))
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), fixedID(gate.DevicePrefix, 2)) {
		t.Errorf("a start: error %v", err)
	}
	for more := true; more && err != nil; {
		if more, err = s.Remake(); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "device "+fixedID(gate.DevicePrefix, 2)) {
		t.Errorf("the job: error %v", err)
	}
}

func TestAStoreThatIsBeingReadAtLengthIsNotClosedUnderTheReader(t *testing.T) {
	s := inhabited(t)
	err := s.View(func(tx *Tx) error {
		if err := s.Rekey(secondSecret); !errors.Is(err, ErrBusy) {
			t.Errorf("error %v", err)
		}
		_, err := Get[gate.Account](tx, fixedID(gate.AccountPrefix, 1))
		return err
	})
	if err != nil || s.Rotating() {
		t.Errorf("rotating %t, error %v", s.Rotating(), err)
	}
}

func TestTheFileOfKeysOfAnotherSecretIsRefusedAsEver(t *testing.T) {
	s := inhabited(t)
	other := [32]byte{9}
	if _, err := Open(secretsOf(crash(t, s), other, &secondSecret)); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("error %v", err)
	}
}

// Where the file of keys cannot be written anew, here because its name would be too long for the system, the store goes on under the former key and
// takes changes, and so does a restart.
func TestKeysThatCannotBeWrittenAnewLeaveTheStoreOpen(t *testing.T) {
	dir := t.TempDir()
	const longest, made, anew = 4095, "/" + draftName + "/" + badger.KeyRegistryRewriteFileName, "/" + storeName + "/" + rewrapName + "/" + badger.KeyRegistryRewriteFileName
	room := func() int { return longest - len(made) - len(dir) }
	for room() > 1 {
		dir += "/" + strings.Repeat("x", min(room()-1, 200))
	}
	if len(dir)+len(anew) <= longest {
		t.Fatalf("the name has %d bytes", len(dir)+len(anew))
	}
	s, err := New(testOptions(dir), created)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(1)
	update(t, s, w.account)
	lastingWritten(t, s)
	for range 2 {
		if err := s.Rekey(secondSecret); err == nil {
			t.Fatal("it was written nevertheless")
		}
		update(t, s, newWorld(2).account)
	}
	remakeAll(t, s)
	if err := s.Forget(); err == nil {
		t.Error("the former secret was forgotten while Badger needs it")
	}
	closeStore(t, s)
	again, err := Open(secretsOf(dir, secondSecret, &firstSecret))
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, again)
	update(t, again, newWorld(3).account)
	if len(again.Directory().Accounts()) != 3 {
		t.Errorf("%d accounts", len(again.Directory().Accounts()))
	}
}

func TestRewrappingMakesANewKeyForWhatIsWrittenFromNowOn(t *testing.T) {
	s := inhabited(t)
	dir := filepath.Join(s.options.Dir, storeName)
	before := latestKey(t, dir, s.keys().badger)
	if err := s.Rekey(secondSecret); err != nil {
		t.Fatal(err)
	}
	if after := latestKey(t, dir, s.keys().badger); after != before+1 {
		t.Errorf("data key %d was the latest, and now it is %d", before, after)
	}
	update(t, s, newWorld(9).account)
	closeStore(t, s)
	if _, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: s.keys().former.Load().badger}); !errors.Is(err, badger.ErrEncryptionKeyMismatch) {
		t.Errorf("the former key opens it: error %v", err)
	}
}

func latestKey(t *testing.T, dir string, key []byte) uint64 {
	t.Helper()
	r, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key, EncryptionKeyRotationDuration: 10 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.LatestDataKey()
	if err != nil {
		t.Fatal(err)
	}
	return k.GetKeyId()
}

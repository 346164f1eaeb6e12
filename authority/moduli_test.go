package authority_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// rsaCSR is a signing request for the RSA key of two primes.
func rsaCSR(t testing.TB, p, q *big.Int) []byte {
	t.Helper()
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: new(big.Int).ModInverse(big.NewInt(65537), phi), Primes: []*big.Int{p, q}}
	key.Precompute()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestAnRSAKeyThatSharesAPrimeWithACertifiedOneIsRefused(t *testing.T) {
	primes := make([]*big.Int, 6)
	for i := range primes {
		for {
			p, err := rand.Prime(rand.Reader, 1024)
			must(t, err)
			if new(big.Int).Mod(new(big.Int).Sub(p, big.NewInt(1)), big.NewInt(65537)).Sign() != 0 {
				primes[i] = p
				break
			}
		}
	}
	core, logged := observer.New(zap.ErrorLevel)
	o := &office{t: t, clock: newClock()}
	store, badges, err := authority.FoundInMemory(authority.Setup{Admins: people(), Now: o.clock.now})
	must(t, err)
	o.badges = badges
	o.open(authority.Options{Store: store, Now: o.clock.now, NoJobs: true, Log: zap.New(core)})
	_, _, first := o.preprod("acme")
	got, err := o.Redeem(first, rsaCSR(t, primes[0], primes[1]))
	must(t, err)
	for _, wait := range []time.Duration{0, 2 * time.Hour} { // those of the last hour are remembered in another way
		o.clock.advance(wait)
		_, _, second := o.preprod("beta" + wait.String()[:1])
		events := o.Store().EventCount()
		_, err = o.Redeem(second, rsaCSR(t, primes[1], primes[2]))
		if !errors.Is(err, gate.Invalid) || !strings.Contains(err.Error(), "csr: the RSA key shares a prime with another key") {
			t.Errorf("%v", err)
		}
		if err != nil && strings.Contains(err.Error(), string(got.Certificate.ID)) {
			t.Errorf("the answer says whose key is broken: %v", err)
		}
		if all := logged.TakeAll(); len(all) != 1 || all[0].ContextMap()["certificate"] != string(got.Certificate.ID) {
			t.Errorf("logged: %v", all)
		}
		if found := o.events(events); len(found) != 1 || found[0].Verb != gate.EnrollmentRefused {
			t.Errorf("events: %v", found)
		}
	}
	_, _, third := o.preprod("gamma")
	if _, err := o.Redeem(third, rsaCSR(t, primes[3], primes[4])); err != nil {
		t.Errorf("a sound key: %v", err)
	}
}

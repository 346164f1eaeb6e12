package authority

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// maxModuli bounds how many certificates are read when the first RSA key is asked about; of more, the newest count.
const maxModuli = 200_000

// knownModuli are those of the RSA keys in the certificates of all customers. They are read when an RSA key is first asked about: most keys are on
// a curve, and the directory has no certificates' text.
type knownModuli struct {
	mu     sync.Mutex
	moduli issuer.Moduli               // guarded by mu
	until  gate.CertificateID          // guarded by mu; all up to this one were looked at
	recent map[gate.CertificateID]bool // guarded by mu; after it, those that were looked at
}

// sharesNoPrime refuses an RSA key that has a prime in common with one that was certified before: the private keys of both can be computed.
// Whose that is stands in the log, not in the answer.
func (a *Authority) sharesNoPrime(applicant issuer.ApplicantKey) error {
	if _, ok := applicant.Public.(*rsa.PublicKey); !ok {
		return nil
	}
	k := &a.moduli
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.catchUp(a); err != nil {
		return err
	}
	name, err := k.moduli.Check(applicant.Public)
	if err == nil {
		return nil
	}
	a.log.Error("an RSA key that was to be certified shares a prime with that of a certificate, whose private key can be computed: revoke it as compromised",
		zap.String("certificate", name))
	return gate.Errorf(gate.Invalid, "%s", err)
}

// catchUp takes in the certificates that came since. The identifiers of those that are being issued were drawn before their commits, so those
// of the last hour are looked at again.
func (k *knownModuli) catchUp(a *Authority) error {
	all := a.dir.Certificates("")
	if len(all) > maxModuli {
		all = all[len(all)-maxModuli:]
	}
	settled, recent := a.now().Add(-time.Hour), make(map[gate.CertificateID]bool)
	return a.store.View(func(tx *certstore.Tx) error {
		until := k.until
		for _, c := range all {
			if c.ID <= k.until {
				continue
			}
			if !k.recent[c.ID] {
				if err := k.take(tx, c.ID); err != nil {
					return err
				}
			}
			if c.IssuedAt.Before(settled) && len(recent) == 0 {
				until = c.ID
			} else {
				recent[c.ID] = true
			}
		}
		k.until, k.recent = until, recent
		return nil
	})
}

func (k *knownModuli) take(tx *certstore.Tx, id gate.CertificateID) error {
	c, err := certstore.Get[gate.Certificate](tx, string(id))
	if errors.Is(err, gate.NotFound) {
		return nil // its customer's records were deleted a moment ago
	}
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return fmt.Errorf("read certificate %s: %w", id, err)
	}
	k.moduli.Add(string(id), cert.PublicKey)
	return nil
}

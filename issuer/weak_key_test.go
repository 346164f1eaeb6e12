package issuer

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
)

// prime draws a prime of 1024 bits.
func prime(t testing.TB) *big.Int {
	t.Helper()
	p, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// soundRSA makes a public key of a multiple of 1024 bits with no known weakness, whose private half nobody needs.
func soundRSA(t testing.TB, bits int) *rsa.PublicKey {
	t.Helper()
	for {
		n := big.NewInt(1)
		for range bits / 1024 {
			n.Mul(n, prime(t))
		}
		if n.BitLen() == bits {
			return &rsa.PublicKey{N: n, E: rsaExponent}
		}
	}
}

// keyOf is the public key of two primes.
func keyOf(p, q *big.Int) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Mul(p, q), E: rsaExponent}
}

// rocaPrime makes a prime as the chips did: k * M + (65537^a mod M), where M is the product of the first 126 primes, for keys of 2048 bits
// (Nemec et al., section 2.1 and table 1).
func rocaPrime(t testing.TB) *big.Int {
	t.Helper()
	m := big.NewInt(1)
	for n, count := int64(2), 0; count < 126; n++ {
		if p := big.NewInt(n); p.ProbablyPrime(0) {
			m.Mul(m, p)
			count++
		}
	}
	top := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(3), 1022), m) // the two highest bits are set
	width := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 1022), m)
	for {
		a, err := rand.Int(rand.Reader, m)
		if err != nil {
			t.Fatal(err)
		}
		k, err := rand.Int(rand.Reader, width)
		if err != nil {
			t.Fatal(err)
		}
		p := new(big.Int).Exp(big.NewInt(65537), a, m)
		p.Add(p, k.Add(k, top).Mul(k, m))
		if p.BitLen() == 1024 && p.ProbablyPrime(10) {
			return p
		}
	}
}

// nextPrime is the first prime from n on.
func nextPrime(n *big.Int) *big.Int {
	p := new(big.Int).SetBit(n, 0, 1)
	for !p.ProbablyPrime(10) {
		p.Add(p, big.NewInt(2))
	}
	return p
}

func TestWeakRSAKeysAreRefusedWithTheReasonAndWhatToDo(t *testing.T) {
	p := prime(t)
	sound := soundRSA(t, 2048)
	even := &rsa.PublicKey{N: new(big.Int).SetBit(sound.N, 0, 0), E: rsaExponent}
	close1 := nextPrime(new(big.Int).Add(p, big.NewInt(2)))
	close2 := nextPrime(new(big.Int).Add(p, new(big.Int).Lsh(big.NewInt(1), 510)))
	for name, tt := range map[string]struct {
		key  *rsa.PublicKey
		want string
	}{
		"an even modulus":              {even, "small factor"},
		"a factor of 3":                {&rsa.PublicKey{N: tripled(t), E: rsaExponent}, "small factor"},
		"a prime":                      {&rsa.PublicKey{N: largePrime(t), E: rsaExponent}, "itself a prime"},
		"neighboring primes":           {keyOf(p, close1), "Fermat"},
		"primes that differ too late":  {keyOf(p, close2), "Fermat"},
		"a square":                     {keyOf(p, p), "Fermat"},
		"made by an Infineon chip":     {keyOf(rocaPrime(t), rocaPrime(t)), "CVE-2017-15361"},
		"an exponent of 3":             {&rsa.PublicKey{N: sound.N, E: 3}, "exponent 3"},
		"an even exponent":             {&rsa.PublicKey{N: sound.N, E: 65538}, "exponent 65538"},
		"an exponent that does naught": {&rsa.PublicKey{N: sound.N, E: 1}, "exponent 1;"},
		"1024 bits":                    {&rsa.PublicKey{N: p, E: rsaExponent}, "RSA-1024"},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckPublicKey(tt.key)
			wantError(t, err, tt.want, "openssl ecparam -name prime256v1 -genkey")
			if _, err := NewApplicantKey(tt.key); err == nil {
				t.Error("NewApplicantKey accepts it")
			}
		})
	}
}

// tripled is a modulus of 2048 bits with a factor of 3.
func tripled(t testing.TB) *big.Int {
	t.Helper()
	third, err := rand.Prime(rand.Reader, 1023) // its two highest bits are set
	if err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).Mul(prime(t), third) // 9/16 to 1 times 2^2047
	if n.Mul(n, big.NewInt(3)); n.BitLen() == 2049 {
		return tripled(t)
	}
	return n
}

// largePrime is one of 2048 bits: 2^2048 - 1942289 (the largest).
func largePrime(t testing.TB) *big.Int {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), 2048)
	n.Sub(n, big.NewInt(1942289))
	if !n.ProbablyPrime(5) {
		t.Fatal("it is no prime")
	}
	return n
}

func TestSoundRSAKeysAreAccepted(t *testing.T) {
	for range 4 {
		if err := CheckPublicKey(soundRSA(t, 2048)); err != nil {
			t.Error(err)
		}
	}
	key, err := rehearsalRSA()
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckPublicKey(key.Public()); err != nil {
		t.Error(err)
	}
}

// The remainders that the fingerprint accepts are a small part of all: otherwise it would take sound keys for broken ones.
func TestTheROCAFingerprintIsRare(t *testing.T) {
	tables, chance := rocaPowers(), 1.0
	if len(tables) != 38 || len(tables[0]) != 3 || len(tables[37]) != 167 {
		t.Fatalf("%d tables, for %d to %d", len(tables), len(tables[0]), len(tables[len(tables)-1]))
	}
	for _, powers := range tables {
		n := 0
		for _, in := range powers {
			if in {
				n++
			}
		}
		chance *= float64(n) / float64(len(powers)-1)
	}
	if chance > 1.0/(1<<26) {
		t.Errorf("one of %.0f sound keys is refused", 1/chance)
	}
}

func TestKeysThatShareAPrimeAreFound(t *testing.T) {
	p, q, r := prime(t), prime(t), prime(t)
	var known Moduli
	if _, err := known.Check(keyOf(p, q)); err != nil {
		t.Errorf("nothing is known: %v", err)
	}
	known.Add("x", keyOn(t, elliptic.P256()).Public())
	if known.Len() != 0 {
		t.Error("a key that is no RSA key was taken in")
	}
	for range bundleSize {
		known.Add("x", keyOf(nextPrime(big.NewInt(int64(known.Len())+1<<40)), nextPrime(big.NewInt(int64(known.Len())+1<<41)))) // small ones, for speed
	}
	known.Add("a", keyOf(p, q))
	known.Add("b", keyOf(r, prime(t)))
	for of, tt := range map[string]struct {
		key  *rsa.PublicKey
		want bool
	}{
		"the same key":                 {keyOf(p, q), false},
		"one prime of another key":     {keyOf(p, prime(t)), true},
		"the other prime":              {keyOf(prime(t), q), true},
		"a prime of each of two keys":  {keyOf(q, r), true},
		"primes that nobody else has":  {keyOf(prime(t), prime(t)), false},
		"the square of a known prime":  {keyOf(r, r), true},
		"a sound key of another size ": {soundRSA(t, 3072), false},
	} {
		name, err := known.Check(tt.key)
		if (err != nil) != tt.want || (name != "") != tt.want || err != nil && !strings.Contains(err.Error(), "shares a prime") {
			t.Errorf("%s: %q, %v", of, name, err)
		}
	}
	if _, err := known.Check(keyOn(t, elliptic.P256()).Public()); err != nil {
		t.Errorf("another kind: %v", err)
	}
}

func TestASigningRequestForAWeakKeyIsRefusedBeforeItsSignature(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der := csrFor(t, &x509.CertificateRequest{}, key)
	weak := keyOf(rocaPrime(t), rocaPrime(t))
	at := bytes.Index(der, key.N.Bytes())
	copy(der[at:], weak.N.Bytes())
	if _, err := ParseCSR(der); err == nil || !strings.Contains(err.Error(), "CVE-2017-15361") {
		t.Errorf("%v", err)
	}
}

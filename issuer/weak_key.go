package issuer

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"math/big"
	"sync"
)

// What is known to be wrong with RSA keys that look well. Each says what to do.
//
// One known kind is not found here: keys that Debian's OpenSSL made from 2006 to
// 2008 (CVE-2008-0166), which can only be told by a list of some hundred thousand.
// Programs that old make no request that is signed with SHA-256 by themselves, but
// a key that was kept can be used with a new one. Staff can block such a key by its
// hash.
var (
	errTinyFactor = errors.New("the RSA modulus has a small factor, so its private key can be computed: whatever made it is broken; " + anotherKey)
	errPrime      = errors.New("the RSA modulus is itself a prime, so its private key can be computed: whatever made it is broken; " + anotherKey)
	errClose      = errors.New("the two primes of the RSA key lie so close together that its private key can be computed (Fermat's method): whatever made it is broken; " + anotherKey)
	errROCA       = errors.New("the RSA key was made by a chip or library of Infineon whose keys can be broken (ROCA, CVE-2017-15361); " +
		"make one in software, or update the chip, and make a new key: " + newKeyCommand)
	errShared = errors.New("the RSA key shares a prime with another key, so the private keys of both can be computed: whatever made it had no good randomness; " + anotherKey)
)

const (
	newKeyCommand = "openssl ecparam -name prime256v1 -genkey -noout -out KEYFILE"
	anotherKey    = "make a new key with another program: " + newKeyCommand
)

// fermatRounds is how many steps of Fermat's method are tried, as badkeys and zlint
// do. Primes drawn at random are found by one step with a probability below 2^-500.
const fermatRounds = 100

// checkWeakRSA refuses RSA keys whose private half can be computed. It takes up to
// 50 ms, so it is asked when a key is taken in, and not again.
func checkWeakRSA(pub crypto.PublicKey) error {
	key, ok := pub.(*rsa.PublicKey)
	if !ok {
		return nil
	}
	switch {
	case hasTinyFactor(key.N):
		return errTinyFactor
	case key.N.ProbablyPrime(0): // Baillie-PSW: a prime is always found
		return errPrime
	case isROCA(key.N):
		return errROCA
	case hasClosePrimes(key.N):
		return errClose
	}
	return nil
}

// weakPrimes are the primes below 1000, and what they come to multiplied.
var weakPrimes = sync.OnceValues(func() (list []int64, product *big.Int) {
	product = big.NewInt(1)
	for n := int64(2); n < 1000; n++ {
		if p := big.NewInt(n); p.ProbablyPrime(0) {
			list = append(list, n)
			product.Mul(product, p)
		}
	}
	return list, product
})

func hasTinyFactor(n *big.Int) bool {
	_, product := weakPrimes()
	return !coprime(n, product)
}

// hasClosePrimes looks for a and b with n = a^2 - b^2, from the root of n upward.
func hasClosePrimes(n *big.Int) bool {
	a, one := new(big.Int).Sqrt(n), big.NewInt(1)
	square, rest, root := new(big.Int), new(big.Int), new(big.Int)
	for range fermatRounds {
		rest.Sub(square.Mul(a, a), n)
		if rest.Sign() >= 0 && square.Mul(root.Sqrt(rest), root).Cmp(rest) == 0 {
			return true
		}
		a.Add(a, one)
	}
	return false
}

// rocaPrimes is how many of the first odd primes the fingerprint looks at: those
// that the primes of a key of any length were made with. Of 2^27 sound keys one is
// taken for a broken one.
const rocaPrimes = 38

// isROCA is the fingerprint of Nemec et al., "The Return of Coppersmith's Attack"
// (2017), section 3.2: both primes are a power of 65537 modulo the product of many
// small primes, so the modulus is one modulo each of them.
func isROCA(n *big.Int) bool {
	for _, powers := range rocaPowers() {
		m := new(big.Int).Mod(n, big.NewInt(int64(len(powers)))).Int64()
		if !powers[m] {
			return false
		}
	}
	return true
}

// rocaPowers say for each small prime which remainders are powers of 65537.
var rocaPowers = sync.OnceValue(func() (tables [][]bool) {
	primes, _ := weakPrimes()
	for _, p := range primes[1 : 1+rocaPrimes] {
		powers := make([]bool, p)
		for x := int64(1); !powers[x]; x = x * 65537 % p {
			powers[x] = true
		}
		tables = append(tables, powers)
	}
	return tables
})

// Moduli are those of RSA keys that are known. Two keys that were made with poor
// randomness may have a prime in common, which Euclid's algorithm finds. The zero
// value knows none.
type Moduli struct {
	bundles []bundle // so that Check is quick: one step for each
	size    int
}

// bundle is some moduli and their product.
type bundle struct {
	names   []string
	moduli  []*big.Int
	product *big.Int
}

// bundleSize is how many moduli are multiplied at most.
const bundleSize = 500

// Add takes in the modulus of a key, if it is an RSA key, under a name for it.
func (m *Moduli) Add(name string, pub crypto.PublicKey) {
	key, ok := pub.(*rsa.PublicKey)
	if !ok {
		return
	}
	m.size++
	last := len(m.bundles) - 1
	if last < 0 || len(m.bundles[last].moduli) >= bundleSize {
		m.bundles, last = append(m.bundles, bundle{product: big.NewInt(1)}), last+1
	}
	b := &m.bundles[last]
	b.names = append(b.names, name)
	b.moduli = append(b.moduli, key.N)
	b.product.Mul(b.product, key.N)
}

// Len is how many moduli were taken in.
func (m *Moduli) Len() int { return m.size }

// Check refuses a key that has a prime in common with one that was taken in and is
// not the same; it returns the name of that one, which can be computed, too. Other
// kinds of key share nothing.
func (m *Moduli) Check(pub crypto.PublicKey) (name string, err error) {
	key, ok := pub.(*rsa.PublicKey)
	if !ok {
		return "", nil
	}
	rest := new(big.Int)
	for _, b := range m.bundles {
		if coprime(rest.Mod(b.product, key.N), key.N) {
			continue
		}
		for i, other := range b.moduli {
			if other.Cmp(key.N) != 0 && !coprime(other, key.N) {
				return b.names[i], errShared
			}
		}
	}
	return "", nil
}

func coprime(a, b *big.Int) bool {
	return new(big.Int).GCD(nil, nil, a, b).Cmp(big.NewInt(1)) == 0
}

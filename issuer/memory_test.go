package issuer

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"runtime"
	"testing"
)

// csrMemory is what reading a signing request may allocate at most, whatever it is.
const csrMemory = 1 << 20

// allocated is how many bytes f allocates. In a fuzzing process something else may allocate beside it now and then; it does not again.
func allocated(f func()) uint64 {
	least := ^uint64(0)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least < 64<<10 {
			break // far below every bound
		}
	}
	return least
}

// FuzzSigningRequestMemory gives ParseCSR what is malformed, cut off, huge and contradicts itself; repeated makes it long.
func FuzzSigningRequestMemory(f *testing.F) {
	der := csrFor(f, &x509.CertificateRequest{}, newKey(f))
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	long := csrFor(f, &x509.CertificateRequest{}, private)
	for _, seed := range [][]byte{der, csrPEM(der), long, csrPEM(long), long[:len(long)/2], csrPEM(long)[:900], append(csrPEM(der), csrPEM(long)...), bytes.Repeat([]byte{0x30, 0x80}, 40)} {
		f.Add(seed, uint16(1))
	}
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\n"), uint16(400))
	f.Add([]byte("-----BEGIN A-----\n-----END A-----\n"), uint16(400))
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, uint16(2000))
	f.Add(bytes.Repeat([]byte("A"), 1<<10), uint16(1<<10))
	f.Fuzz(func(t *testing.T, part []byte, repeated uint16) {
		in := bytes.Repeat(part, int(repeated)%(1+(1<<20)/max(len(part), 1)))
		if n := allocated(func() { _, err = ParseCSR(in) }); n > csrMemory {
			t.Errorf("%d bytes were allocated for %d, and it came to %v", n, len(in), err)
		}
	})
}

package issuer

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// countingSigner counts how often the key is used, and can be made to fail.
type countingSigner struct {
	crypto.Signer
	calls *int
	fail  error
}

func (s countingSigner) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	*s.calls++
	if s.fail != nil {
		return nil, s.fail
	}
	return s.Signer.Sign(r, digest, opts)
}

func TestALeafSaysWhatWasRequestedAndNoMore(t *testing.T) {
	_, ca := newHierarchy(t)
	request := goodRequest(t)
	leaf := issueLeaf(t, ca, request)
	if err := lintLeaf(leaf, lintInput{DeviceProfile, request, ca.Certificate, now}); err != nil {
		t.Error(err)
	}
	if err := leaf.CheckSignatureFrom(ca.Certificate); err != nil {
		t.Error(err)
	}
	if want := now.Add(-5 * time.Minute); !leaf.NotBefore.Equal(want) {
		t.Errorf("starts %s, want %s", leaf.NotBefore, want)
	}
	if want := now.Add(397 * 24 * time.Hour); !leaf.NotAfter.Equal(want) {
		t.Errorf("ends %s, want %s", leaf.NotAfter, want)
	}
}

func TestStaffLeavesMayLackURLs(t *testing.T) {
	_, ca := newHierarchy(t)
	request := goodRequest(t)
	request.CRLURL, request.IssuerURL = "", ""
	if _, err := ca.Prepare(StaffProfile, request, now); err != nil {
		t.Error(err)
	}
	_, err := ca.Prepare(DeviceProfile, request, now)
	wantError(t, err, "CRL URL is missing", "CA issuers URL is missing")
	request.CRLURL = crlURL
	_, err = ca.Prepare(StaffProfile, request, now)
	wantError(t, err, "CA issuers URL is missing")
}

func TestPrepareRefusals(t *testing.T) {
	_, ca := newHierarchy(t)
	for _, tt := range []struct {
		name string
		edit func(r *LeafRequest)
		want string
	}{
		{"no key", func(r *LeafRequest) { r.Key = ApplicantKey{} }, "unknown kind"},
		{"P-521", func(r *LeafRequest) { r.Key.Public = keyOn(t, elliptic.P521()).Public() }, "P-521"},
		{"the CA's own key", func(r *LeafRequest) { r.Key = applicant(t, ca.Signer) }, "CA's own"},
		{"no name", func(r *LeafRequest) { r.CommonName = "" }, "0 characters"},
		{"name of 65 characters", func(r *LeafRequest) { r.CommonName = strings.Repeat("é", 65) }, "65 characters"},
		{"name with NUL", func(r *LeafRequest) { r.CommonName = "a\x00b" }, "not printable"},
		{"name that turns around", func(r *LeafRequest) { r.CommonName = "a\u202eb" }, "not printable"},
		{"no URI", func(r *LeafRequest) { r.URI = nil }, "URI is missing"},
		{"relative URI", func(r *LeafRequest) { r.URI = mustURL(t, "/devices/1") }, "not absolute"},
		{"URI with user", func(r *LeafRequest) { r.URI = mustURL(t, "https://a:b@example.com/") }, "user, query or fragment"},
		{"URI with query", func(r *LeafRequest) { r.URI = mustURL(t, "https://example.com/?a=b") }, "user, query or fragment"},
		{"URI with fragment", func(r *LeafRequest) { r.URI = mustURL(t, "https://example.com/#a") }, "user, query or fragment"},
		{"URI too long", func(r *LeafRequest) { r.URI = mustURL(t, "https://example.com/"+strings.Repeat("a", 512)) }, "at most 512"},
		{"URI beyond ASCII", func(r *LeafRequest) { r.URI = mustURL(t, "https://exämple.com/") }, "printable ASCII"},
		{"no serial", func(r *LeafRequest) { r.Serial = nil }, "serial number is missing"},
		{"negative serial", func(r *LeafRequest) { r.Serial = new(big.Int).Neg(r.Serial) }, "not positive"},
		{"serial zero", func(r *LeafRequest) { r.Serial = new(big.Int) }, "not positive"},
		{"serial of 7 octets", func(r *LeafRequest) { r.Serial = big.NewInt(1 << 54) }, "has 7 octets"},
		{"serial of 21 octets", func(r *LeafRequest) { r.Serial = new(big.Int).Lsh(big.NewInt(1), 159) }, "has 21 octets"},
		{"no end", func(r *LeafRequest) { r.NotAfter = time.Time{} }, "end of validity is missing"},
		{"end in the past", func(r *LeafRequest) { r.NotAfter = now }, "not in the future"},
		{"too long", func(r *LeafRequest) { r.NotAfter = now.Add(398 * 24 * time.Hour) }, "at most 398"},
		{"beyond the CA", func(r *LeafRequest) { r.NotAfter = ca.Certificate.NotAfter.Add(time.Second) }, "after its CA"},
		{"CRL by ldap", func(r *LeafRequest) { r.CRLURL = "ldap://pki.example.com/crl" }, "must begin with http"},
		{"CRL without host", func(r *LeafRequest) { r.CRLURL = "http:///crl" }, "must begin with http"},
		{"CRL that is no URL", func(r *LeafRequest) { r.CRLURL = "http://[" }, "CRL URL is not readable"},
		{"CRL with password", func(r *LeafRequest) { r.CRLURL = "http://a:hush@pki.example.com/crl" }, "user or fragment"},
		{"CRL with a space", func(r *LeafRequest) { r.CRLURL = "http://pki.example.com/a b" }, "printable ASCII"},
		{"issuer with fragment", func(r *LeafRequest) { r.IssuerURL += "#a" }, "user or fragment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := goodRequest(t)
			tt.edit(&request)
			_, err := ca.Prepare(DeviceProfile, request, now)
			wantError(t, err, "prepare a device certificate", tt.want)
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("error %q quotes a password", err)
			}
		})
	}
}

func TestPrepareNamesAllThatIsWrongAtOnce(t *testing.T) {
	_, ca := newHierarchy(t)
	_, err := ca.Prepare(DeviceProfile, LeafRequest{}, now)
	wantError(t, err, "key", "common name", "URI is missing", "serial number", "end of validity", "CRL URL", "CA issuers URL")
	_, err = ca.Prepare(Profile(7), goodRequest(t), now)
	wantError(t, err, "profile(7)", "device", "staff")
}

func TestOnlyAWorkingIssuingCAPrepares(t *testing.T) {
	root, ca := newHierarchy(t)
	other, leafKey := newKey(t), newKey(t)
	request := goodRequest(t)
	request.Key = applicant(t, leafKey)
	leaf := issueLeaf(t, ca, request)
	for _, tt := range []struct {
		name string
		ca   *CA
		now  time.Time
		want string
	}{
		{"none", nil, now, "no certificate or no key"},
		{"no key", &CA{Certificate: ca.Certificate}, now, "no certificate or no key"},
		{"another's key", &CA{Certificate: ca.Certificate, Signer: other}, now, "does not match"},
		{"a root", root, now, "is a root"},
		{"a leaf", &CA{Certificate: leaf, Signer: leafKey}, now, "no CA certificate"},
		{"not begun", ca, now.Add(-time.Hour), "start"},
		{"ended", ca, now.AddDate(6, 0, 0), "after its CA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := goodRequest(t)
			request.NotAfter = tt.now.Add(LeafLifetime)
			_, err := tt.ca.Prepare(DeviceProfile, request, tt.now)
			wantError(t, err, tt.want)
		})
	}
}

func TestTheKeySignsOncePerDraftAndNeverInPreparation(t *testing.T) {
	_, plain := newHierarchy(t)
	calls := 0
	ca := &CA{Certificate: plain.Certificate, Signer: countingSigner{Signer: plain.Signer, calls: &calls}}
	draft, err := ca.Prepare(DeviceProfile, goodRequest(t), now)
	if err != nil || calls != 0 {
		t.Fatalf("Prepare: %v, key used %d times", err, calls)
	}
	if _, err := ca.Issue(draft, rand.Reader); err != nil || calls != 1 {
		t.Fatalf("Issue: %v, key used %d times", err, calls)
	}
	if _, err := ca.Issue(draft, rand.Reader); !errors.Is(err, ErrDraftSpent) || calls != 1 {
		t.Errorf("second Issue: %v, key used %d times", err, calls)
	}
}

func TestADraftThatFailedIsSpent(t *testing.T) {
	_, plain := newHierarchy(t)
	calls := 0
	broken := &CA{Certificate: plain.Certificate, Signer: countingSigner{Signer: plain.Signer, calls: &calls, fail: errors.New("device unplugged")}}
	draft, err := broken.Prepare(DeviceProfile, goodRequest(t), now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = broken.Issue(draft, rand.Reader)
	wantError(t, err, "device unplugged")
	if _, err := plain.Issue(draft, rand.Reader); !errors.Is(err, ErrDraftSpent) {
		t.Errorf("second Issue: %v", err)
	}
}

func TestADraftIsGoodForItsOwnCAAlone(t *testing.T) {
	root, ca := newHierarchy(t)
	sibling, err := NewIssuing(root, "Example Issuing 2", rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	draft, err := ca.Prepare(DeviceProfile, goodRequest(t), now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sibling.Issue(draft, rand.Reader); !errors.Is(err, ErrForeignDraft) {
		t.Errorf("sibling: %v", err)
	}
	if _, err := ca.Issue(nil, rand.Reader); !errors.Is(err, ErrForeignDraft) {
		t.Errorf("no draft: %v", err)
	}
	if _, err := ca.Issue(draft, rand.Reader); err != nil {
		t.Errorf("the sibling's attempt spent the draft: %v", err)
	}
}

func TestOneOfManyConcurrentIssuersWins(t *testing.T) {
	_, ca := newHierarchy(t)
	draft, err := ca.Prepare(DeviceProfile, goodRequest(t), now)
	if err != nil {
		t.Fatal(err)
	}
	var issued atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if _, err := ca.Issue(draft, rand.Reader); err == nil {
				issued.Add(1)
			} else if !errors.Is(err, ErrDraftSpent) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := issued.Load(); n != 1 {
		t.Errorf("%d certificates came of one draft", n)
	}
}

func TestChangingTheRequestAfterPreparationChangesNothing(t *testing.T) {
	_, ca := newHierarchy(t)
	request := goodRequest(t)
	draft, err := ca.Prepare(DeviceProfile, request, now)
	if err != nil {
		t.Fatal(err)
	}
	path, serial := request.URI.Path, new(big.Int).Set(request.Serial)
	request.URI.Path = "/devices/dev_other"
	request.Serial.SetInt64(1)
	der, err := ca.Issue(draft, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := parseCert(t, der)
	if leaf.URIs[0].Path != path || leaf.SerialNumber.Cmp(serial) != 0 {
		t.Errorf("the leaf has URI %s and serial %x", leaf.URIs[0], leaf.SerialNumber)
	}
}

func TestWhatWasNotCheckedIsNotHandedOut(t *testing.T) {
	_, ca := newHierarchy(t)
	draft, err := ca.Prepare(DeviceProfile, goodRequest(t), now)
	if err != nil {
		t.Fatal(err)
	}
	draft.template.IsCA = true // as a mistake in this package might
	_, err = ca.Issue(draft, rand.Reader)
	wantError(t, err, "not what was checked")
}

func TestImportedCAsOfEveryKindIssue(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{keyOn(t, elliptic.P384()), rsaKey} {
		root := signAny(t, rootTemplate(), key, nil)
		issuing := signAny(t, issuingTemplate(), key, root)
		_, ca, err := Import(CertificatePEM(root.Certificate.Raw), CertificatePEM(issuing.Certificate.Raw), keyPEM(t, key), now)
		if err != nil {
			t.Fatal(err)
		}
		issueLeaf(t, ca, goodRequest(t))
		if _, err := ca.CRL(goodCRL(), rand.Reader); err != nil {
			t.Error(err)
		}
	}
}

func TestALeafTheCAMayNotNameIsDiscarded(t *testing.T) {
	template := issuingTemplate()
	template.PermittedURIDomains = []string{"other.example.net"}
	template.PermittedDNSDomainsCritical = true
	root := signAny(t, rootTemplate(), newKey(t), nil)
	ca := signAny(t, template, newKey(t), root)
	draft, err := ca.Prepare(DeviceProfile, goodRequest(t), now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ca.Issue(draft, rand.Reader)
	wantError(t, err, "does not verify under its CA")
}

// rootTemplate and issuingTemplate are what somebody else's tools may have made.
func rootTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Old Root", Organization: []string{"Example"}},
		NotBefore:             now.AddDate(-3, 0, 0),
		NotAfter:              now.AddDate(7, 0, 0),
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            -1,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func issuingTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Old Issuing", Organization: []string{"Example"}},
		NotBefore:             now.AddDate(-1, 0, 0),
		NotAfter:              now.AddDate(3, 0, 0),
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

package authority_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// runHelper lets the test binary be another program: the one that the variable names.
func runHelper() bool {
	switch os.Getenv("CERTGATE_TEST_HELPER") {
	case "changes":
		changeUntilKilled(&outside{})
	case "mail":
		mailUntilKilled(&outside{})
	case "recover":
		recoverAndDie(&outside{})
	case "calls":
		callUntilKilled(&outside{})
	case "rotate":
		rotateUntilKilled(&outside{})
	case "open":
		openOnce()
	default:
		return false
	}
	return true
}

// outside is what the fixtures report to where no test runs: the process ends with the text.
type outside struct{ testing.TB }

func (*outside) Helper() {}

func (*outside) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

// removeLists loses the files with the revocation lists of customers' CAs.
func removeLists(p *place) error { return os.RemoveAll(filepath.Join(p.data, "crl")) }

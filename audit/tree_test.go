package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/audit"
)

// log keeps what a store would: the leaves, and the hashes by index.
type log struct {
	tree   audit.Tree
	leaves [][]byte
	hashes []audit.Hash
}

// append adds a leaf and fails the test where its hashes do not continue the stored ones without a gap.
func (l *log) append(t rapid.TB, leaf []byte) {
	tree, stored := l.tree.Append(leaf)
	for _, s := range stored {
		if s.Index != int64(len(l.hashes)) {
			t.Fatalf("leaf %d: a hash is to be stored at %d, want %d", l.tree.Size(), s.Index, len(l.hashes))
		}
		l.hashes = append(l.hashes, s.Hash)
	}
	l.leaves = append(l.leaves, leaf)
	l.tree = tree
}

// ReadHashes makes log a tlog.HashReader, which is how proofs are made from stored hashes.
func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, len(indexes))
	for _, i := range indexes {
		if i < 0 || i >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("hash %d is not stored", i)
		}
		hashes = append(hashes, l.hashes[i])
	}
	return hashes, nil
}

// storedWith are the hashes kept with leaf n.
func (l *log) storedWith(n int64) []audit.Hash {
	return l.hashes[audit.StoredCount(n):audit.StoredCount(n+1)]
}

func TestTheEmptyTreeHasTheRootOfNothing(t *testing.T) {
	var tree audit.Tree
	if tree.Size() != 0 || audit.StoredCount(0) != 0 {
		t.Errorf("size %d and %d stored hashes, want none", tree.Size(), audit.StoredCount(0))
	}
	if want := audit.Hash(sha256.Sum256(nil)); tree.Root() != want {
		t.Errorf("root %s, want %s", tree.Root(), want)
	}
}

// The leaves and roots are the reference vectors of Certificate Transparency, made by another implementation.
func TestRootsAreThoseOfCertificateTransparency(t *testing.T) {
	rows := []struct{ leaf, root string }{
		{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
		{"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
		{"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
		{"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
		{"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
		{"606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	}
	var tree audit.Tree
	for i, row := range rows {
		leaf, err := hex.DecodeString(row.leaf)
		if err != nil {
			t.Fatal(err)
		}
		tree, _ = tree.Append(leaf)
		root := tree.Root()
		if got := hex.EncodeToString(root[:]); got != row.root {
			t.Errorf("root of %d leaves is %s, want %s", i+1, got, row.root)
		}
	}
}

func TestRootIsThatOfTheStoredHashes(t *testing.T) {
	var l log
	for n := range int64(301) {
		want, err := tlog.TreeHash(n, &l)
		if err != nil {
			t.Fatalf("TreeHash of %d leaves: %v", n, err)
		}
		if l.tree.Size() != n || l.tree.Root() != want {
			t.Fatalf("tree of %d leaves: size %d, root %s, want %s", n, l.tree.Size(), l.tree.Root(), want)
		}
		if got := audit.StoredCount(n); got != int64(len(l.hashes)) {
			t.Fatalf("StoredCount(%d) = %d, want %d", n, got, len(l.hashes))
		}
		l.append(t, fmt.Appendf(nil, "event %d", n))
	}
}

func TestProofsCanBeMadeFromTheStoredHashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l log
		roots := []audit.Hash{l.tree.Root()}
		for _, leaf := range rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 200).Draw(t, "leaves") {
			l.append(t, leaf)
			roots = append(roots, l.tree.Root())
		}
		size := l.tree.Size()

		n := rapid.Int64Range(0, size-1).Draw(t, "leaf")
		inclusion, err := tlog.ProveRecord(size, n, &l)
		if err != nil {
			t.Fatalf("ProveRecord(%d, %d): %v", size, n, err)
		}
		if err := tlog.CheckRecord(inclusion, size, l.tree.Root(), n, audit.LeafHash(l.leaves[n])); err != nil {
			t.Fatalf("leaf %d is not shown to be in a tree of %d: %v", n, size, err)
		}
		if err := tlog.CheckRecord(inclusion, size, l.tree.Root(), n, audit.LeafHash([]byte("forged, longer than any drawn"))); err == nil {
			t.Fatalf("a forged leaf %d is shown to be in a tree of %d", n, size)
		}

		old := rapid.Int64Range(1, size).Draw(t, "old size")
		consistency, err := tlog.ProveTree(size, old, &l)
		if err != nil {
			t.Fatalf("ProveTree(%d, %d): %v", size, old, err)
		}
		if err := tlog.CheckTree(consistency, size, l.tree.Root(), old, roots[old]); err != nil {
			t.Fatalf("the tree of %d is not shown to be a beginning of the tree of %d: %v", old, size, err)
		}
	})
}

func TestAppendLeavesEveryOtherCopyAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tree audit.Tree
		for range rapid.IntRange(0, 70).Draw(t, "size") {
			tree, _ = tree.Append([]byte("common"))
		}
		size, root := tree.Size(), tree.Root()

		left, leftStored := tree.Append([]byte("left"))
		leftRoot := left.Root()
		right, _ := tree.Append([]byte("right"))
		again, againStored := tree.Append([]byte("left"))

		if tree.Size() != size || tree.Root() != root {
			t.Fatalf("the tree that was appended to changed: size %d, root %s, want %d, %s", tree.Size(), tree.Root(), size, root)
		}
		if left.Root() != leftRoot || left.Root() == right.Root() {
			t.Fatalf("two continuations of one tree share their peaks")
		}
		if again.Root() != leftRoot || !cmp.Equal(leftStored, againStored) {
			t.Fatalf("the same append twice differs: %s", cmp.Diff(leftStored, againStored))
		}
	})
}

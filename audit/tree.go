// Package audit is the arithmetic of the tamper-evident log: it hashes events into a tree, and shows later that they are still the same
// events. It is pure: it reads no disk, no clock and no randomness. Where leaves and hashes are kept is the store's business, what an event
// says is the core's; here an event is a slice of bytes, a leaf.
//
// # Why a tree and not a chain
//
// The usual audit log chains its entries: each carries the hash of the one before. To show with a chain that one event belongs to the log,
// every event since must be shown too, and to show that yesterday's log is a beginning of today's, all of it. The events of other customers
// would have to be handed out with the one that was asked for. The Merkle tree of RFC 6962 (Certificate Transparency) commits to the same
// list in the same order, but a proof is a handful of hashes: at most log2(n) of them show that event i is in a log of n events, and about as
// many show that a log of m events is a beginning of a log of n. No other event is disclosed. Appending costs no more than in a chain: two
// hashes on average.
//
// A leaf is hashed as SHA-256(0x00 || leaf), an inner node as SHA-256(0x01 || left || right) (RFC 6962 section 2.1); the prefixes keep a node
// from being passed off as a leaf. [Tree] holds the hashes of the complete subtrees only, one for each bit set in its size, which is all that
// is needed to append and to compute the root. The hashes that [Tree.Append] returns are numbered as golang.org/x/mod/sumdb/tlog numbers
// them, so its proofs can be made from what the store keeps.
//
// # What is detected, and by whom
//
// The store keeps the leaves, the hashes, and in its head the size and root. At each start [Replay] computes everything again from the leaves.
// An event that was changed, dropped, added or moved is found then, and so is a damaged hash, as long as the head is right; the head is
// protected by a MAC, so whoever changes the disk without the secret is found out.
//
// Whoever holds the secret can write a whole new log with a head that fits, and a copy of the disk taken earlier is a correct, shorter
// log. Nothing inside the store can tell these from the truth. For that a root must have been seen outside: a [Checkpoint] (size and root,
// signed) that an auditor or a backup holds. A [Consistency] proof from that checkpoint to the current root then shows that history up to it
// was neither rewritten nor rolled back; events after the newest checkpoint that is held outside are protected by the MAC alone.
//
// # Without the store
//
// [WriteExport] puts events and checkpoints into one file, and [Verify] judges it with nothing but the log's verifier key. Such a file
// has one spelling only, so no byte of it can be changed unseen except its date and the signatures of witnesses. Who has no signing key
// can cut it at a checkpoint and no more; who has one can write another; a checkpoint from outside shows both, and a report says so where
// none was given. [Verifier] does the same for a log that is still in its store, and compares its records with the events that wrote them.
//
// Reading order: tree.go, replay.go, checkpoint.go, proof.go, export.go, verify.go, ledger.go.
package audit

import (
	"crypto/sha256"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is the SHA-256 of a leaf, an inner node or a whole tree (its root). It is tlog's type, so that tlog's proofs need no conversion.
type Hash = tlog.Hash

// LeafHash is the hash of one leaf: SHA-256(0x00 || leaf), RFC 6962 section 2.1.
func LeafHash(leaf []byte) Hash {
	return tlog.RecordHash(leaf)
}

// Stored is a hash that has to be kept for later proofs. It never changes once written: a tree only grows.
type Stored struct {
	// Index is where the hash belongs, from 0 without gaps, as tlog.StoredHashIndex numbers them.
	Index int64
	// Hash is that of a leaf or of a complete subtree.
	Hash Hash
}

// StoredCount is the number of hashes that are stored for a tree of n leaves. The hashes that came with leaf n (from 0) are those from index
// StoredCount(n) up to but not including StoredCount(n+1).
func StoredCount(n int64) int64 {
	return tlog.StoredHashCount(n)
}

// Tree is the compact state of a Merkle tree: enough to append to it and to know its root, not to prove anything. It is a value: a copy stays
// what it was whatever is appended to another. The zero Tree is the empty one.
type Tree struct {
	size int64
	// peaks are the roots of the complete subtrees, left to right, one for each bit set in size, the largest first. The array behind them
	// is shared between copies and never written again.
	peaks []Hash
}

// Size is the number of leaves.
func (t Tree) Size() int64 {
	return t.size
}

// Root is the hash of the whole tree (RFC 6962 section 2.1, MTH). That of the empty tree is the SHA-256 of nothing.
func (t Tree) Root() Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.peaks) - 1
	root := t.peaks[last]
	for _, left := range slices.Backward(t.peaks[:last]) {
		root = tlog.NodeHash(left, root)
	}
	return root
}

// Append returns the tree with one more leaf, whose number is t.Size(), and the hashes to store: first the leaf's, then that of each subtree
// that it completes, at consecutive indexes from StoredCount(t.Size()). It keeps no reference to leaf.
func (t Tree) Append(leaf []byte) (Tree, []Stored) {
	hash := LeafHash(leaf)
	first := StoredCount(t.size)
	stored := []Stored{{Index: first, Hash: hash}}

	// Each trailing 1 bit of the old size is a complete subtree that the new node turns into a larger one.
	peaks := t.peaks
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(peaks) - 1
		hash = tlog.NodeHash(peaks[last], hash)
		peaks = peaks[:last]
		stored = append(stored, Stored{Index: first + int64(len(stored)), Hash: hash})
	}
	// Clipped, append copies, and the tree that t is stays as it was.
	return Tree{size: t.size + 1, peaks: append(slices.Clip(peaks), hash)}, stored
}

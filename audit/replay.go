package audit

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Replay computes a log again from its leaves and compares it with what was stored beside them. Give [Replay.Next] every event in order, then
// call [Replay.Finish] once with size and root from the head. The zero Replay is ready for use.
//
// The first difference is kept: every later call returns the same error, so a damaged log cannot be finished by ignoring it.
type Replay struct {
	tree Tree
	err  error
}

// Size is the number of events taken so far, which is the number of the next one.
func (r *Replay) Size() int64 {
	return r.tree.size
}

// Next takes the next event. stored are the hashes that were kept with it, by rising index: those that [Tree.Append] returned, so
// StoredCount(n+1) - StoredCount(n) of them for event n. The error names the event and the hash that differs.
func (r *Replay) Next(leaf []byte, stored []Hash) error {
	if r.err != nil {
		return r.err
	}
	tree, want := r.tree.Append(leaf)
	r.err = compare(r.tree.size, want, stored)
	if r.err == nil {
		r.tree = tree
	}
	return r.err
}

// Finish compares the tree of all events taken with the size and root that the head holds, and returns that tree. The empty log has size 0
// and the root of the empty tree.
func (r *Replay) Finish(size int64, root Hash) (Tree, error) {
	switch n := r.tree.size; {
	case r.err != nil:
	case n < size:
		r.err = fmt.Errorf("event %d: missing; the log holds %d events and its head says %d", n, n, size)
	case n > size:
		r.err = fmt.Errorf("event %d: not covered by the head; the log holds %d events and its head says %d", max(size, 0), n, size)
	case r.tree.Root() != root:
		r.err = fmt.Errorf("the root of %d events is %s and the head says %s: each event fits its stored hashes, "+
			"so either an event was changed together with its hashes or the head is not this log's", n, r.tree.Root(), root)
	}
	if r.err != nil {
		return Tree{}, r.err
	}
	return r.tree, nil
}

// compare returns an error that names event n and the first of its hashes that is not as computed.
func compare(n int64, want []Stored, stored []Hash) error {
	for i, w := range want[:min(len(want), len(stored))] {
		if stored[i] == w.Hash {
			continue
		}
		if i == 0 {
			return fmt.Errorf("event %d: its hash is %s and stored hash %d is %s: the event or the hash was changed",
				n, w.Hash, w.Index, stored[i])
		}
		level, node := tlog.SplitStoredHashIndex(w.Index)
		return fmt.Errorf("event %d: completes the subtree of events %d to %d with hash %s and stored hash %d is %s: "+
			"the stored hash was changed", n, node<<level, n, w.Hash, w.Index, stored[i])
	}
	if len(stored) != len(want) {
		return fmt.Errorf("event %d: %d hashes are stored with it instead of %d (indexes %d to %d)",
			n, len(stored), len(want), want[0].Index, want[len(want)-1].Index)
	}
	return nil
}

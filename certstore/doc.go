// Package certstore keeps certgate's records: on disk in Badger, and in memory in the directory that every request is decided from.
//
// # Two halves
//
// [Store] is the truth. One writer at a time changes it, by [Store.Update]: a function reads and stages records, and returns the event
// that says what happened. Records, event, audit hashes and head are committed in one synced transaction, then the directory moves, then
// Update returns; so the next request sees the change, and nothing was acknowledged that is not on disk. What is no change of state
// (the memory of idempotency keys, the delivery of notices) goes through [Store.Bookkeep], which writes no event and may touch no other
// kind of record.
//
// [Directory] answers requests. It holds every record that a decision can need, linked by pointer and guarded by one RWMutex:
// [Directory.Caller] is two map lookups and a handful of copied pointers, one consistent cut, without disk and without allocation.
// Records in it are immutable; a change puts a new one in the old one's place. It is fed by committed changes alone, so reading the store
// again gives the same directory.
//
// # What is believed
//
// Nothing that lies on disk is believed because it could be read. Badger's encryption hides but does not protect, and Badger passes
// over what it cannot read: a table with a bad checksum, the tail of a log. So each record and event carries a MAC that binds it to its
// key, and each commit writes a head, under a MAC as well: how many records of each kind there are and the sum of their MACs, how many
// events, and the root of the audit tree. A start reads everything, and what was read must come to the head. What does not is named, and
// the store stays shut. Two more things are looked at: the table files before Badger opens them, because it ends the process where it
// cannot read one, and a file beside them that remembers how many commits there were, because Badger starts with an older state where
// the newest log is gone.
//
// What this cannot show is a whole directory taken back to an earlier day: that is a correct store. For it a checkpoint must have been seen
// outside; see package audit. Signed checkpoints are kept here as well, under MACs that the head sums up, but those that lie here go back with
// the rest.
//
// # A commit that failed
//
// A commit that returned an error may still have reached the disk. What it would take away from somebody (a revocation, a suspension) holds
// in the directory at once; what it would give does not; and no further change is taken until the store has been closed, opened and
// read again, which the next Update does first.
//
// Reading order: keys.go (the keyspace), record.go (the stored form), head.go, tx.go, commit.go and write.go (how a change is made),
// store.go, load.go and explain.go (what a start checks, and how it names what is wrong), files.go, tables.go and newest.go (what it checks
// before and beside Badger), directory.go and links.go, log.go, checkpoint.go and signing.go (what auditors ask for). Beside them: trust.go (CA
// certificates for Caddy), secret.go and kit.go (what must not be lost), rekey.go, remake.go and lasting.go (how the secret is changed).
package certstore

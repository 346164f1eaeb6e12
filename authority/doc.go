// Package authority carries out what the core decides. It is the shell around package gate: the only place that reads the clock,
// draws identifiers and secrets, and runs jobs. (It is not the certificate authority; that is package issuer.)
//
// Two paths run through it.
//
// A request: a door fills in a [gate.Request] and asks [Config.Check], which reads the time once, finds the caller in the
// directory, proves the key with an HMAC, and lets gate.Decide judge. The result is a [Call]. An allowed one is in flight until
// [Call.Done]; while it is, it is judged again after every change and every few seconds, and ended if it would now be refused. No
// disk is touched: what a request reveals, such as the first use of a key, goes into a bounded queue that a job empties. What was
// decided is remembered in [Decisions], so that people can be told why.
//
// A change: a method named after what people do (Suspend, Approve, Release) asks whether the actor may, then runs one
// certstore.Update in which records, notice and event commit together. The directory has moved before the method returns, so the
// next request sees the change, on open connections too.
//
// Two lifetimes meet here. [Authority] lives as long as the data directory is open and survives reloads of the configuration;
// [Config] is what one configuration says. Jobs use the newest Config that is still open, so one that failed never rules.
package authority

// Package ratelimit keeps what is left of the limits in a plan: token buckets (golang.org/x/time/rate), calendar quotas, calls at once and
// different patients. It decides about a call as a whole: under one lock of the account it asks every limit that is about the call, and only
// if all agree does it take from each, so a call that one limit refuses spends nothing of another. It is given the time, and stores nothing:
// what must outlive the process leaves through [Book.Save] and comes back through [Book.Restore].
//
// A limiter exists only while it has something to remember. What was used is kept and what is left is computed, so that a plan that was
// changed bites at once on what is used already.
package ratelimit

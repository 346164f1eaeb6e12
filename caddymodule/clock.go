package caddymodule

import "time"

// clock is by what the authority tells time; nil: the system's.
var clock func() time.Time

// TellTimeBy replaces the system's clock, before Caddy starts. It is for programs that only tests build: a story takes years. No
// configuration, variable or flag leads here, and the released program does not contain it, because nothing in it calls it.
func TellTimeBy(now func() time.Time) { clock = now }

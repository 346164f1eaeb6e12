package caddymodule

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// runningLog is a logger for what outlives configurations. Caddy closes the writers of a configuration's log together with it, so each
// line goes to the log of whichever configuration runs when it is written.
func runningLog() *zap.Logger { return zap.New(runningCore{}).Named("certgate") }

type runningCore struct{ fields []zapcore.Field }

func (c runningCore) core() zapcore.Core {
	core := caddy.Log().Core() // while starting
	if app := running(); app != nil {
		core = app.log.Core()
	}
	return core.With(c.fields)
}

// Enabled implements zapcore.Core.
func (c runningCore) Enabled(level zapcore.Level) bool { return c.core().Enabled(level) }

// With implements zapcore.Core.
func (c runningCore) With(fields []zapcore.Field) zapcore.Core {
	return runningCore{append(slices.Clip(c.fields), fields...)}
}

// Check implements zapcore.Core: the core of the moment takes the entry.
func (c runningCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.core().Check(entry, checked)
}

// Write implements zapcore.Core.
func (c runningCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	return c.core().Write(entry, fields)
}

// Sync implements zapcore.Core.
func (c runningCore) Sync() error { return c.core().Sync() }

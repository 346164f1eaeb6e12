package caddymodule

import (
	"context"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/gate"
)

// Planted is a connection's context as the server makes it, for tests without a connection.
func Planted(ctx context.Context) context.Context { return plant(ctx, nil) }

// TrustingVerifier is a verifier of customers that trusts what lies in a data directory, without a configuration around it.
func TrustingVerifier(dir string) *Verifier {
	return &Verifier{Audience: gate.Customers, app: &App{DataDir: dir}, log: zap.NewNop(), trust: trustFile{dir: dir, audience: gate.Customers}}
}

package caddymodule

import "context"

// Planted is a connection's context as the server makes it, for tests without a connection.
func Planted(ctx context.Context) context.Context { return plant(ctx, nil) }

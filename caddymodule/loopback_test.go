package caddymodule_test

import (
	"context"
	"fmt"
	"net"
)

// loopback dials one port of this machine, whatever name was asked for.
type loopback struct{ port int }

func (l *loopback) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", l.port))
}

// Package certgate is a Caddy v2 plugin that stands in front of the OneRecord health-data API: importing it adds certgate's modules
// to a Caddy binary, which is what `xcaddy build --with github.com/onerecord/certgate` does. The design starts in package gate.
package certgate

import (
	_ "github.com/onerecord/certgate/caddymodule" // registers the modules
)

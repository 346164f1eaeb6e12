package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/authority"
)

// demo runs all of certgate in this process and takes a customer from nothing to its first call, through the same APIs as in earnest.
//
// Reading order: here; demo_files.go (what lies in its directory), demo_sites.go (Caddy and the upstream), demo_story.go (what staff
// and customer do), demo_calls.go (what is refused and what is allowed).
type demo struct {
	hooks Hooks
	dir   string // <data>
	ports ports
	once  bool
	say   narrator
	now   time.Time // when it began

	open *authority.Authority // of the Caddy that it started
}

// ports are those of the demo's sites.
type ports struct{ api, admin, public, pki, metrics int }

// Defaults of the ports: those of the sites follow each other, that of the metrics is the one that the example configuration has.
const (
	firstPort   = 8443
	metricsPort = 9180
)

// portsFrom numbers the sites from the first; zero means the defaults.
func portsFrom(first int) (ports, error) {
	if first == 0 {
		return ports{firstPort, firstPort + 1, firstPort + 2, firstPort + 3, metricsPort}, nil
	}
	if first < 1 || first > 65535-4 {
		return ports{}, usagef("--port %d: must be 1 to %d, as the four after it are used too", first, 65535-4)
	}
	return ports{first, first + 1, first + 2, first + 3, first + 4}, nil
}

func (p ports) all() []int { return []int{p.api, p.admin, p.public, p.pki, p.metrics} }

func (t *tool) demoCommand() *cobra.Command {
	var dir string
	var first int
	var once bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Shows everything at work on this machine, in one command",
		Long: `Runs certgate with a small API behind it on this machine's loopback addresses, takes one customer through interview, approval,
release and enrollment, shows refused and allowed requests, and serves until interrupted. It needs nothing but a directory.

In <data>/demo/ it leaves the certificates and keys to try by hand. A second run goes on with what is there; only one runs in a
directory at a time.`,
		Example: "  certgate demo\n  certgate demo --once --data /tmp/demo",
	}
	f := c.Flags()
	f.StringVar(&dir, "data", "", "directory to keep everything in (default: certgate-demo in your cache directory)")
	f.IntVar(&first, "port", 0, "first of five ports: API, staff, customers, revocation lists, metrics (default: 8443 to 8446, and 9180 for metrics)")
	f.BoolVar(&once, "once", false, "end as soon as everything was shown")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		d, err := t.newDemo(dir, first)
		if err != nil {
			return err
		}
		d.once, d.say = once, narrator{cmd.OutOrStdout(), new(int)}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return d.run(ctx)
	})
}

func (t *tool) newDemo(dir string, first int) (*demo, error) {
	p, err := portsFrom(first)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, usagef("there is no cache directory to use (%w); say where with --data DIR", err)
		}
		dir = filepath.Join(cache, "certgate-demo")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if t.hooks.Authority == nil {
		return nil, errors.New("this program was built without Caddy, which the demo runs")
	}
	return &demo{hooks: t.hooks, dir: dir, ports: p, now: t.hooks.Now()}, nil
}

// run tells the whole story. Nothing is touched before it is known that it can be told.
func (d *demo) run(ctx context.Context) (err error) {
	if err := d.portsAreFree(ctx); err != nil {
		return err
	}
	d.say.title("certgate demo: a customer from contract to first call, on this machine")
	if err := d.prepareFiles(); err != nil {
		return err
	}
	stop, err := d.serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, part := range []func(context.Context) error{d.urls, d.story, d.calls} {
		if err := part(ctx); ctx.Err() != nil {
			return errors.New("interrupted before everything was shown; run it again to go on")
		} else if err != nil {
			return err
		}
	}
	d.say.linef("")
	d.say.linef("ready")
	if d.once {
		return nil
	}
	d.say.linef("Serving until you press Ctrl+C.")
	<-ctx.Done()
	d.say.linef("")
	d.say.linef("Stopped. Run it again to go on with the same customer; to start over, choose another directory with --data DIR")
	return nil
}

// portsAreFree tries all ports before anything is made.
func (d *demo) portsAreFree(ctx context.Context) error {
	for _, port := range d.ports.all() {
		for _, host := range loopback(ctx) {
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, fmt.Sprint(port)))
			if err != nil {
				return fmt.Errorf("port %d cannot be used (%w): stop what uses it, or choose five others with --port N", port, err)
			}
			if err := l.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// loopback lists this machine's loopback addresses; some have no IPv6.
func loopback(ctx context.Context) []string {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "[::1]:0")
	if err != nil {
		return []string{"127.0.0.1"}
	}
	_ = l.Close() // nothing was ever sent to it
	return []string{"127.0.0.1", "::1"}
}

// narrator prints the story.
type narrator struct {
	out  io.Writer
	step *int
}

func (n narrator) title(s string) { fmt.Fprintf(n.out, "%s\n\n", s) }

func (n narrator) linef(format string, args ...any) { fmt.Fprintf(n.out, format+"\n", args...) }

// didf reports the next step.
func (n narrator) didf(format string, args ...any) {
	*n.step++
	fmt.Fprintf(n.out, "%2d  %s\n", *n.step, fmt.Sprintf(format, args...))
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// watchCommand shows decisions as they are made.
func (t *tool) watchCommand() *cobra.Command {
	var in inquiry
	count := 0
	c := &cobra.Command{
		Use: "watch [ACCOUNT | DEVICE]", Short: "Shows decisions as they are made, until interrupted",
		Long: "Shows every refusal and, of allowed calls, one a second for each key. What comes too fast is left out and counted. A reload of the\n" +
			"server is survived; what is decided meanwhile is not shown (see certgate explain).",
		Example: "  certgate watch acme\n  certgate watch --reason certificate-untrusted",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: t.accountOrDevice,
	}
	in.flags(c)
	c.Flags().IntVar(&count, "count", 0, "end after so many (default: never)")
	return t.connected(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		q, err := in.query(args, t.hooks.Now())
		if err != nil {
			return err
		}
		client, err := t.client()
		if err != nil {
			return err
		}
		w := &watcher{out: cmd.OutOrStdout(), json: t.flags.json, left: count, names: make(map[gate.DeviceID]string), client: client}
		for {
			err := client.Watch(cmd.Context(), q, func(told api.Told) error {
				if told.Lost > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "certgate: %d decisions came too fast and are left out\n", told.Lost)
					return nil
				}
				return w.print(cmd.Context(), told.Decision)
			})
			switch {
			case errors.Is(err, errEnough):
				return nil
			case err != nil:
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "certgate: the server ended the stream; asking again")
		}
	}))
}

// errEnough ends a watch that has shown what it should.
var errEnough = errors.New("enough")

// watcher prints decisions.
type watcher struct {
	out    io.Writer
	json   bool
	left   int // 0: without end
	names  map[gate.DeviceID]string
	client *api.Client
}

func (w *watcher) print(ctx context.Context, d *api.Decision) error {
	if w.json {
		line, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		fmt.Fprintf(w.out, "%s\n", line)
	} else {
		name, err := w.name(ctx, d.Device)
		if err != nil {
			return err
		}
		fmt.Fprintf(w.out, "%s  %-26s %s  %s %s  %s  %s\n", d.At.UTC().Format("15:04:05Z"), d.Reason, name, visible(d.Method), cell(d.Behavior),
			d.Address, d.ID)
	}
	if w.left == 1 {
		return errEnough
	}
	w.left--
	return nil
}

// name is the slug path of a device.
func (w *watcher) name(ctx context.Context, id gate.DeviceID) (string, error) {
	if id == "" {
		return "(stranger)", nil
	}
	if w.names[id] == "" {
		device, err := w.client.Device(ctx, string(id))
		if err != nil {
			return "", err
		}
		w.names[id] = device.Path
	}
	return w.names[id], nil
}

package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// releaseAnew sends a new link for a device, as where its certificate has run out: in production by the case that covers it.
func (t *tool) releaseAnew(cmd *cobra.Command, ref string) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	device, err := c.Device(cmd.Context(), ref)
	if err != nil {
		return err
	}
	ch := change{done: released, next: func(object) []string { return []string{"certgate credential enrollments --device " + ref} }}
	if device.Environment != gate.Production {
		ch.path = pathTo("/v1/devices/%s/release", ref)
		return t.send(cmd, ch)
	}
	covering, err := t.caseOf(cmd, c, device)
	if err != nil {
		return err
	}
	ch.path, ch.body = pathTo("/v1/certifications/%s/release", covering), api.Release{Device: ref}
	return t.send(cmd, ch)
}

// caseOf finds the case by which a device may be released: the one in force, else one that was approved.
func (t *tool) caseOf(cmd *cobra.Command, c *api.Client, device *api.Device) (string, error) {
	best, rank := "", -1
	order := []string{gate.Approved.String(), gate.Released.String(), gate.InForce.String()}
	for k, err := range api.Each(cmd.Context(), api.Query{Account: string(device.Account)}, c.Certifications) {
		if err != nil {
			return "", err
		}
		if n := slices.Index(order, k.State); n >= rank && n >= 0 && slices.Contains(k.Devices, device.ID) {
			best, rank = string(k.ID), n
		}
	}
	if best == "" {
		return "", gate.Errorf(gate.Conflict, "no certification that is approved or in force covers %s; see: certgate certification list --account %s", device.Path, device.Account)
	}
	return best, nil
}

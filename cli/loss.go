package cli

import (
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

func (t *tool) lossCommands() []*cobra.Command {
	return []*cobra.Command{
		t.hinter("loss", "Shows which events are missing in a store that is older than a checkpoint outside", "/v1/audit/loss", lossToAccept),
		t.verb(verb{
			use: "accept-loss", short: "Proposes to go on without the events that are missing; a second admin must confirm", reason: true, compares: true,
			long: "Proposes to go on without the events that are missing. Rather put the newest copy of the data directory in its place: whatever was\n" +
				"revoked, suspended or ended since the older one was made is forgotten, people who were disabled may act again. A second admin must\n" +
				"confirm. Until then every request is answered 503.",
			do: func(_ []string, why string) (change, error) {
				return change{path: "/v1/audit/loss/acceptance", body: api.Why{Why: why}, done: func(o object) string {
					return "proposed to accept that " + o.text("missing") + " events are lost; a second admin must confirm it"
				}, next: lossToAccept}, nil
			}}),
		t.verb(verb{
			use: "confirm-loss", short: "Accepts the loss that another admin proposed to accept, and lets requests through again", compares: true,
			do: func(_ []string, _ string) (change, error) {
				return change{path: "/v1/audit/loss/acceptance/confirmation", done: func(o object) string {
					return o.text("missing") + " events are accepted as lost, in event " + o.text("event") + "; requests are judged again"
				}, next: func(object) []string {
					return []string{"certgate staff list, certgate credential list  (do again what was done since: revoke, suspend, disable)"}
				}}, nil
			}}),
	}
}

// lossToAccept says what can be done about a loss.
func lossToAccept(o object) []string {
	switch {
	case o.text("state") != "quarantined":
		return nil
	case o.text("proposed.act.by") == "":
		return []string{"put the newest copy of the data directory in its place and start again", "certgate audit accept-loss --why REASON  (if there is none: an admin)"}
	}
	confirm := "certgate audit confirm-loss"
	if etag := o.text("etag"); etag != "" {
		confirm += " --if-match '" + etag + "'"
	}
	return []string{confirm + "  (another admin)"}
}

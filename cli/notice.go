package cli

import (
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) noticeCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "notice", Short: "What customers are told: list, show, replay, told, preview"},
		t.lister(lists{use: "list", short: "Lists notices and what became of them; never the links in them", path: "/v1/notices",
			byAccount: true, byState: true, columns: []column{
				{"ID", "id"}, {"KIND", "kind"}, {"AT", "created_at"}, {"SUBJECT", "subject"}, {"TO", "to.email"}, {"STATE", "state"},
				{"ATTEMPTS", "attempts"}, {"LINK WAITING", "has_link"}, {"PROBLEM", "problem"}}}),
		t.hinter("show ID", "Shows a notice, its words, and each delivery", "/v1/notices/%s", afterFailure),
		t.verb(verb{
			use: "replay ID", short: "Sends a notice again that failed", compares: true,
			long: "Sends a notice again that failed, from the beginning of the schedule, to everybody who has not accepted it.",
			do: func(args []string, _ string) (change, error) {
				return change{path: pathTo("/v1/notices/%s/replay", args[0]),
					done: func(o object) string { return "notice " + o.text("id") + " is sent again" },
					next: func(o object) []string { return []string{"certgate notice show " + o.text("id")} }}, nil
			}}),
		t.noticeTold(),
		t.shower("preview KIND", "Shows a kind of notice with made-up data, and its template", "/v1/templates/%s"),
	))
}

// afterFailure says what a person does about a notice that has not arrived. A link is not told, and not sent again to another address:
// the contact is corrected by two people, and a new link goes there.
func afterFailure(o object) []string {
	if o.text("state") != gate.NoticeFailed.String() {
		return nil
	}
	id, account := o.text("id"), o.text("account")
	if o.text("kind") == string(gate.EnrollmentNotice) {
		return afterBounce(id, account, "certgate certification release CASE --device DEVICE, or certgate device release DEVICE")
	}
	if o.text("kind") == string(gate.StaffLinkNotice) {
		return []string{
			"certgate staff propose NAME --email MAIL --link  (an admin: if the address is wrong; a second one confirms it)",
			"certgate notice replay " + id + "  (if the address is right)",
		}
	}
	return []string{"certgate notice replay " + id, "certgate notice told " + id + " --who NAME --how TEXT  (by telephone or in person)"}
}

// afterBounce says what a person does about an enrollment link that nobody got.
func afterBounce(notice, account, release string) []string {
	return []string{
		"certgate account contact " + account + ` technical="NAME <MAIL>" --why REASON  (if the address is wrong)`,
		"certgate account confirm-contact " + account + "  (somebody else, after calling the customer)",
		release + "  (an issuer: a new link; nobody here sees it, so it cannot be told)",
		"certgate notice replay " + notice + "  (if the address is right)",
	}
}

func (t *tool) noticeTold() *cobra.Command {
	var in api.Telling
	return t.verb(verb{
		use: "told ID", short: "Notes that you delivered a notice by hand", compares: true,
		long:    "Notes that you delivered a notice by hand. One with a link cannot be: nobody here sees it. Release the device again instead.",
		example: "  certgate notice told not_... --who 'Ann Lee' --how '+1 555 0100'",
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&in.Who, "who", "", "who was told")
			c.Flags().StringVar(&in.How, "how", "", "how: by telephone, at which number; in person")
		},
		needs: []string{"who", "how"},
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/notices/%s/telling", args[0]), body: in,
				done: func(o object) string { return "notice " + o.text("id") + " is " + o.text("state") }}, nil
		},
	})
}

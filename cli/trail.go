package cli

import (
	"net/url"

	"github.com/spf13/cobra"
)

func (t *tool) auditCommand() *cobra.Command {
	var account, after string
	var limit int
	c := &cobra.Command{
		Use: "events", Short: "Lists who changed what, when and why",
		Example: "  certgate audit events --account acme\n  certgate audit events --after 1200 --limit 50",
	}
	f := c.Flags()
	f.StringVar(&account, "account", "", "only those of this account (slug or id)")
	f.StringVar(&after, "after", "", "only those after the event with this number")
	f.IntVar(&limit, "limit", 100, "at most so many, the oldest first; 0: all")
	return t.connected(t.group(&cobra.Command{Use: "audit", Short: "The log of changes: events"},
		t.leaf(c, func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--limit %d must be 0 or more", limit)
			}
			return t.list(cmd, listing{path: "/v1/events", query: url.Values{"account": {account}, "after": {after}}, limit: limit, columns: []column{
				{"NO", "seq"}, {"AT", "at"}, {"BY", "by.name"}, {"WHAT", "verb"}, {"OBJECT", "object"}, {"DETAIL", "detail"}, {"WHY", "why"}}})
		})))
}

func (t *tool) noticeCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "notice", Short: "What customers are told: list"},
		t.lister(lists{use: "list", short: "Lists notices as they were rendered; never the links in them", path: "/v1/notices", byAccount: true, columns: []column{
			{"ID", "id"}, {"KIND", "kind"}, {"AT", "created_at"}, {"SUBJECT", "subject"}, {"TO", "to.email"}, {"LINK WAITING", "has_link"}}})))
}

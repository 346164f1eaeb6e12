package cli

import (
	"net/url"

	"github.com/spf13/cobra"
)

func (t *tool) auditCommand() *cobra.Command {
	group := t.connected(t.group(&cobra.Command{Use: "audit", Short: "The log of changes: events, proofs, export, verification"},
		t.auditEvents(), t.auditVerify(), t.auditExport(), t.auditCheckpoint(), t.auditProve(), t.auditKey()))
	group.AddCommand(t.lossCommands()...)
	return group
}

func (t *tool) auditEvents() *cobra.Command {
	var q struct{ account, actor, verb, object, since, until, after, before string }
	var newest bool
	var limit int
	c := &cobra.Command{
		Use: "events", Short: "Lists who changed what, when and why",
		Example: "  certgate audit events --account acme --newest --limit 20\n" +
			"  certgate audit events --verb credential.revoked --since 2027-03-01T00:00:00Z\n  certgate audit events --after 1200 --limit 50",
	}
	f := c.Flags()
	f.StringVar(&q.account, "account", "", "only those of this account (slug or id)")
	f.StringVar(&q.actor, "actor", "", "only what this person did (name or id)")
	f.StringVar(&q.verb, "verb", "", "only what happened so, such as credential.revoked")
	f.StringVar(&q.object, "object", "", "only those about this record, or that wrote it (id)")
	f.StringVar(&q.since, "since", "", "only those at this time or later, such as 2027-03-01T00:00:00Z")
	f.StringVar(&q.until, "until", "", "only those before this time")
	f.StringVar(&q.after, "after", "", "only those after the event with this number")
	f.StringVar(&q.before, "before", "", "only those before the event with this number")
	f.BoolVar(&newest, "newest", false, "the newest first")
	f.IntVar(&limit, "limit", 100, "at most so many; 0: all")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		if limit < 0 {
			return usagef("--limit %d must be 0 or more", limit)
		}
		l := listing{path: "/v1/events", limit: limit, columns: []column{
			{"NO", "seq"}, {"AT", "at"}, {"BY", "by.name"}, {"WHAT", "verb"}, {"OBJECT", "object"}, {"DETAIL", "detail"}, {"WHY", "why"}},
			query: url.Values{"account": {q.account}, "actor": {q.actor}, "verb": {q.verb}, "object": {q.object}, "since": {q.since}, "until": {q.until},
				"after": {q.after}, "before": {q.before}}}
		for flag, text := range map[string]string{"since": q.since, "until": q.until} {
			if text == "" {
				continue
			}
			if _, err := parseTime(flag, text); err != nil {
				return err
			}
		}
		if newest {
			l.query.Set("order", "newest")
			l.next = "before"
		}
		return t.list(cmd, l)
	})
}

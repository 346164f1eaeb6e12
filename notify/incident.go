package notify

import "github.com/onerecord/certgate/gate"

// sampleIncident fits made-up data to what is told of incidents.
func sampleIncident(kind gate.NoticeKind, data *Data) {
	data.Lines = "patient-scraping  patients 240 (threshold 100), times the usual 6.1 (threshold 3)"
	data.Why, data.Command = "", "certgate incident show "+string(data.Incident)
	switch kind {
	case gate.StrangersNotice:
		data.Name, data.Verb, data.Lines = "acme", "tried", "foreign-key  calls in an hour 25 (threshold 20)"
	case gate.StaffIncidentNotice:
		data.Account, data.AccountID, data.Verb = "", "", "throttled"
	case gate.RuleHeldNotice:
		data.Account, data.AccountID, data.Name, data.Noun, data.Count = "", "", "volume-spike", "rule", 5
		data.Command, data.Lines = "certgate incident list --state open", ""
	default:
	}
}

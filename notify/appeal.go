package notify

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

const sampleAppealText = "We moved 4,000 records to another system on that day, as announced."

// sampleAppeal fits made-up data to what is told of an appeal, a plan and a bar.
func sampleAppeal(kind gate.NoticeKind, data *Data) {
	data.Noun, data.Name, data.Verb, data.Lines = "incident", string(data.Incident), "received", sampleAppealText
	switch kind {
	case gate.AppealAnsweredNotice:
		data.Verb, data.Why, data.Count = "granted", "The migration was announced.", 1
		data.Lines = "- the throttling of the device acme/main/prod-1"
	case gate.PlanAgreedNotice:
		data.Verb, data.Lines = "agreed", "Ask only for patients of the day, and show it in a demo."
	case gate.BarredNotice:
		data.Verb, data.Lines, data.Why = "barred", "", "Records were read without a purpose."
		data.Until = time.Date(2027, time.September, 9, 14, 30, 0, 0, time.UTC)
	default:
	}
}

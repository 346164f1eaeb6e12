package notify

import (
	"strconv"
	"strings"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Units shows a number so that its size can be seen, in a template {{.Units .Quota}}: 200000 is 200,000.
func (Data) Units(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// sampleTraffic fits made-up data to what is told while calls come.
func sampleTraffic(kind gate.NoticeKind, data *Data) {
	if kind == gate.QuotaNotice {
		data.Noun, data.Name, data.Verb, data.Why, data.Limit = "account", "acme", "", "", "200000 units a day"
		data.Due = time.Date(2027, time.March, 9, 22, 15, 0, 0, time.UTC)
		data.Until = time.Date(2027, time.March, 10, 5, 0, 0, 0, time.UTC)
		return
	}
	if kind == gate.ExtraNotice {
		data.Noun, data.Name, data.Verb, data.Why, data.Limit, data.Quota = "contract", "con_01jq8z5v3n7t2m4k6h9r0s1w30", "", "Records are brought over.", "200000 units a day", 50_000
		data.Until = time.Date(2027, time.March, 10, 5, 0, 0, 0, time.UTC)
		return
	}
	data.Verb, data.Why, data.Name, data.Count = "are refused", "", "acme/main/prod-1, acme/main/prod-2", 2
	data.Due = time.Time{}
	data.Lines = strings.Join([]string{"acme/main/prod-1  since Tue 9 Mar 2027, 09:30 EST", "acme/main/prod-2  since Tue 9 Mar 2027, 09:31 EST"}, "\n")
}

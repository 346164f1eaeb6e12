package gate

import "time"

// Spent is what an account had used of its quotas when it was last written down, about once an hour. It lies beside the other records, so that
// quotas go on from there where usage, which knows it to the second, is lost.
type Spent struct {
	Account AccountID    `json:"account"`
	Quotas  []SpentQuota `json:"quotas"`
}

// SpentQuota is what was used of a quota in a day or month.
type SpentQuota struct {
	Subject string    `json:"subject"` // of whom the quota is
	Limit   string    `json:"limit"`   // its name, see Limit.Name
	Used    int64     `json:"used"`    // units
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
}

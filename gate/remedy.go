package gate

import "strings"

// Remedy is who can fix what a refusal is about, and the command that shows what it is about.
type Remedy struct {
	Who string
	// Command may have ACCOUNT and DEVICE in it, which stand for those of the caller; see CommandFor.
	Command string
}

const (
	theCustomer = "the customer, in the program that calls"
	theirAdmin  = "the customer, where its system keeps its certificate and key"
	keysOf      = "certgate credential list --device DEVICE"
	contractsOf = "certgate contract list --account ACCOUNT"
	casesOf     = "certgate certification list --account ACCOUNT"
)

// remedies has an entry for every reason to refuse.
var remedies = map[Reason]Remedy{
	Unavailable:            {"OneRecord's operators", ""},
	CertificateRequired:    {theirAdmin, keysOf},
	CertificateUntrusted:   {theirAdmin, "certgate ca list"},
	CertificateExpired:     {"the customer takes a new one from a link that an issuer releases", keysOf},
	CertificateNotYetValid: {theirAdmin, keysOf},
	CertificateUnsuitable:  {theirAdmin, keysOf},
	CertificateUnknown:     {theirAdmin + ": is it that of this environment?", keysOf},
	CertificateRevoked:     {"the customer takes a new one from a link that an issuer releases", keysOf},
	CertificateUnchecked:   {"whoever runs the customer's CA publishes a current revocation list; or two admins allow another URL", "certgate ca status"},
	InvalidRequest:         {theCustomer, ""},
	KeyRequired:            {theCustomer, ""},
	InvalidToken:           {theirAdmin + ": do key and certificate belong together, and is neither revoked?", keysOf},
	AccountSuspended:       {"an operator or approver; whoever suspended, only within 15 minutes", "certgate remediation list --account ACCOUNT"},
	AccountTerminated:      {"nobody: it is for good", "certgate remediation list --account ACCOUNT"},
	ContractMissing:        {"OneRecord and the customer's business contact", contractsOf},
	ContractNotYetStarted:  {"nobody needs to: it starts by itself", contractsOf},
	ContractHasEnded:       {"OneRecord and the customer's business contact", contractsOf},
	CertificationMissing:   {"an interviewer opens a case, or an approver lets the device join one", casesOf},
	CertificationEnded:     {"an interviewer opens a case under the new contract", casesOf},
	CertificationNoLonger:  {"an interviewer opens a new case", casesOf},
	RecertificationOverdue: {"an interviewer and the customer: the interview is due", casesOf},
	BehaviorUnknown:        {theCustomer + ", or an operator who configures the behavior", "certgate behavior list"},
	BehaviorNotGranted:     {"whoever amends contract and certification, or " + theCustomer, contractsOf},
	PurposeRequired:        {theCustomer, contractsOf},
	PurposeNotGranted:      {"whoever amends contract and certification, or " + theCustomer, contractsOf},
	AddressNotAllowed:      {"the customer's network, or an operator who changes the device", "certgate device show DEVICE"},
	UpgradeNotAllowed:      {theCustomer, "certgate behavior list"},
	RateExceeded:           {theCustomer + ", or whoever amends the contract", contractsOf},
	QuotaExceeded:          {theCustomer + ", or an operator, who can grant more for this time or amend the contract", "certgate usage limits ACCOUNT"},
	ConcurrencyExceeded:    {theCustomer + ", or whoever amends the contract", contractsOf},
	PatientsExceeded:       {theCustomer + ", or whoever amends the contract", contractsOf},
	AbnormalUsage:          {"an operator or approver, who can lift it; whoever throttled, only within 15 minutes", "certgate remediation list --account ACCOUNT"},
	SourceExceeded:         {theCustomer + ": it sends what is refused again and again", ""},
	ClockUnusable:          {"OneRecord's operators", ""},
	StateUnconfirmed:       {"two admins, who confirm that the host may be served so; after a restore, that events are lost (certgate audit loss)", "certgate host list"},
}

// Remedy is that of a refusal for the reason.
func (r Reason) Remedy() Remedy { return remedies[r] }

// CommandFor fills in the caller by the slug paths of devices, if it is known; empty if the command needs one and there is none.
func (r Remedy) CommandFor(devices []string) string {
	if len(devices) == 0 {
		if strings.Contains(r.Command, "DEVICE") || strings.Contains(r.Command, "ACCOUNT") {
			return ""
		}
		return r.Command
	}
	account, _, _ := strings.Cut(devices[0], "/")
	return strings.NewReplacer("DEVICE", devices[0], "ACCOUNT", account).Replace(r.Command)
}

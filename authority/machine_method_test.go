package authority_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/onerecord/certgate/authority"
)

// readers are the methods that change no record: what the machine need not drive. Whoever adds a method decides here, or teaches the machine and
// the model what it does.
var readers = []string{
	"AccountStatus", "Anchors", "CAByName", "CAEnds", "CRL", "Channels", "CheckAll", "Decisions", "Deletable", "Directory", "Dossier", "Effect", "Enrollment", "Export",
	"Failed", "Forecast", "Handover", "Hours", "ImportByID", "Imports", "KnownToken", "LastRecorded", "LastVerification", "LeakIncident", "LeavesByCA", "LimitsOf", "Loss", "MAC", "NewestPepper", "Notices", "Now", "Observed", "Operator", "Peppers", "PlanOf", "Pooled", "Preview", "Prove",
	"ProveSince", "Queue", "Ready", "Recognize", "Recorded", "Rehearse", "ReviewPage", "Reviews", "Requirements", "RuleBook", "RulesFor", "Ruling", "RulingChanges", "Secret", "Seen", "Stats", "Store", "TestRules", "Usage", "UsageDevices", "UsageFinal", "UsageLag", "UsageZone", "UsesOf", "Verify",
	// These change what is in memory, or begin and end the whole.
	"Close", "DecisionID", "FlushUsage", "HandshakeRefused", "LogRefusal", "Start", "SumUsage", "Unavailable",
	// These are others by another name: ProposePerson and ProposeForPerson.
	"ProposeStaff", "ProposeChange",
	// Checkpoints are signed by a job, too, and are no records.
	"Checkpoint",
}

// elsewhere are the methods that the machine does not drive for a reason, and where they are tested.
var elsewhere = map[string]string{
	"ProposeLoss":      "the machine's store is never older than what lies outside: quarantine_test.go",
	"AcceptLoss":       "as ProposeLoss",
	"GrantExtra":       "the model has no limits, and what is used of them decides: extra_test.go",
	"RecoveryKit":      "the machine's store is in memory and has no secret: changeover_test.go",
	"RenewKey":         "of a customer's own call, which no member of staff makes: renewal_test.go",
	"RenewCertificate": "as RenewKey",
	"AllowCA":          "of a customer's own CA, which nobody in the machine has: own_test.go",
	"DisallowCA":       "as AllowCA",
	"Bring":            "as AllowCA",
	"AppealOwn":        "as RenewKey: incident_appeal_test.go",
	"ReadLists":        "a job, by itself for tests alone: foreignlist_test.go",
}

// asked are the readers that want to know who asks.
var asked = []string{"Dossier", "ProposeStaff", "ProposeChange"}

// TestTheMachineDrivesEveryMethodThatChangesSomething fails where somebody adds one and does not say what the rules are.
func TestTheMachineDrivesEveryMethodThatChangesSomething(t *testing.T) {
	driven := new(machine).operations()
	a := reflect.TypeFor[*authority.Authority]()
	for m := range a.Methods() {
		_, drives := driven[m.Name]
		reads := slices.Contains(readers, m.Name)
		_, skips := elsewhere[m.Name]
		changes := m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[authority.By]()
		switch {
		case reads && (drives || changes && !slices.Contains(asked, m.Name)):
			t.Errorf("%s is called a reader, and is none", m.Name)
		case skips && (drives || reads):
			t.Errorf("%s is driven, and said to be tested elsewhere", m.Name)
		case !reads && !drives && !skips:
			t.Errorf("no operation of the machine drives %s; add one to machine_*_test.go, with its rules, or call it a reader", m.Name)
		}
	}
	for _, name := range append(slices.Clone(readers), slices.Sorted(maps.Keys(driven))...) {
		if _, ok := a.MethodByName(name); !ok && name != "Use" {
			t.Errorf("there is no method %s any more", name)
		}
	}
}

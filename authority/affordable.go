package authority

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/gate"
)

// maxUnaffordable bounds how many contracts an error names.
const maxUnaffordable = 10

// checkAffordable refuses costs that make a single call of what is granted exceed a limit of a contract. On a cold start there is no older
// configuration to go on with: such a call then takes all that the limit has room for, and the log says so.
func (a *Authority) checkAffordable(costs gate.Costs, cold bool) error {
	var found []string
	now := a.now()
	for _, c := range a.dir.Contracts("") {
		if c.State(now) == gate.ContractEnded {
			continue
		}
		err := c.Plan.Affords(c.Grant.Behaviors, costs)
		if err == nil {
			continue
		}
		if !cold {
			found = append(found, fmt.Sprintf("contract %s (%v)", c.ID, err))
			continue
		}
		a.log.Warn("a behavior now takes more than a limit of a contract has room for; each such call takes all of it. Amend the contract or lower the cost: certgate contract amend",
			zap.String("contract", string(c.ID)), zap.Error(err))
	}
	if len(found) == 0 {
		return nil
	}
	more := ""
	if len(found) > maxUnaffordable {
		more = fmt.Sprintf("; and %d more", len(found)-maxUnaffordable)
		found = found[:maxUnaffordable]
	}
	return fmt.Errorf("this configuration makes behaviors take more than contracts have room for: %s%s; amend the contracts first (certgate contract amend --limit) or leave the costs as they are",
		strings.Join(found, "; "), more)
}

// names are those of behaviors.
func names(list []gate.Behavior) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].Name
	}
	return out
}

package authority

import (
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/abuse"
)

// take returns what could not be taken.
func (a *Authority) take(_ time.Time, found []abuse.Finding) (left []abuse.Finding, err error) {
	for i := range found {
		f := &found[i]
		a.log.Info("found", zap.Stringer("rule", f.Rule), zap.String("account", string(f.Account)), zap.Time("to", f.To), zap.Stringer("mode", f.Mode))
	}
	return nil, nil
}

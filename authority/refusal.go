package authority

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/gate"
)

// refusalsPerSecond bounds the log lines about strangers, for each reason: a flood must fill neither the disk nor the log of what
// matters. The rest is summed up each minute.
const refusalsPerSecond = 10

// refusalLog counts what was left out of the log.
type refusalLog struct {
	mu      sync.Mutex
	second  int64              // guarded by mu: the second that written counts
	written [maxReasons]int    // guarded by mu
	skipped [maxReasons]uint64 // guarded by mu
}

// admit reports whether a line about a stranger may be written now.
func (l *refusalLog) admit(r gate.Reason, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); s != l.second {
		l.second, l.written = s, [maxReasons]int{}
	}
	if l.written[r] >= refusalsPerSecond {
		l.skipped[r]++
		return false
	}
	l.written[r]++
	return true
}

// LogRefusal writes one line about a refused request: its identifier, the reason, and what is known of the caller. Never a path,
// query, body or secret.
func (a *Authority) LogRefusal(c *Call) {
	known := c.Caller.KeyProven && c.Caller.Device != nil
	// Who has a key alone may be a thief: such lines are bounded too, and for every key alike, or the time that an answer takes would
	// tell a good one.
	if !identified(c.Reason) && !a.refusals.admit(c.Reason, a.now()) {
		return
	}
	fields := []zap.Field{zap.String("id", c.ID()), zap.Stringer("reason", c.Reason), zap.Stringer("peer", c.Request.Peer),
		zap.String("host", gate.Clip(c.Request.Host, 100))}
	if c.Caller.Certificate != nil {
		fields = append(fields, zap.String("certificate", string(c.Caller.Certificate.ID)))
	} else if c.Request.Leaf != nil {
		fields = append(fields, zap.Stringer("fingerprint", c.Request.Leaf.Fingerprint))
	}
	if known {
		fields = append(fields, zap.String("account", string(c.Caller.Device.Account)), zap.String("device", string(c.Caller.Device.ID)), zap.String("key", string(c.Caller.Key.ID)))
	}
	if c.Behavior != nil {
		fields = append(fields, zap.String("behavior", c.Behavior.Name))
	}
	a.log.Info("refused", fields...)
}

// HandshakeRefused counts and records a connection whose certificate, of this fingerprint, was refused in the TLS handshake. Whose the
// certificate is counts for nothing then: it is shown before the handshake proves that the client has its private key.
func (a *Authority) HandshakeRefused(r gate.Reason, leaf gate.Fingerprint, why error) {
	a.counters.handshakes[r].Add(1)
	now := a.now()
	a.recent.stranger(entry{id: a.decisions.next(now), at: now.UnixNano(), reason: uint8(r), fingerprint: leaf})
	if a.refusals.admit(r, now) {
		a.log.Info("handshake refused", zap.Stringer("reason", r), zap.NamedError("why", why))
	}
}

// sumRefusals reports what was left out since it last did.
func (a *Authority) sumRefusals() {
	a.refusals.mu.Lock()
	skipped := a.refusals.skipped
	a.refusals.skipped = [maxReasons]uint64{}
	a.refusals.mu.Unlock()
	for r, n := range skipped {
		if n > 0 {
			a.log.Info("more refusals were left out of the log", zap.Stringer("reason", gate.Reason(r)), zap.Uint64("count", n))
		}
	}
}

// identified reports whether a refusal for the reason came after it was known who calls.
func identified(r gate.Reason) bool { return r >= gate.AccountSuspended && r <= gate.AbnormalUsage }

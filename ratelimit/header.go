package ratelimit

import (
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Policy is the value of the RateLimit-Policy header field (draft-ietf-httpapi-ratelimit-headers-10 section 3), as http.Header has it: nil
// where no limit is about the call. It must not be changed.
func (t *Taken) Policy() []string {
	if t.rules == nil || len(t.rules.list) == 0 {
		return nil
	}
	return *t.rules.policy
}

// AppendLeft appends the value of the RateLimit header field (section 4): what is left of each limit, and in how many seconds there is more.
func (t *Taken) AppendLeft(to []byte, now time.Time) []byte {
	if t.rules == nil {
		return to
	}
	t.account.mu.Lock()
	defer t.account.mu.Unlock()
	for i, h := range t.rules.list {
		if i > 0 {
			to = append(to, ", "...)
		}
		amount, more := h.left(now)
		to = append(to, '"')
		to = append(to, h.name...)
		to = append(to, `";r=`...)
		to = strconv.AppendInt(to, amount, 10)
		if more > 0 {
			to = append(to, ";t="...)
			to = strconv.AppendInt(to, Seconds(more), 10)
		}
	}
	return to
}

// Seconds are the whole seconds after which so much time has surely passed, as header fields count them.
func Seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

// policies are values of the header field, kept so that all to whom the same limits apply share one.
type policies struct {
	mu    sync.Mutex
	known map[string]*[]string // guarded by mu
}

// maxPolicies is how many are kept; more than there are kinds of plan.
const maxPolicies = 4096

// of describes limits.
func (p *policies) of(list []*holding) *[]string {
	var buffer [512]byte
	text := appendPolicy(buffer[:0], list)
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.known[string(text)]; known != nil {
		return known
	}
	if p.known == nil || len(p.known) >= maxPolicies {
		p.known = make(map[string]*[]string)
	}
	policy := &[]string{string(text)}
	p.known[(*policy)[0]] = policy
	return policy
}

// appendPolicy describes limits. What they count other than requests is said in parameters of our own: there is no registered unit for it.
func appendPolicy(out []byte, list []*holding) []byte {
	for i, h := range list {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(out, '"')
		out = append(out, h.name...)
		out = append(out, `";q=`...)
		out = strconv.AppendInt(out, h.limit.Amount, 10)
		if w := window(h.limit); w > 0 {
			out = append(out, ";w="...)
			out = strconv.AppendInt(out, w, 10)
		}
		out = append(out, unit(h.limit.Kind)...)
	}
	return out
}

// window is the length of a limit's time in seconds, 0 where it has none or months are not alike.
func window(l *gate.Limit) int64 {
	switch l.Kind { //nolint:exhaustive // the others have none
	case gate.RateLimit:
		return l.Window()
	case gate.PatientHourLimit:
		return 3600
	case gate.DayLimit, gate.PatientDayLimit:
		return 86_400
	}
	return 0
}

func unit(k gate.LimitKind) string {
	switch k { //nolint:exhaustive // the others count units
	case gate.ConcurrencyLimit:
		return `;qu="concurrent-requests"`
	case gate.PatientHourLimit, gate.PatientDayLimit:
		return `;certgate-unit="patients"`
	}
	return `;certgate-unit="cost"`
}

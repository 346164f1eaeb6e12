package gate

import (
	"cmp"
	"slices"
	"strings"
)

// Behavior is a named kind of call, matched by method and route template. Contracts grant behaviors; a call that none matches is
// refused.
type Behavior struct {
	Name   string `json:"name"`   // a slug, such as fhir-query
	Method string `json:"method"` // an HTTP method; GET also matches HEAD; * matches every method but CONNECT and TRACE
	// Path is a route template: literal segments, * for exactly one segment, and a last /* for everything below.
	Path      string `json:"path"`
	Cost      int    `json:"cost"`                // units that a call takes from rate and quota; at least 1
	WebSocket bool   `json:"websocket,omitempty"` // the call may upgrade to a WebSocket
}

// BehaviorTable is the table of behaviors that was last in force, and what staff have allowed beyond it.
type BehaviorTable struct {
	Behaviors []Behavior `json:"behaviors"`
	// Allowances let a configuration drop or change a granted behavior: one entry per name, in its new form, or with an empty
	// method if it may be dropped.
	Allowances []Behavior `json:"allowances,omitempty"`
}

// Behaviors is a compiled table. The zero value matches nothing.
type Behaviors struct {
	list     []Behavior
	routes   []route // most specific first
	byMethod []methodRoutes
}

// methodRoutes are the routes that a method can match, most specific first.
type methodRoutes struct {
	method string // "*": one that no route names
	routes []route
}

type route struct {
	behavior int // index in list
	method   string
	segments []string // "*" is one segment
	below    bool     // a last /*: one or more further segments
	blocked  bool     // changed while it was granted, and nobody has allowed it yet
}

// Compile checks and sorts a table. An error names the behavior at fault.
func Compile(list []Behavior) (*Behaviors, error) {
	t := &Behaviors{list: slices.Clone(list)}
	for i := range t.list {
		b := &t.list[i]
		if b.Cost == 0 {
			b.Cost = 1
		}
		if err := b.check(); err != nil {
			return nil, err
		}
		r := routeOf(i, b)
		for _, other := range t.routes {
			if t.list[other.behavior].Name == b.Name {
				return nil, Errorf(Invalid, "behavior %s is declared twice", b.Name)
			}
			if sameCalls(other, r) {
				return nil, Errorf(Invalid, "behaviors %s and %s match the same calls", t.list[other.behavior].Name, b.Name)
			}
		}
		t.routes = append(t.routes, r)
	}
	slices.SortStableFunc(t.routes, compareRoutes)
	t.group()
	return t, nil
}

// group sorts the routes by method, so that a request looks only at those that it can match.
func (t *Behaviors) group() {
	t.byMethod = nil
	for _, method := range append(methodsOf(t.routes), "*") {
		g := methodRoutes{method: method}
		for _, r := range t.routes {
			if r.method == method || r.method == "*" {
				g.routes = append(g.routes, r)
			}
		}
		t.byMethod = append(t.byMethod, g)
	}
}

func methodsOf(routes []route) (methods []string) {
	for _, r := range routes {
		if r.method != "*" && !slices.Contains(methods, r.method) {
			methods = append(methods, r.method)
		}
	}
	return methods
}

func routeOf(i int, b *Behavior) route {
	r := route{behavior: i, method: b.Method}
	var path string
	if path, r.below = strings.CutSuffix(b.Path, "/*"); path != "" {
		r.segments = strings.Split(path[1:], "/")
	}
	return r
}

func (b *Behavior) check() error {
	if err := CheckSlug(b.Name); err != nil {
		return InField("behavior", err)
	}
	switch {
	case b.Method == "CONNECT" || b.Method == "TRACE":
		return Errorf(Invalid, "behavior %s: method %s can never be allowed through", b.Name, b.Method)
	case b.Method == "HEAD":
		return Errorf(Invalid, "behavior %s: use GET, which matches HEAD too", b.Name)
	case b.Method == "" || b.Method != "*" && strings.Trim(b.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "":
		return Errorf(Invalid, "behavior %s: method %q must be an HTTP method in upper case or *", b.Name, Clip(b.Method, 40))
	case b.WebSocket && b.Method != "GET":
		return Errorf(Invalid, "behavior %s: a WebSocket begins with GET (RFC 6455 section 4.1)", b.Name)
	case b.Cost < 1 || b.Cost > 1_000_000:
		return Errorf(Invalid, "behavior %s: cost %d must be 1 to 1000000", b.Name, b.Cost)
	}
	template := strings.ReplaceAll(b.Path, "*", "x")
	canonical, err := CanonicalPath(template)
	if err != nil || canonical != template {
		return Errorf(Invalid, "behavior %s: path %q must be a canonical path such as /fhir/Patient/*", b.Name, Clip(b.Path, 80))
	}
	for segment := range strings.SplitSeq(b.Path, "/") {
		if segment != "*" && strings.Contains(segment, "*") {
			return Errorf(Invalid, "behavior %s: path %q: * stands for a whole segment", b.Name, Clip(b.Path, 80))
		}
	}
	return nil
}

// compareRoutes sorts the more specific first: longer, then literal before * from the left, then a fixed end before /*, then a
// named method before *.
func compareRoutes(a, b route) int {
	for i := range min(len(a.segments), len(b.segments)) {
		if c := cmp.Compare(wild(a.segments[i]), wild(b.segments[i])); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(b.segments), len(a.segments)); c != 0 {
		return c
	}
	if a.below != b.below {
		if b.below {
			return -1
		}
		return 1
	}
	return cmp.Compare(wild(a.method), wild(b.method))
}

func wild(s string) int {
	if s == "*" {
		return 1
	}
	return 0
}

// sameCalls reports whether two routes match the same calls, to an upstream that ignores case and a last slash.
func sameCalls(a, b route) bool {
	return a.method == b.method && a.below == b.below && slices.EqualFunc(a.named(), b.named(), strings.EqualFold)
}

// named are the segments without the empty one after a last slash.
func (r *route) named() []string {
	if n := len(r.segments); n > 0 && r.segments[n-1] == "" {
		return r.segments[:n-1]
	}
	return r.segments
}

// shareCalls reports whether some call matches both routes.
func shareCalls(a, b route) bool {
	if a.method != b.method && a.method != "*" && b.method != "*" {
		return false
	}
	s, t := a.named(), b.named()
	for i := range min(len(s), len(t)) {
		if wild(s[i])+wild(t[i]) == 0 && !strings.EqualFold(s[i], t[i]) {
			return false
		}
	}
	switch {
	case len(s) < len(t):
		return a.below
	case len(s) > len(t):
		return b.below
	}
	return a.below == b.below
}

// List returns the behaviors as they were declared.
func (t *Behaviors) List() []Behavior { return slices.Clone(t.list) }

// Named finds a behavior by name; it is nil if there is none.
func (t *Behaviors) Named(name string) (*Behavior, bool) {
	for i := range t.list {
		if t.list[i].Name == name {
			return &t.list[i], true
		}
	}
	return nil, false
}

// Cost is what a call of the named behavior takes, in units; 0 if there is none.
func (t *Behaviors) Cost(name string) int {
	b, ok := t.Named(name)
	if !ok {
		return 0
	}
	return b.Cost
}

// Block returns a table in which the named behaviors match but are refused, until staff allow what changed about them.
func (t *Behaviors) Block(names []string) *Behaviors {
	out := &Behaviors{list: t.list, routes: slices.Clone(t.routes)}
	for i := range out.routes {
		out.routes[i].blocked = slices.Contains(names, t.list[out.routes[i].behavior].Name)
	}
	out.group()
	return out
}

// match finds the most specific behavior for a canonical path. Letters are compared without regard to case and a last slash is passed
// over, and exact tells whether both agreed: an upstream may ignore them, so a path that differs in them alone must not slip to a less
// specific behavior.
func (t *Behaviors) match(method, path string) (b *Behavior, blocked, exact bool) {
	if t == nil {
		return nil, false, true // a site without a table lets nothing through
	}
	if method == "HEAD" {
		method = "GET"
	}
	for g := range t.byMethod {
		if m := t.byMethod[g].method; m != method && m != "*" {
			continue
		}
		routes := t.byMethod[g].routes
		for i := range routes {
			if ok, exact := routes[i].matches(path); ok {
				return &t.list[routes[i].behavior], routes[i].blocked, exact
			}
		}
		break
	}
	return nil, false, true
}

func (r *route) matches(path string) (ok, exact bool) {
	rest, more := path[1:], true
	exact = true
	for _, want := range r.segments {
		if !more {
			return want == "", false // at most the template's last slash is missing
		}
		end := len(want) // canonical paths are ASCII, so a segment that differs in case alone is as long
		if want == "*" {
			if end = strings.IndexByte(rest, '/'); end < 0 {
				end = len(rest)
			}
		}
		switch {
		case end > len(rest) || end < len(rest) && rest[end] != '/':
			return false, false
		case want == "*" && end > 0, rest[:end] == want:
		case strings.EqualFold(rest[:end], want):
			exact = false
		default:
			return false, false
		}
		if more = end < len(rest); more {
			end++
		}
		rest = rest[end:]
	}
	switch {
	case r.below:
		return more && rest != "", exact
	case more: // a slash that the template does not have
		return rest == "", false
	}
	return true, exact
}

// Changed lists the behaviors of the old table that next drops, changes or widens, by name, less what staff have allowed. Dropping or
// moving one widens the less specific ones, to which its calls now fall.
func (t *BehaviorTable) Changed(next *Behaviors) []string {
	var names []string
	for i := range t.Behaviors {
		old := &t.Behaviors[i]
		now, _ := next.Named(old.Name)
		same := now != nil && now.Method == old.Method && now.Path == old.Path && (!now.WebSocket || old.WebSocket)
		if same && !t.inherits(i, next) {
			continue
		}
		if !t.allows(old.Name, now) {
			names = append(names, old.Name)
		}
	}
	return names
}

// inherits reports whether calls of a more specific behavior of the old table fall to the i-th because next no longer tells them apart.
func (t *BehaviorTable) inherits(i int, next *Behaviors) bool {
	heir := routeOf(i, &t.Behaviors[i])
	for n := range t.Behaviors {
		r := routeOf(n, &t.Behaviors[n])
		if compareRoutes(r, heir) >= 0 || !shareCalls(r, heir) {
			continue
		}
		if !slices.ContainsFunc(next.routes, func(kept route) bool { return sameCalls(kept, r) }) {
			return true
		}
	}
	return false
}

// allows reports whether staff allowed this change; now is nil for a behavior that was dropped.
func (t *BehaviorTable) allows(name string, now *Behavior) bool {
	for _, a := range t.Allowances {
		if a.Name != name {
			continue
		}
		if now == nil {
			return a.Method == ""
		}
		return a.Method == now.Method && a.Path == now.Path && a.WebSocket == now.WebSocket
	}
	return false
}

package api

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Staff is the admin site: the API under /v1 and its description at /openapi.json, for people whom Actor knows and nobody else.
type Staff struct {
	Authority func() *authority.Authority // nil while starting
	Config    func() *authority.Config    // nil while starting
	// Actor says who asks, on every request; its error goes to the client if it has a kind.
	Actor func(*http.Request) (gate.Actor, error)
	// OnError is told what went wrong on our side, with the id that the client was given; the answer does not say it. Nil: nobody is.
	OnError func(r *http.Request, err error, id string)
	// Ended ends the answers that have no end of their own when it is closed; the server would wait for them. Nil: they go on.
	Ended <-chan struct{}

	once sync.Once
	mux  *http.ServeMux // set by once
}

// exchange is one request to the admin API, with what every handler needs.
type exchange struct {
	staff *Staff
	a     *authority.Authority
	dir   *certstore.Directory
	w     http.ResponseWriter
	r     *http.Request
	actor gate.Actor
	now   time.Time
	id    string // of the answer; X-Request-Id

	secret string                                // shown once, in the answer to this request; see Credential.Key
	leaves map[gate.Fingerprint]authority.Leaves // counted once for a list of CAs
}

// endpoint answers one method of one address. An error has not been answered yet.
type endpoint func(x *exchange) error

// crossOrigin refuses changes that a page of another site made a browser send: the browser would add the staff certificate by itself.
var crossOrigin = http.NewCrossOriginProtection()

// ServeHTTP implements http.Handler.
func (s *Staff) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.once.Do(s.route)
	// The mux would redirect to the cleaned path; an API client that sends another one has a mistake to find.
	if escaped := r.URL.EscapedPath(); path.Clean(escaped) != escaped {
		s.serve(w, r, nil)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// route fills the mux from the table. Methods are told apart by us, so that every answer is a problem with the headers it needs.
func (s *Staff) route() {
	s.mux = http.NewServeMux()
	byPath := make(map[string]map[string]endpoint)
	for _, route := range routes() {
		if byPath[route.path] == nil {
			byPath[route.path] = make(map[string]endpoint)
		}
		byPath[route.path][route.method] = route.do
	}
	for pattern, methods := range byPath {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, methods) })
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, nil) })
}

// serve answers a request to an address with the given methods, none if there is no such address. Who is not known learns neither.
func (s *Staff) serve(w http.ResponseWriter, r *http.Request, methods map[string]endpoint) {
	a := s.Authority()
	if a == nil {
		writeProblem(w, starting())
		return
	}
	x := &exchange{staff: s, a: a, dir: a.Directory(), w: w, r: r, now: a.Now(), id: a.DecisionID()}
	var err error
	if x.actor, err = s.Actor(r); err != nil {
		x.fail(err)
		return
	}
	if err := x.actor.May(gate.Read); err != nil {
		x.fail(err)
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http drops the body
	}
	do := methods[method]
	switch {
	case len(methods) == 0:
		x.fail(gate.Errorf(gate.NotFound, "there is nothing at %s; see /openapi.json", gate.Clip(r.URL.EscapedPath(), 200)))
	case do == nil:
		writeProblem(w, methodNotAllowed(w, x.id, allow(methods)))
	default:
		if err := do(x); err != nil {
			x.fail(err)
		}
	}
}

func allow(methods map[string]endpoint) string {
	var list []string
	for m := range methods {
		list = append(list, m)
		if m == http.MethodGet {
			list = append(list, http.MethodHead)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// fail answers with a problem.
func (x *exchange) fail(err error) {
	base := ""
	if config := x.staff.Config(); config != nil {
		base = config.PublicURL()
	}
	report(x.staff.OnError, x.r, err, x.id)
	writeProblem(x.w, problemOf(err, x.id, base))
}

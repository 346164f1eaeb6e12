package api

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// maxBody bounds what a staff member may send: the largest thing is a transcript.
const maxBody = 1 << 20

// maxIdempotencyKey bounds an Idempotency-Key, in characters.
const maxIdempotencyKey = 200

// writing says how a change is answered.
type writing struct {
	// creates: the answer is 201 with a Location, and there is nothing yet that If-Match could speak of.
	creates bool
	// compares: If-Match is understood. Elsewhere it is refused, because to ignore a condition is to break it.
	compares bool
	// show finds what the answer shows from the identifier of the changed record; nil: that record.
	show func(x *exchange, object string) (*shown, error)
	// limit bounds the body, in bytes; 0: maxBody.
	limit int64
	// mustBeMeant: it has no dry run, or one of its own.
	mustBeMeant bool
}

// write is the one handler of every change: it decodes, guards against repetition and lost updates, calls do, and shows the record that
// do names. What do returns is the identifier of that record.
func write[In any](o writing, do func(x *exchange, by authority.By, in *In) (object string, err error)) endpoint {
	if o.show == nil {
		o.show = (*exchange).show
	}
	return func(x *exchange) error {
		if err := crossOrigin.Check(x.r); err != nil {
			return gate.Errorf(gate.Forbidden, "changes are not taken from pages of other sites")
		}
		try, err := x.tried(o)
		if err != nil {
			return err
		}
		body, err := x.body(cmp.Or(o.limit, maxBody))
		if err != nil {
			return err
		}
		by, err := x.by(o, body)
		if err != nil {
			return err
		}
		in := new(In)
		if len(body) > 0 {
			if err := decode(body, in); err != nil {
				return err
			}
		} else if reflect.TypeFor[In]().NumField() > 0 {
			return unreadable("the request has no body; send a JSON object with the fields %s", list(reflect.TypeFor[In]()))
		}
		if try {
			by.Try = new(authority.DryRun)
			_, err := do(x, by, in)
			return x.answerTried(by.Try, x.asItStands(err))
		}
		object, err := x.once(by, func() (string, error) { return do(x, by, in) })
		if err != nil {
			return x.asItStands(err)
		}
		found, err := o.show(x, object)
		if err != nil {
			return err
		}
		return x.answer(found, o.creates)
	}
}

// once carries a change out unless it was before. The authority asks again inside its commit, which settles races; asking first answers
// a repetition also where the state has moved on since and the change would now be refused.
func (x *exchange) once(by authority.By, do func() (string, error)) (string, error) {
	if by.Once != nil {
		switch mark, err := x.mark(by.Once.ID); {
		case errors.Is(err, gate.NotFound):
		case err != nil:
			return "", err
		case mark.Hash == by.Once.Hash:
			x.w.Header().Set("Idempotency-Replayed", "true")
			return mark.Object, nil
		default:
			return "", gate.FieldErrorf("Idempotency-Key", "was used before with another request; use a new key for a new request")
		}
	}
	object, err := do()
	if done, ok := errors.AsType[*authority.DoneError](err); ok {
		x.w.Header().Set("Idempotency-Replayed", "true")
		return done.Object, nil
	}
	return object, err
}

func (x *exchange) mark(id string) (mark *gate.Mark, err error) {
	err = x.a.Store().View(func(tx *certstore.Tx) (err error) {
		mark, err = certstore.Get[gate.Mark](tx, id)
		return err
	})
	return mark, err
}

// body reads the whole body, which must be JSON if there is one.
func (x *exchange) body(limit int64) ([]byte, error) {
	body, err := readBody(x.w, x.r, limit)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	return body, checkJSONType(x.r.Header)
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &statusError{http.StatusRequestEntityTooLarge, gate.Errorf(gate.Invalid, "the body is larger than %d bytes", limit)}
	}
	if err != nil {
		return nil, unreadable("the body could not be read whole")
	}
	return body, nil
}

func checkJSONType(h http.Header) error {
	mediaType, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || mediaType != jsonType || charset != "" && !strings.EqualFold(charset, "utf-8") || h.Get("Content-Encoding") != "" {
		return &statusError{http.StatusUnsupportedMediaType, &gate.Error{Kind: gate.Invalid, Field: "Content-Type", Text: "must be application/json, not encoded otherwise"}}
	}
	return nil
}

// by is who acts, under which conditions.
func (x *exchange) by(o writing, body []byte) (authority.By, error) {
	by := authority.By{Actor: x.actor}
	var err error
	if by.IfMatch, err = ifMatch(x.r.Header["If-Match"], o.compares); err != nil {
		return by, err
	}
	keys := x.r.Header["Idempotency-Key"]
	if len(keys) == 0 {
		return by, nil
	}
	key := keys[0]
	if len(keys) > 1 || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return by, gate.FieldErrorf("Idempotency-Key", "must be given once and have 1 to %d visible ASCII characters", maxIdempotencyKey)
	}
	h := sha256.New()
	h.Write([]byte(x.r.Method + "\n" + x.r.URL.EscapedPath() + "\n"))
	h.Write(body)
	by.Once = &authority.Once{ID: string(x.actor.Staff) + ":" + key, Hash: gate.Fingerprint(h.Sum(nil))}
	return by, nil
}

// ifMatch reads the entity tag of If-Match; * stays *.
func ifMatch(values []string, understood bool) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	if !understood {
		return "", gate.FieldErrorf("If-Match", "has no meaning for this request; leave it out")
	}
	v := values[0]
	tag, quoted := strings.CutPrefix(v, `"`)
	tag, closed := strings.CutSuffix(tag, `"`)
	switch {
	case len(values) == 1 && v == "*":
		return v, nil
	case len(values) > 1 || !quoted || !closed || tag == "" || strings.ContainsAny(tag, `", `):
		return "", gate.FieldErrorf("If-Match", "must be one entity tag as it stood in ETag, with its quotes, or *")
	}
	return tag, nil
}

// shown is one object as an answer.
type shown struct {
	view any
	etag string // without quotes
	path string // where it can be read again
}

// show finds a record by its identifier, whose prefix says what it is.
func (x *exchange) show(id string) (*shown, error) {
	for prefix, show := range shows {
		if strings.HasPrefix(id, prefix) {
			return show(x, id)
		}
	}
	return nil, gate.Errorf(gate.NotFound, "there is nothing with the identifier %s", gate.Clip(id, 60))
}

// answer shows one object.
func (x *exchange) answer(s *shown, created bool) error {
	switch v := s.view.(type) {
	case *Credential:
		v.Key = x.secret
	case *Secret:
		v.RecoveryKit = x.secret
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		x.w.Header().Set("Location", s.path)
	}
	if s.etag != "" {
		x.w.Header().Set("ETag", `"`+s.etag+`"`)
	}
	return x.json(status, s.view)
}

func (x *exchange) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	writeBody(x.w, answer{status: status, contentType: jsonType, requestID: x.id, body: append(body, '\n')})
	return nil
}

// read is the handler of one object, which may take parameters in the query.
func read(find func(x *exchange) (*shown, error), parameters ...string) endpoint {
	return func(x *exchange) error {
		if _, err := x.query(parameters...); err != nil {
			return err
		}
		found, err := find(x)
		if err != nil {
			return err
		}
		return x.answer(found, false)
	}
}

package authority

import (
	"errors"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// A sighting is something that an allowed request revealed for the first time. Requests never commit: they leave sightings in a
// bounded queue, and a job writes them down. What does not fit is dropped, because the next request reveals it again.
type sighting struct {
	key         gate.KeyID
	certificate gate.CertificateID
	host        string
	environment gate.Environment

	device gate.DeviceID // of pre-production, with what it did; empty for what is above
	shown  gate.Shown
	used   string // identifier of a key or certificate whose last use is to be written down
}

const (
	maxSightings = 1024
	// maxHosts bounds the host names that are remembered: a site with a wildcard must not fill the store.
	maxHosts = 1000
)

// see leaves what the store does not know yet: the first use of a key or certificate, and a host served in a stricter environment
// than before.
func (a *Authority) see(c *Call) {
	s := sighting{environment: c.Request.Site.Environment}
	if k := c.Caller.Key; k != nil && k.FirstUsedAt == nil {
		s.key = k.ID
	}
	if k := c.Caller.Certificate; k != nil && k.FirstUsedAt == nil {
		s.certificate = k.ID
	}
	// What was served as a sandbox at most cannot be lowered, and whoever has a sandbox key could fill the list with invented names.
	if h := c.Caller.Host; s.environment > gate.Sandbox && (h == nil || h.Strictest < s.environment) {
		s.host = c.Request.Host
	}
	if s.key == "" && s.certificate == "" && s.host == "" {
		return
	}
	select {
	case a.sightings <- s:
	default:
	}
}

// flushSightings writes down what is in the queue. Redeeming an enrollment calls it first, so that a key that was used a moment ago
// counts as used.
func (a *Authority) flushSightings() {
	a.flushing.Lock() // what another has taken out of the queue must be written, too, before this returns
	defer a.flushing.Unlock()
	seen := make(map[sighting]bool)
	var observed, used []sighting
	defer func() {
		if err := a.writeUses(used); err != nil {
			a.log.Warn("last uses of credentials could not be written down; the next ones will be", zap.Error(err))
		}
		if err := a.writeObserved(observed); err != nil {
			a.log.Warn("what pre-production devices did could not be written down; it will be when they do it again", zap.Error(err))
		}
	}()
	for {
		select {
		case s := <-a.sightings:
			if seen[s] {
				continue
			}
			seen[s] = true
			if s.used != "" {
				used = append(used, s)
				continue
			}
			if s.device != "" {
				observed = append(observed, s)
				continue
			}
			if err := a.writeDown(s); err != nil {
				a.log.Warn("a first use could not be written down; the next one will be", zap.Error(err))
			}
		default:
			return
		}
	}
}

// errKnown ends an update that has nothing to write.
var errKnown = errors.New("known already")

func (a *Authority) writeDown(s sighting) error {
	if s.key != "" || s.certificate != "" {
		if err := a.writeFirstUse(s); err != nil && !errors.Is(err, errKnown) {
			return err
		}
	}
	if s.host != "" {
		if err := a.writeHost(s); err != nil && !errors.Is(err, errKnown) {
			return err
		}
	}
	return nil
}

func (a *Authority) writeFirstUse(s sighting) error {
	now := a.moment()
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		event := gate.Event{Verb: gate.CredentialFirstUsed}
		if s.key != "" {
			k, err := certstore.Get[gate.Key](tx, string(s.key))
			if err != nil {
				return event, err
			}
			if k.FirstUsedAt == nil {
				k.FirstUsedAt = &now
				certstore.Put(tx, k)
				event.Account, event.Object = k.Account, string(k.ID)
			}
		}
		if s.certificate != "" {
			k, err := certstore.Get[gate.Certificate](tx, string(s.certificate))
			if err != nil {
				return event, err
			}
			if k.FirstUsedAt == nil {
				k.FirstUsedAt = &now
				certstore.Put(tx, k)
				event.Account = k.Account
				if event.Object == "" {
					event.Object = string(k.ID)
				}
			}
		}
		if event.Object == "" {
			return event, errKnown
		}
		return event, nil
	})
	return err
}

func (a *Authority) writeHost(s sighting) error {
	if a.dir.Host(s.host) == nil && len(a.dir.Hosts()) >= maxHosts {
		return errKnown
	}
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		h, err := certstore.Get[gate.Host](tx, s.host)
		if errors.Is(err, gate.NotFound) {
			h, err = &gate.Host{Name: s.host}, nil
		}
		if err != nil {
			return gate.Event{}, err
		}
		if h.Strictest >= s.environment {
			return gate.Event{}, errKnown
		}
		h.Strictest, h.Lowering = s.environment, nil
		certstore.Put(tx, h)
		return gate.Event{Verb: gate.HostServed, Object: h.Name, Detail: "served as " + s.environment.String()}, nil
	})
	return err
}

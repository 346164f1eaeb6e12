package authority

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// A store that is older than a checkpoint outside is quarantined: it is read, but lets nothing through, because what was revoked since would be
// let through again. That it was found is an event, the first after the loss: from it on the log continues otherwise than the checkpoint, and
// no checkpoint of it is signed before two people have accepted that.

// OlderStoreError says that a checkpoint outside covers events that the store does not have. errors.Is finds ErrOlderStore.
type OlderStoreError struct {
	Lost gate.LostPart
	Path string // of the checkpoint file
	vkey string
}

// Error says what is missing, and what to do.
func (e *OlderStoreError) Error() string {
	return fmt.Sprintf("%s: checkpoint_file %s knows of %d events, the last checkpoint is of %s, and the store has %d, so events %d to %d are missing. "+
		"Put the newest copy of the data directory in its place; which one fits, certgate audit verify tells (--export FILE --key '%s' --checkpoint %s)",
		ErrOlderStore, e.Path, e.Lost.Size, e.Lost.Until.Format(time.RFC3339), e.Lost.Kept, e.Lost.Kept, e.Lost.Size-1, e.vkey, e.Path)
}

// Is makes it an ErrOlderStore.
func (*OlderStoreError) Is(target error) bool { return target == ErrOlderStore }

// losses are what the store knows of losses, and the one of them that is not accepted; nil if there is none.
func (a *Authority) losses() (all []*gate.Loss, open *gate.Loss, err error) {
	err = a.store.View(func(tx *certstore.Tx) error {
		for l, err := range certstore.All[gate.Loss](tx) {
			if err != nil {
				return err
			}
			if all = append(all, l); l.Accepted == nil {
				open = l
			}
		}
		return nil
	})
	return all, open, err
}

// confront compares the store with what lies outside, as it begins to be used: an older one is quarantined, one that contradicts is an error.
func (a *Authority) confront(path string) (outside int64, err error) {
	outside, err = a.checkOutside(path)
	older, ok := errors.AsType[*OlderStoreError](err)
	if !ok {
		return outside, err
	}
	return 0, a.enterQuarantine(older)
}

func (a *Authority) enterQuarantine(older *OlderStoreError) error {
	loss := &gate.Loss{ID: gate.LossID(a.newID(gate.LossPrefix)), Lost: older.Lost, FoundAt: a.moment()}
	if events, err := a.store.Events(older.Lost.Kept-1, 1); err == nil && len(events) == 1 {
		loss.Since = events[0].At
	}
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		certstore.Put(tx, loss)
		return gate.Event{Verb: gate.StoreQuarantined, Object: string(loss.ID), Lost: &loss.Lost, Detail: fmt.Sprintf("%d events are missing", loss.Lost.Missing())}, nil
	})
	if err != nil {
		return fmt.Errorf("%w; and that could not be written down: %w", older, err)
	}
	a.quarantine.Store(loss)
	a.log.Error("THE STORE IS OLDER THAN ITS NEWEST CHECKPOINT and is quarantined: every request is answered 503 until the newest copy is put in its place, "+
		"or two admins accept the loss (certgate audit loss)", zap.Error(older))
	return nil
}

// loadQuarantine takes up a quarantine that an earlier start began.
func (a *Authority) loadQuarantine() error {
	_, open, err := a.losses()
	if err == nil && open != nil {
		a.quarantine.Store(open)
	}
	return err
}

// quarantined says what is missing, nil if nothing is.
func (a *Authority) quarantined() error {
	l := a.quarantine.Load()
	if l == nil {
		return nil
	}
	return gate.Errorf(gate.Conflict, "the store is quarantined: it is older than its newest checkpoint outside. %d events since %s are missing (events %d to %d), the last of them "+
		"made by %s; put the newest copy in its place, or let two admins accept the loss (certgate audit loss)",
		l.Lost.Missing(), l.Since.Format(time.RFC3339), l.Lost.Kept, l.Lost.Size-1, l.Lost.Until.Format(time.RFC3339))
}

// admits refuses whatever does not merely stop somebody while the store is quarantined.
func (a *Authority) admits(by By, verb gate.Verb) error {
	err := a.quarantined()
	switch {
	case err == nil || verb.Stops():
		return nil
	case by.Staff != "":
		return err
	case by.Name == system.Name:
		return errNotNow
	}
	return ErrUnavailable
}

// Loss is the loss that waits for people or, if there is none, the latest that was accepted.
func (a *Authority) Loss() (*gate.Loss, error) {
	all, open, err := a.losses()
	if err != nil || open != nil {
		return open, err
	}
	if len(all) == 0 {
		return nil, gate.Errorf(gate.NotFound, "nothing is missing: the store was never found older than a checkpoint outside")
	}
	latest := all[0]
	for _, l := range all {
		if l.Event > latest.Event {
			latest = l
		}
	}
	return latest, nil
}

// ProposeLoss asks that what is missing be accepted as lost. A second admin must confirm.
func (a *Authority) ProposeLoss(by By, why string) (*gate.Loss, error) {
	return a.changeLoss(by, gate.Event{Verb: gate.LossProposed, Why: why}, func(l gate.Loss, now gate.LostPart) (gate.Loss, error) {
		return l.Propose(now, a.act(by, why))
	})
}

// AcceptLoss ends the quarantine: what is missing is lost, and the log goes on without it. From the next request on traffic is judged again.
func (a *Authority) AcceptLoss(by By) (*gate.Loss, error) {
	l, err := a.changeLoss(by, gate.Event{Verb: gate.LossAccepted}, func(l gate.Loss, now gate.LostPart) (gate.Loss, error) {
		if l.Proposed != nil {
			person, err := a.dir.Staff(string(l.Proposed.Act.By))
			switch {
			case err != nil || person.Actor(a.now()).May(gate.ManageSite) != nil:
				return l, gate.Errorf(gate.Conflict, "whoever proposed this may not do it any more; somebody who may must propose it again")
			case now != l.Lost:
				return l, gate.Errorf(gate.Conflict, "more is known to be lost than was proposed: events %d to %d; propose it again", now.Kept, now.Size-1)
			}
		}
		l, err := l.Accept(a.act(by, ""), by.names())
		l.Event = a.store.EventCount() // this one's number: the writer is ours
		return l, err
	})
	if err != nil {
		return nil, err
	}
	a.quarantine.Store(nil)
	a.log.Warn("a loss of events was accepted by two people; requests are judged again", zap.Int64("event", l.Event), zap.Int64("lost", l.Lost.Missing()))
	if _, _, err := a.Checkpoint(); err != nil {
		a.log.Error("the first checkpoint after the loss is signed later", zap.Error(err))
	}
	return l, nil
}

func (a *Authority) changeLoss(by By, event gate.Event, do func(l gate.Loss, now gate.LostPart) (gate.Loss, error)) (*gate.Loss, error) {
	if err := by.May(gate.ManageSite); err != nil {
		return nil, err
	}
	open := a.quarantine.Load()
	if open == nil {
		return nil, gate.Errorf(gate.Conflict, "nothing is missing that could be accepted as lost")
	}
	now, err := a.lostNow(open)
	if err != nil {
		return nil, err
	}
	var out gate.Loss
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		l, err := load[gate.Loss](tx, by, string(open.ID))
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = do(*l, now); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		event := event
		if event.Object, event.Lost = string(out.ID), &out.Lost; event.Verb == gate.LossAccepted {
			event.Why = out.Proposed.Act.Why
			event.Detail = fmt.Sprintf("%d events are lost; proposed by %s", out.Lost.Missing(), out.Proposed.Act.By)
		}
		return event, nil
	})
	return &out, err
}

// lostNow reads once more what lies outside: it may have grown since the start.
func (a *Authority) lostNow(open *gate.Loss) (gate.LostPart, error) {
	config := a.current()
	if config == nil || config.settings.CheckpointFile == "" {
		return open.Lost, nil
	}
	list, err := a.readOutside(config.settings.CheckpointFile)
	if err != nil {
		return open.Lost, err
	}
	all, _, err := a.losses()
	now := open.Lost
	for _, c := range list {
		if c.Size > now.Kept && !covered(all, c) {
			now = extend(now, c)
		}
	}
	return now, err
}

// covered reports whether people have accepted that the checkpoint's events are lost.
func covered(all []*gate.Loss, c audit.Checkpoint) bool {
	for _, l := range all {
		if l.Accepted != nil && l.Lost.Covers(c.Size, c.Time) {
			return true
		}
	}
	return false
}

// extend takes one more checkpoint of what is lost into account.
func extend(lost gate.LostPart, c audit.Checkpoint) gate.LostPart {
	if c.Size > lost.Size {
		lost.Size, lost.Root = c.Size, gate.Fingerprint(c.Root)
	}
	if c.Time.After(lost.Until) {
		lost.Until = c.Time
	}
	return lost
}

package authority

import (
	"errors"
	"fmt"
	"strings"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// AppealIncident writes down the customer's word against an incident, as it was told by telephone or mail. The customer's contacts are told
// that it has arrived, and those of staff who may answer it.
func (a *Authority) AppealIncident(by By, id gate.IncidentID, text string) (*gate.Incident, error) {
	event := gate.Event{Verb: gate.IncidentAppealed, Detail: "written down for the customer"} // the text stays in the record, which can go
	to := gate.StaffRecipients(a.dir.People(), gate.Reinstate, a.now())
	return a.tellOfIncident(by, incidentChange{id: id, action: gate.HandleIncident, event: event}, func(tx *certstore.Tx, i *gate.Incident, act gate.Act) (gate.Incident, error) {
		return a.takeAppeal(tx, i, arrivedAppeal{Appeal: gate.Appeal{At: act.At, By: by.Staff, Text: text}, by: by.Name, staff: to})
	})
}

// arrivedAppeal is an appeal with who is told of it.
type arrivedAppeal struct {
	gate.Appeal
	by      string // who wrote it down, or the customer's device
	address string // from where the customer's device sent it
	staff   []gate.Contact
}

func (a *Authority) takeAppeal(tx *certstore.Tx, i *gate.Incident, in arrivedAppeal) (gate.Incident, error) {
	n, err := a.notify(tx, i.Account, gate.AppealReceivedNotice, notify.Data{Noun: "incident", Name: string(i.ID), Incident: i.ID, Verb: "received",
		From: in.At, Address: in.address, Lines: in.Text})
	if err != nil {
		return gate.Incident{}, err
	}
	in.Notice = n.ID
	out, err := i.Appeal(in.Appeal)
	if err != nil {
		return gate.Incident{}, err
	}
	account, err := certstore.Get[gate.Account](tx, string(i.Account))
	if err != nil {
		return gate.Incident{}, err
	}
	_, err = a.notifyStaff(tx, gate.StaffAppealNotice, in.staff, notify.Data{Noun: "account", Name: account.Slug, Incident: i.ID, Verb: "received", By: in.by,
		From: in.At, Address: in.address, Lines: in.Text, Command: "certgate incident show " + string(i.ID)})
	return out, err
}

// AppealAnswer is what somebody decided of an appeal.
type AppealAnswer struct {
	Granted bool
	Why     string // the customer is told
}

// AnswerAppeal decides the appeal that waits. Granted, it lifts in the same commit every throttle and suspension that was imposed for the incident,
// ends the bar, and one notice says all that. Whoever wrote the appeal down, imposed or barred does not answer it.
func (a *Authority) AnswerAppeal(by By, id gate.IncidentID, in AppealAnswer) (*gate.Incident, error) {
	event := gate.Event{Verb: gate.AppealWasAnswered, Why: in.Why, Detail: verdict(in.Granted)}
	return a.tellOfIncident(by, incidentChange{id: id, action: gate.Reinstate, event: event}, func(tx *certstore.Tx, i *gate.Incident, act gate.Act) (gate.Incident, error) {
		imposed, err := imposedFor(tx, i)
		if err != nil {
			return gate.Incident{}, err
		}
		answer := gate.AppealAnswer{Act: act, Granted: in.Granted}
		if _, err := i.AnswerAppeal(answer, imposersOf(i, imposed)); err != nil { // before it is put into words what is lifted
			return gate.Incident{}, err
		}
		data := notify.Data{Noun: "incident", Name: string(i.ID), Incident: i.ID, Verb: verdict(in.Granted), From: act.At, Why: in.Why}
		var lift []*gate.Remediation
		if in.Granted {
			if lift, data.Lines, err = a.liftable(tx, imposed); err != nil {
				return gate.Incident{}, err
			}
			data.Count = len(lift)
		}
		n, err := a.notify(tx, i.Account, gate.AppealAnsweredNotice, data)
		if err != nil {
			return gate.Incident{}, err
		}
		for _, r := range lift {
			out, err := r.Lift(gate.Lifting{At: act.At, By: by.Staff, Why: in.Why, Notice: n.ID})
			if err != nil {
				return gate.Incident{}, err
			}
			certstore.Put(tx, &out)
		}
		answer.Notice = n.ID
		return i.AnswerAppeal(answer, imposersOf(i, imposed))
	})
}

func verdict(granted bool) string {
	if granted {
		return "granted"
	}
	return "refused"
}

// imposedFor are the remediations that were imposed for an incident.
func imposedFor(tx *certstore.Tx, i *gate.Incident) (list []*gate.Remediation, err error) {
	for _, id := range i.Remediations {
		r, err := certstore.Get[gate.Remediation](tx, string(id))
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// imposersOf are those who do not answer an appeal, because it is against what they did.
func imposersOf(i *gate.Incident, imposed []*gate.Remediation) (ids []gate.StaffID) {
	for _, r := range imposed {
		ids = append(ids, r.By)
	}
	if i.Barred != nil {
		ids = append(ids, i.Barred.Act.By)
	}
	return ids
}

// liftable are those that a granted appeal lifts, and how they are told, one line each. Who was terminated stays so.
func (a *Authority) liftable(tx *certstore.Tx, imposed []*gate.Remediation) (list []*gate.Remediation, lines string, err error) {
	var told []string
	for _, r := range imposed {
		if !r.InForce(a.moment()) || r.Measure == gate.Terminate {
			continue
		}
		_, name, err := a.subjectOf(tx, r.Subject)
		if err != nil {
			return nil, "", err
		}
		noun := map[gate.Measure]string{gate.Throttle: "throttling", gate.Suspend: "suspension"}[r.Measure]
		told = append(told, fmt.Sprintf("- the %s of the %s %s", noun, r.Subject.Kind, name))
		list = append(list, r)
	}
	return list, strings.Join(told, "\n"), nil
}

// AppealOwn takes the appeal of a customer by the device that calls, which may be suspended. It is only about an incident of its own account that
// the account was told of; any other is as one that there is not. The error is ErrNotEntitled if the device would not be known any more.
func (a *Authority) AppealOwn(call *Call, id gate.IncidentID, text string) (*gate.Incident, error) {
	to := gate.StaffRecipients(a.dir.People(), gate.Reinstate, a.now())
	var out gate.Incident
	_, err := a.change(customer, func(tx *certstore.Tx) (gate.Event, error) {
		caller, err := a.identified(call)
		if err != nil {
			return gate.Event{}, err
		}
		i, err := certstore.Get[gate.Incident](tx, string(id))
		if errors.Is(err, gate.NotFound) || err == nil && !a.mayAppeal(caller, call.Request.Site.Environment, i) {
			return gate.Event{}, gate.Errorf(gate.NotFound, "there is no incident %s that you were told of; /.well-known/certgate/status names those that there are", gate.Clip(string(id), 40))
		}
		if err != nil {
			return gate.Event{}, err
		}
		if i.Closed != nil { // what it came to is for staff
			return gate.Event{}, gate.Errorf(gate.Conflict, "incident %s is closed; if something that was imposed for it goes on, answer the notice that told you of it", i.ID)
		}
		path, err := a.devicePath(caller.Device)
		if err != nil {
			return gate.Event{}, err
		}
		peer := call.Request.Peer.Unmap().String()
		out, err = a.takeAppeal(tx, i, arrivedAppeal{Appeal: gate.Appeal{At: a.moment(), Text: text}, by: path, address: peer, staff: to})
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.IncidentAppealed, Account: out.Account, Object: string(out.ID), Detail: fmt.Sprintf("by %s, from %s", path, peer)}, nil
	})
	return &out, err
}

// identified judges again who calls, on the records as they are now: a body may have taken its time.
func (a *Authority) identified(call *Call) (*gate.Caller, error) {
	return a.judgedAgain(call, gate.Identify)
}

// mayAppeal reports whether a caller was told of an incident and may appeal against it. A key of the sandbox is sent without a certificate and
// less guarded, so it is good for what is about the sandbox alone.
func (a *Authority) mayAppeal(c *gate.Caller, e gate.Environment, i *gate.Incident) bool {
	if c.Account == nil || i.Account != c.Account.ID || !i.Told() {
		return false
	}
	if e.NeedsCertificate() {
		return true
	}
	d, err := a.dir.Device(string(i.Device))
	return err == nil && i.Device != "" && !d.Environment.NeedsCertificate()
}

// Incidents are those that the caller's account was told of and may appeal against with this call, the oldest first; closed ones too.
func (c *Call) Incidents() (list []*gate.Incident) {
	if c.Caller.Account == nil {
		return nil
	}
	for _, i := range c.authority.dir.Incidents(c.Caller.Account.ID) {
		if c.authority.mayAppeal(&c.Caller, c.Request.Site.Environment, i) {
			list = append(list, i)
		}
	}
	return list
}

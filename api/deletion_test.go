package api_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// terminatedLongAgo writes down that an account ended seven years before now. Nobody's certificate is good for so long that a test could wait.
func (s *sites) terminatedLongAgo(account *gate.Account) {
	s.t.Helper()
	ended := s.Now().AddDate(-7, 0, 0)
	_, err := s.Store().Update(func(tx *certstore.Tx) (gate.Event, error) {
		certstore.Put(tx, &gate.Remediation{ID: gate.RemediationID(gate.FormatID(gate.RemediationPrefix, [16]byte{0: 1, 6: 0x70, 8: 0x80})), Account: account.ID,
			Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(account.ID)}, Measure: gate.Terminate, From: ended, Why: "closed"})
		return gate.Event{Verb: gate.RemediationImposed, By: gate.Actor{Name: "certgate"}, At: ended, Account: account.ID, Object: string(account.ID)}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestRecordsOfAFormerCustomerGoByTwo(t *testing.T) {
	s := open(t)
	ben, cho := s.as("ben"), s.as("cho")
	account := s.MustAccount("acme")
	_, err := ben.ProposeDeletion(ctx, "acme", "six years are over")
	wantKind(t, err, gate.Conflict)
	s.terminatedLongAgo(account)
	list := check[*api.Page[api.Deletable]](t)(ben.Deletable(ctx))
	if len(list.Items) != 1 || list.Items[0].Slug != "acme" || !list.Items[0].KeptUntil.Before(s.Now()) || s.Now().Sub(list.Items[0].Ended) < 6*365*24*time.Hour {
		t.Fatalf("%+v", list.Items)
	}
	_, err = cho.ConfirmDeletion(ctx, "acme")
	wantKind(t, err, gate.Conflict)
	proposed := check[*api.Deletion](t)(ben.ProposeDeletion(ctx, "acme", "six years are over"))
	if proposed.Deleted || proposed.Proposal == nil || proposed.Slug != "acme" {
		t.Errorf("%+v", proposed)
	}
	_, err = ben.ConfirmDeletion(ctx, "acme")
	wantKind(t, err, gate.Forbidden)
	for range 2 { // a repetition is answered as the deletion was
		gone := check[*api.Deletion](t)(cho.ConfirmDeletion(ctx, "acme", api.Idempotent("once")))
		if !gone.Deleted || gone.Account != account.ID {
			t.Errorf("%+v", gone)
		}
	}
	_, err = cho.ConfirmDeletion(ctx, "acme")
	wantKind(t, err, gate.NotFound)
	_, err = ben.Account(ctx, "acme")
	wantKind(t, err, gate.NotFound)
	if report, err := s.Store().Verify(audit.Options{Vkey: s.Store().Vkey()}); err != nil {
		t.Errorf("%+v, %v", report, err)
	}
}

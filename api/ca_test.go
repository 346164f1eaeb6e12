package api_test

import (
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

func TestCAsFollowOneAnotherByTwo(t *testing.T) {
	s := open(t)
	cho, eve := s.as("cho"), s.as("eve")
	first := check[*api.CA](t)(cho.ShowCA(ctx, "certgate customers 1"))
	if first.Role != "issuing" || !first.Pooled || first.Request != "" {
		t.Errorf("%+v", first)
	}
	again := check[*api.CA](t)(cho.ShowCA(ctx, first.Fingerprint.String()[:16]))
	if again.Fingerprint != first.Fingerprint {
		t.Errorf("%+v", again)
	}
	_, err := cho.ShowCA(ctx, first.Fingerprint.String()[:15])
	wantKind(t, err, gate.NotFound)
	_, err = cho.RetireCA(ctx, "certgate customers 1", api.NewRetirement{Why: "because"})
	wantKind(t, err, gate.Conflict)
	_, err = cho.RotateCA(ctx, api.NewRotation{Audience: "nobody", Why: "because"})
	wantKind(t, err, gate.Invalid)

	s.Advance(time.Minute)
	proposed := check[*api.CA](t)(cho.RotateCA(ctx, api.NewRotation{Audience: gate.Customers, Why: "a year before its end"}))
	if proposed.Role != "standby" || proposed.Proposal == nil || proposed.Proposal.Change != gate.CAIssue {
		t.Errorf("%+v", proposed)
	}
	_, err = cho.ConfirmCA(ctx, proposed.Name)
	wantKind(t, err, gate.Forbidden)
	if withdrawn := check[*api.CA](t)(eve.WithdrawCA(ctx, proposed.Name)); withdrawn.Proposal != nil || withdrawn.Role != "standby" {
		t.Errorf("%+v", withdrawn)
	}
	_, err = eve.ConfirmCA(ctx, proposed.Name)
	wantKind(t, err, gate.Conflict)
	proposed = check[*api.CA](t)(cho.RotateCA(ctx, api.NewRotation{Audience: gate.Customers, Why: "a year before its end"}))
	_, err = eve.ConfirmCA(ctx, proposed.Name)
	wantKind(t, err, gate.Stale)
	var etag string
	check[*api.CA](t)(eve.ShowCA(ctx, proposed.Name, api.KeepETag(&etag)))
	rotated := check[*api.CA](t)(eve.ConfirmCA(ctx, proposed.Name, api.IfMatch(etag)))
	if !strings.HasPrefix(rotated.Request, "-----BEGIN CERTIFICATE REQUEST-----\n") || rotated.Proposal != nil {
		t.Errorf("%+v", rotated)
	}
	anew := check[*api.CA](t)(cho.RequestCA(ctx, api.NewCARequest{Audience: gate.Operators}))
	if anew.Role != "issuing" || anew.Audience != gate.Operators || anew.Request == "" {
		t.Errorf("%+v", anew)
	}
	_, err = cho.ImportCA(ctx, api.NewCA{Certificate: first.Certificate})
	wantKind(t, err, gate.Invalid)
	_, err = cho.RetireCA(ctx, "certgate staff 1", api.NewRetirement{Why: "because", RevokeAll: true})
	wantKind(t, err, gate.Invalid)

	signed := s.signed(t, anew)
	standby := check[*api.CA](t)(cho.ImportCA(ctx, api.NewCA{Certificate: signed}))
	if standby.Role != "standby" || standby.Audience != gate.Operators {
		t.Errorf("%+v", standby)
	}
	retired := check[*api.CA](t)(cho.RetireCA(ctx, "certgate customers 1", api.NewRetirement{Why: "its last certificate has ended"}))
	if retired.Role != "retired" || retired.Live != 0 {
		t.Errorf("%+v", retired)
	}
}

// signed puts a root that is at hand in the place of the one whose key nobody has kept, and signs the request with it.
func (s *sites) signed(t *testing.T, holder *api.CA) string {
	t.Helper()
	root := check[*issuer.CA](t)(issuer.NewRoot("a root at hand", rand.Reader, s.Now()))
	check[gate.Event](t)(s.Store().Update(func(tx *certstore.Tx) (gate.Event, error) {
		record, err := certstore.Get[gate.CA](tx, holder.Fingerprint.String())
		if err != nil {
			return gate.Event{}, err
		}
		record.RootDER = root.Certificate.Raw
		certstore.Put(tx, record)
		return gate.Event{Verb: gate.CARequested, Object: record.RecordID(), At: s.Now(), By: gate.Actor{Name: "test"}}, nil
	}))
	request := check[issuer.StandbyRequest](t)(issuer.ParseStandbyRequest([]byte(holder.Request)))
	cert := check[*x509.Certificate](t)(issuer.SignStandby(root, request, rand.Reader, s.Now()))
	return string(issuer.CertificatePEM(cert.Raw))
}

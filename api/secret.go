package api

import (
	"context"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Secret is the state of the secret and of the pepper; never the secret.
type Secret struct {
	Version    int                   `json:"version"`
	Since      time.Time             `json:"since"`
	Recipients []string              `json:"recipients"` // of recovery kits: age public keys
	Proposal   *gate.SecretProposal  `json:"proposal,omitempty"`
	Rotation   *SecretRotation       `json:"rotation,omitempty"` // while one goes on
	Kit        *gate.Act             `json:"kit,omitempty"`      // who last took a recovery kit of this version
	KitDue     bool                  `json:"kit_due"`            // nobody has, and that of init is of an earlier one
	Peppers    []authority.PepperUse `json:"peppers"`            // the oldest first; keys are made under the last
	OldKeys    int                   `json:"old_keys"`           // keys that can still be used and are hashed under another

	RecoveryKit string `json:"recovery_kit,omitempty"` // encrypted, once, in the answer to its making
}

// SecretRotation is how far a rotation has come.
type SecretRotation struct {
	Act   gate.Act `json:"act"`   // its confirmation
	Done  int64    `json:"done"`  // values that were looked at in the pass that goes on, of about Total; there is a second pass, which finds nothing
	Total int64    `json:"total"` // 0: it has not come so far
}

// NewSecretRotation asks for a change of the secret.
type NewSecretRotation struct {
	Change     gate.SecretChange `json:"change"`               // secret or pepper
	Recipients []string          `json:"recipients,omitempty"` // age public keys, in the place of those on record; with secret
	Why        string            `json:"why"`
}

const secretPath = "/v1/secret"

func secretRoutes() []route {
	return []route{
		get(secretPath, read(func(x *exchange) (*shown, error) { return x.showSecret("") })),
		post(secretPath+"/rotation", write(writing{compares: true, show: (*exchange).showSecret}, rotateSecret)),
		post(secretPath+"/kit", write(writing{show: (*exchange).showSecret}, makeRecoveryKit)),
		post(secretPath+"/confirmation", write(writing{compares: true, show: (*exchange).showSecret}, confirmSecret)),
	}
}

func (x *exchange) showSecret(string) (*shown, error) {
	r := x.a.Secret()
	view := &Secret{Version: r.Version, Since: r.Since, Recipients: append([]string{}, r.Recipients...), Proposal: r.Proposal,
		Kit: r.Kit, KitDue: r.KitDue(), Peppers: x.a.Peppers()}
	if r.Rotation != nil {
		view.Rotation = &SecretRotation{Act: *r.Rotation}
		view.Rotation.Done, view.Rotation.Total = x.a.Store().Remade()
	}
	for _, p := range view.Peppers[:max(len(view.Peppers)-1, 0)] {
		view.OldKeys += p.Keys
	}
	return &shown{view: view, etag: certstore.ETag(r), path: secretPath}, nil
}

func rotateSecret(x *exchange, by authority.By, in *NewSecretRotation) (string, error) {
	made, err := x.a.RotateSecret(by, authority.SecretRotation{Change: in.Change, Recipients: in.Recipients, Why: in.Why})
	return idOf(made, err)
}

func confirmSecret(x *exchange, by authority.By, _ *struct{}) (string, error) {
	made, err := x.a.ConfirmSecret(by)
	return idOf(made, err)
}

func makeRecoveryKit(x *exchange, by authority.By, _ *struct{}) (string, error) {
	text, made, err := x.a.RecoveryKit(by)
	if err != nil {
		return "", err
	}
	x.secret = string(text)
	return idOf(made, nil)
}

// pepperFilter is whether the query asks for keys under an old pepper alone.
func pepperFilter(q string) (old bool, err error) {
	if q != "" && q != "old" {
		return false, gate.FieldErrorf("pepper", "%q: must be old, for the keys that can still be used and are hashed under an older pepper than the newest", gate.Clip(q, 40))
	}
	return q == "old", nil
}

// Secret is the state of the secret and of the pepper.
func (c *Client) Secret(ctx context.Context, o ...Option) (*Secret, error) {
	return clientGet[Secret](ctx, c, secretPath, o)
}

// RotateSecret proposes a change of the secret; a second admin must confirm.
func (c *Client) RotateSecret(ctx context.Context, in NewSecretRotation, o ...Option) (*Secret, error) {
	return clientPost[Secret](ctx, c, outgoing{address: segments("v1", "secret", "rotation"), options: o}, in)
}

// MakeRecoveryKit makes a recovery kit, encrypted to the recipients on record.
func (c *Client) MakeRecoveryKit(ctx context.Context, o ...Option) (*Secret, error) {
	return clientPost[Secret](ctx, c, outgoing{address: segments("v1", "secret", "kit"), options: o}, nil)
}

// ConfirmSecret makes the change that another admin proposed.
func (c *Client) ConfirmSecret(ctx context.Context, o ...Option) (*Secret, error) {
	return clientPost[Secret](ctx, c, outgoing{address: segments("v1", "secret", "confirmation"), options: o}, nil)
}

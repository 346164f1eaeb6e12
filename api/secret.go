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
	Peppers    []authority.PepperUse `json:"peppers"`  // the oldest first; keys are made under the last
	OldKeys    int                   `json:"old_keys"` // keys that can still be used and are hashed under another
}

// NewSecretRotation asks for a change of the secret.
type NewSecretRotation struct {
	Change gate.SecretChange `json:"change"` // pepper
	Why    string            `json:"why"`
}

const secretPath = "/v1/secret"

func secretRoutes() []route {
	return []route{
		get(secretPath, read(func(x *exchange) (*shown, error) { return x.showSecret("") })),
		post(secretPath+"/rotation", write(writing{compares: true, show: (*exchange).showSecret}, rotateSecret)),
		post(secretPath+"/confirmation", write(writing{compares: true, show: (*exchange).showSecret}, confirmSecret)),
	}
}

func (x *exchange) showSecret(string) (*shown, error) {
	r := x.a.Secret()
	view := &Secret{Version: r.Version, Since: r.Since, Recipients: append([]string{}, r.Recipients...), Proposal: r.Proposal, Peppers: x.a.Peppers()}
	for _, p := range view.Peppers[:max(len(view.Peppers)-1, 0)] {
		view.OldKeys += p.Keys
	}
	return &shown{view: view, etag: certstore.ETag(r), path: secretPath}, nil
}

func rotateSecret(x *exchange, by authority.By, in *NewSecretRotation) (string, error) {
	made, err := x.a.RotateSecret(by, in.Change, in.Why)
	return idOf(made, err)
}

func confirmSecret(x *exchange, by authority.By, _ *struct{}) (string, error) {
	made, err := x.a.ConfirmSecret(by)
	return idOf(made, err)
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

// ConfirmSecret makes the change that another admin proposed.
func (c *Client) ConfirmSecret(ctx context.Context, o ...Option) (*Secret, error) {
	return clientPost[Secret](ctx, c, outgoing{address: segments("v1", "secret", "confirmation"), options: o}, nil)
}

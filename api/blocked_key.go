package api

import (
	"context"
	"net/url"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// NewBlockedKey asks that a public key never get a certificate again. Exactly one of the first two is given.
type NewBlockedKey struct {
	PublicKey   string            `json:"public_key,omitempty"`  // PEM: the key, a certificate or a signing request; never a private key
	Fingerprint *gate.Fingerprint `json:"fingerprint,omitempty"` // SHA-256 of its SubjectPublicKeyInfo
	Why         string            `json:"why"`                   // kept for good; without the name of a customer
	Revoke      bool              `json:"revoke,omitempty"`      // certificates for it that have not ended are revoked as compromised, and their customers told
}

// BlockedKey is a public key that never gets a certificate again, and the certificates for it that are known.
type BlockedKey struct {
	gate.BlockedKey

	Credentials []*Credential `json:"credentials,omitempty"` // not in lists
}

var blockedKeys = listing[*gate.BlockedKey, *BlockedKey]{
	all:  func(x *exchange, _ url.Values) ([]*gate.BlockedKey, error) { return x.dir.BlockedPublicKeys(), nil },
	id:   func(r *gate.BlockedKey) string { return r.RecordID() },
	view: func(_ *exchange, r *gate.BlockedKey) *BlockedKey { return &BlockedKey{BlockedKey: *r} },
}

func (x *exchange) showBlockedKey(id string) (*shown, error) {
	var fp gate.Fingerprint
	if err := fp.UnmarshalText([]byte(id)); err != nil {
		return nil, absent("blocked key", id)
	}
	r, blocked := x.dir.BlockedPublicKey(fp)
	if !blocked {
		return nil, absent("blocked key", id)
	}
	v := &BlockedKey{BlockedKey: r}
	for _, c := range x.dir.Certificates("") {
		if c.PublicKey == fp {
			v.Credentials = append(v.Credentials, x.credentialView(c))
		}
	}
	return &shown{view: v, etag: certstore.ETag(&r), path: "/v1/blocked-keys/" + r.RecordID()}, nil
}

func blockPublicKey(x *exchange, by authority.By, in *NewBlockedKey) (string, error) {
	blocking := authority.Blocking{Text: []byte(in.PublicKey), Why: in.Why, Revoke: in.Revoke}
	if in.Fingerprint != nil {
		blocking.PublicKey = *in.Fingerprint
	}
	made, err := x.a.BlockPublicKey(by, blocking)
	if err != nil {
		return "", err
	}
	return made.RecordID(), nil
}

// BlockedKeys lists the public keys that never get a certificate again.
func (c *Client) BlockedKeys(ctx context.Context, q Query) (*Page[BlockedKey], error) {
	return clientGet[Page[BlockedKey]](ctx, c, "/v1/blocked-keys"+q.encode(), nil)
}

// BlockPublicKey puts a public key on that list, for good.
func (c *Client) BlockPublicKey(ctx context.Context, in NewBlockedKey, o ...Option) (*BlockedKey, error) {
	return clientPost[BlockedKey](ctx, c, outgoing{address: segments("v1", "blocked-keys"), options: o}, in)
}

// BlockedKey reads one of them, by the SHA-256 of its SubjectPublicKeyInfo.
func (c *Client) BlockedKey(ctx context.Context, publicKey string, o ...Option) (*BlockedKey, error) {
	return clientGet[BlockedKey](ctx, c, segments("v1", "blocked-keys", publicKey), o)
}

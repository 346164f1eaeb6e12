package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// bearing sends the customer's key.
func bearing(key string) Option {
	return Option{request: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+key) }}
}

// RenewCertificate asks the API site for a certificate for the public key of the signing request, in PEM; the answer is its chain, in PEM.
// HTTP presents the current certificate, key is the current key.
func (c *Client) RenewCertificate(ctx context.Context, key string, csr []byte) ([]byte, error) {
	labeled := Option{request: func(r *http.Request) { r.Header.Set("Content-Type", "application/pkcs10") }}
	response, err := c.exchange(ctx, outgoing{method: http.MethodPost, address: RenewCertificatePath, body: csr, options: []Option{labeled, bearing(key)}})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	chain, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", RenewCertificatePath, err)
	}
	return chain, nil
}

// RenewKey asks the API site for a new key, with the current certificate and key.
func (c *Client) RenewKey(ctx context.Context, key string) (*RenewedKey, error) {
	return call[RenewedKey](ctx, c, outgoing{method: http.MethodPost, address: RenewKeyPath, options: []Option{bearing(key)}})
}

// OwnStatus asks the API site what it knows of the caller.
func (c *Client) OwnStatus(ctx context.Context, key string) (*OwnStatus, error) {
	return call[OwnStatus](ctx, c, outgoing{method: http.MethodGet, address: WellKnown + "/status", options: []Option{bearing(key)}})
}

package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/onerecord/certgate/authority"
)

const zipType = "application/zip"

// takeDossier answers with everything about an account, as a file that can be verified without the server.
func takeDossier(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return err
	}
	text, err := x.a.Dossier(authority.By{Actor: x.actor}, account.ID)
	if err != nil {
		return err
	}
	// A slug is made of letters, digits and hyphens, so it needs no quoting.
	x.w.Header().Set("Content-Disposition", `attachment; filename="`+account.Slug+`-dossier.zip"`)
	writeBody(x.w, answer{status: http.StatusOK, contentType: zipType, requestID: x.id, body: text})
	return nil
}

// Dossier writes the dossier of an account, as audit.VerifyDossier reads it. The account is given by id or slug.
func (c *Client) Dossier(ctx context.Context, account string, w io.Writer) (err error) {
	response, err := c.exchange(ctx, outgoing{method: http.MethodGet, address: segments("v1", "accounts", account, "dossier")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if _, err := io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("copy the dossier: %w", err)
	}
	return nil
}

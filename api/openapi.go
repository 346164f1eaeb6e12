package api

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var openAPIDocument []byte

// openAPI serves the description of the admin API, OpenAPI 3.1.
func openAPI(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	writeBody(x.w, answer{status: http.StatusOK, contentType: jsonType, requestID: x.id, body: openAPIDocument})
	return nil
}

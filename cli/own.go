package cli

import (
	"context"
	"crypto"
	"fmt"
	"os"

	"github.com/onerecord/certgate/issuer"
)

// own is a certificate of the customer's own CA that is brought in place of one of ours. Its private key stays where it is.
type own struct {
	certificate, key, csr string // files; of key and csr one
}

// places says where the files are, and makes the places for those that are to come.
func (o *own) places(e *enrollment) error {
	switch {
	case e.keyOut != "":
		return usagef("--key-out is for a key pair that is made here; with --certificate say --key FILE, its private key, or --csr FILE")
	case (o.key == "") == (o.csr == ""):
		return usagef("with --certificate say --key FILE, its private key, or --csr FILE, a signing request that was made with it")
	}
	if e.kit == "" || isZip(e.kit) {
		if e.secretOut == "" {
			return usagef("--secret-out is missing: the file to make, such as key.txt; with --kit DIR it is made there")
		}
		return nil
	}
	e.keyOut = o.key // so that nobody looks for another
	return e.places()
}

// run takes the key for the certificate, and the kit. It may die anywhere and be run again with the same files.
func (o *own) run(ctx context.Context, e *enrollment) error {
	if !exists(e.secretOut) {
		if err := o.redeem(ctx, e); err != nil {
			return err
		}
	}
	return e.finish(ctx)
}

func (o *own) redeem(ctx context.Context, e *enrollment) error {
	certificate, err := os.ReadFile(o.certificate)
	if err != nil {
		return usagef("--certificate: %w", err)
	}
	csr, key, err := o.proof()
	if err != nil {
		return err
	}
	got, err := e.client.Bring(ctx, e.token, csr, string(certificate))
	if err != nil {
		return err
	}
	if key != nil {
		if err := fits([]byte(got.CertificateChain), key); err != nil {
			return err
		}
	}
	if e.certOut != "" {
		if err := keepFile(e.certOut, []byte(got.CertificateChain)); err != nil {
			return err
		}
	}
	return createFile(e.secretOut, []byte(got.Key+"\n"))
}

// proof is the signing request that proves that the private key is here, and the key where it can be read.
func (o *own) proof() (csr string, key crypto.Signer, err error) {
	if o.csr != "" {
		text, err := os.ReadFile(o.csr)
		if err != nil {
			return "", nil, usagef("--csr: %w", err)
		}
		return string(text), nil, nil
	}
	if err := checkPrivate(o.key); err != nil {
		return "", nil, err
	}
	text, err := os.ReadFile(o.key)
	if err != nil {
		return "", nil, usagef("--key: %w", err)
	}
	if key, err = issuer.ParseKeyPEM(text); err != nil {
		return "", nil, fmt.Errorf("read %s: %w", o.key, err)
	}
	csr, err = signingRequest(key)
	return csr, key, err
}

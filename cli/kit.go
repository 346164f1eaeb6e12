package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// isZip reports whether a kit is to be kept as one file.
func isZip(kit string) bool { return strings.EqualFold(filepath.Ext(kit), ".zip") }

// places gives the files that were not named their places in the kit's directory, where the kit looks for them.
func (e *enrollment) places() error {
	for _, f := range []struct {
		flag, name string
		out        *string
	}{
		{"key-out", "client.key", &e.keyOut}, {"cert-out", "client.crt", &e.certOut}, {"secret-out", "key.txt", &e.secretOut},
	} {
		switch {
		case *f.out != "":
		case e.kit == "" || isZip(e.kit):
			return usagef("--%s is missing: the file to make, such as %s; with --kit DIR it is made there", f.flag, f.name)
		default:
			*f.out = filepath.Join(e.kit, f.name)
		}
	}
	if e.kit == "" || isZip(e.kit) {
		return nil
	}
	if err := os.MkdirAll(e.kit, 0o700); err != nil { // before anything is taken
		return fmt.Errorf("make the kit's directory: %w", err)
	}
	return nil
}

// takeKit stores the kit. It holds no secret, so what is missing of it can be asked for again while the link lasts.
func (e *enrollment) takeKit(ctx context.Context) error {
	if e.kit == "" {
		return nil
	}
	kit, err := e.client.Kit(ctx, e.token)
	if err != nil {
		return fmt.Errorf("the credential is stored, but the kit could not be taken; run this again: %w", err)
	}
	if isZip(e.kit) {
		return keepFile(e.kit, kit)
	}
	z, err := zip.NewReader(bytes.NewReader(kit), int64(len(kit)))
	if err != nil {
		return fmt.Errorf("read the kit: %w", err)
	}
	if err := os.MkdirAll(e.kit, 0o700); err != nil {
		return fmt.Errorf("make the kit's directory: %w", err)
	}
	for _, f := range z.File {
		if f.Name != filepath.Base(f.Name) || strings.ContainsAny(f.Name, `/\:`) || f.Name == "." || f.Name == ".." {
			return fmt.Errorf("the kit names a file %q, which would lie outside of %s; nothing more of it was stored", f.Name, e.kit)
		}
		content, err := unpack(f)
		if err == nil {
			err = keepFile(filepath.Join(e.kit, filepath.Base(f.Name)), content)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxKitFile bounds a file of a kit; the largest has some 5 KB.
const maxKitFile = 1 << 20

func unpack(f *zip.File) (content []byte, err error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("read %s of the kit: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if content, err = io.ReadAll(io.LimitReader(r, maxKitFile)); err != nil {
		return nil, fmt.Errorf("read %s of the kit: %w", f.Name, err)
	}
	return content, nil
}

// keepFile makes a file, or finds it as it is to be.
func keepFile(path string, content []byte) error {
	if !exists(path) {
		return createFile(path, content)
	}
	if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, content) {
		return fmt.Errorf("%s exists and is another file, which is never written over; choose another place with --kit", path)
	}
	return nil
}

package authority

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// listTimeout bounds one attempt to fetch a revocation list, from the name's resolution to the last byte.
const listTimeout = 30 * time.Second

// listFetcher fetches revocation lists. It goes to the URL that two admins have allowed and nowhere else: no redirect is followed and no proxy
// of the environment used, because a list is public and signed, and only where it comes from decides what it can reach.
type listFetcher struct {
	client *http.Client
}

var errRedirected = errors.New("it answered with a redirect, which is not followed; have the URL allowed at which the list lies")

func newListFetcher(timeout time.Duration) *listFetcher {
	if timeout == 0 {
		timeout = listTimeout
	}
	return &listFetcher{&http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirected },
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: timeout, Control: notOfTheLink}).DialContext, TLSHandshakeTimeout: timeout, DisableKeepAlives: true, DisableCompression: true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}}
}

// notOfTheLink refuses to connect to addresses of the link itself, where clouds keep the credentials of machines (169.254.169.254), and to none at
// all: no CA publishes there, and whoever runs the name of an allowed URL could point it there. Private addresses are for CAs within the house.
func notOfTheLink(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("its address cannot be read: %w", err)
	}
	if ip := to.Addr().Unmap(); ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return fmt.Errorf("its name leads to %s, where no list is asked for", ip)
	}
	return nil
}

// fetchedList is what an attempt gave. DER is nil if the list has not changed.
type fetchedList struct {
	der                []byte
	etag, lastModified string
}

// fetch asks for the list at the URL. Known, if it is not nil, is what we have, so that nothing is sent again.
func (f *listFetcher) fetch(ctx context.Context, url string, known *gate.RevocationList) (*fetchedList, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "certgate")
	r.Header.Set("Accept", "application/pkix-crl, */*;q=0.5")
	if known != nil && known.ETag != "" {
		r.Header.Set("If-None-Match", known.ETag)
	}
	if known != nil && known.LastModified != "" {
		r.Header.Set("If-Modified-Since", known.LastModified)
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, plainly(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && known != nil:
		return &fetchedList{}, nil
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered with status %d", resp.StatusCode)
	case resp.ContentLength > issuer.MaxRevocationList:
		return nil, fmt.Errorf("the list has %d bytes; at most %d are read", resp.ContentLength, issuer.MaxRevocationList)
	}
	der, err := io.ReadAll(io.LimitReader(resp.Body, issuer.MaxRevocationList+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off after %d bytes: %w", len(der), plainly(err))
	}
	return &fetchedList{der: der, etag: header(resp, "Etag"), lastModified: header(resp, "Last-Modified")}, nil
}

// plainly leaves out the URL, which stands beside it.
func plainly(err error) error {
	var inner interface{ Unwrap() error }
	if errors.Is(err, errRedirected) {
		return errRedirected
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("it took too long to answer")
	}
	if errors.As(err, &inner) && inner.Unwrap() != nil {
		return inner.Unwrap()
	}
	return err
}

// header is a validator, if it is short enough to be kept and sent back.
func header(resp *http.Response, name string) string {
	if v := resp.Header.Get(name); len(v) <= 200 {
		return v
	}
	return ""
}

package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

// doctor looks at a customer's side: what only it can see, and what the gate says that it sees of it.
type doctor struct {
	site, api               *url.URL // the customers' site, and the API; nil: not asked
	certificate, key, token string   // files; empty: none
	ca                      string
	now                     time.Time

	pair   *tls.Certificate // once both files were found good
	bearer string           // once the token's file was
	roots  *x509.CertPool   // nil: the system's

	report diagnosis
}

// diagnosis is what was found.
type diagnosis struct {
	OK       bool             `json:"ok"`
	Findings []api.LookResult `json:"findings"`
}

func (d *doctor) add(about string, result api.Verdict, says, do string) {
	d.put(api.LookResult{About: about, Result: result, Says: says, Do: do})
}

func (d *doctor) put(f api.LookResult) {
	d.report.OK = d.report.OK && f.Result != api.LookWrong
	d.report.Findings = append(d.report.Findings, f)
}

func (d *doctor) finef(about, format string, args ...any) {
	d.add(about, api.LookFine, fmt.Sprintf(format, args...), "")
}

func (t *tool) doctorCommand() *cobra.Command {
	var d doctor
	var site, apiSite string
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor --url URL",
		Short: "Finds out why calls do not get through (for customers)",
		Long: `Looks at everything between you and OneRecord: the files, the network, the server's certificate, both clocks, and then asks the
customers' site what arrives there (see its page /check). Nothing is changed. With --api it also asks the API itself, which alone says
whether key and certificate are good; a wrong key is a refused call there, so do not repeat it in a loop.

It ends with 0 if nothing is wrong, else with 1 and says what to do about each.`,
		Example: "  certgate doctor --url https://connect.example.com --cert client.crt --key client.key --token-file key.txt --api https://api.example.com",
	}
	f := c.Flags()
	f.StringVar(&site, "url", "", "the customers' site, such as https://connect.example.com")
	f.StringVar(&apiSite, "api", "", "ask this API too, such as https://api.example.com")
	f.StringVar(&d.certificate, "cert", "", "PEM file with the client certificate and its chain")
	f.StringVar(&d.key, "key", "", "PEM file with its private key")
	f.StringVar(&d.token, "token-file", "", "file with the key that is sent as Authorization: Bearer")
	f.StringVar(&d.ca, "ca", "", "PEM file with the CA of the server's certificate (default: the system's)")
	f.BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return require(t.leaf(c, func(cmd *cobra.Command, _ []string) (err error) {
		if d.site, err = siteURL("--url", site); err == nil && apiSite != "" {
			d.api, err = siteURL("--api", apiSite)
		}
		if err == nil && (d.certificate == "") != (d.key == "") {
			err = usagef("--cert and --key belong together; give both or neither")
		}
		if err == nil && d.ca != "" {
			d.roots, err = loadPool(d.ca)
		}
		if err != nil {
			return err
		}
		d.now, d.report = t.hooks.Now(), diagnosis{OK: true}
		d.examine(cmd.Context())
		if err := d.print(cmd.OutOrStdout(), asJSON); err != nil || d.report.OK {
			return err
		}
		return fmt.Errorf("%d of %d findings are wrong", d.wrong(), len(d.report.Findings))
	}), "url")
}

func (d *doctor) wrong() (n int) {
	for _, f := range d.report.Findings {
		if f.Result == api.LookWrong {
			n++
		}
	}
	return n
}

// siteURL reads the address of a site.
func siteURL(flag, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, usagef("%s must be of the form https://connect.example.com: scheme and host, and no more", flag)
	}
	return u, nil
}

func (d *doctor) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, d.report)
	}
	for _, f := range d.report.Findings {
		fmt.Fprintf(out, "%-6s %-14s %s\n", f.Result, f.About, visible(f.Says))
		if f.Code != "" {
			fmt.Fprintf(out, "%21s code: %s\n", "", visible(f.Code))
		}
		if f.Do != "" {
			fmt.Fprintf(out, "%21s do: %s\n", "", visible(f.Do))
		}
	}
	return nil
}

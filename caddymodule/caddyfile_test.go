package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
)

// Each golden file holds a Caddyfile, a line of ten hyphens, and the JSON that it means.
func TestEveryDirectiveMeansWhatItsGoldenFileSays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	must(t, err)
	if len(files) < 7 {
		t.Fatalf("only %d golden files", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			must(t, err)
			source, want, ok := strings.Cut(string(text), "\n----------\n")
			if !ok {
				t.Fatal("there is no line of ten hyphens")
			}
			out, err := adapt(source + "\n")
			must(t, err)
			var got bytes.Buffer
			must(t, json.Indent(&got, out, "", "\t"))
			if diff := cmp.Diff(strings.TrimSpace(want), got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if formatted := string(caddyfile.Format([]byte(source))); strings.TrimSpace(formatted) != strings.TrimSpace(source) {
				t.Error("the Caddyfile is not as caddy fmt writes it")
			}
		})
	}
}

func inGlobal(lines string) string { return "{\n\tcertgate {\n\t\t" + lines + "\n\t}\n}\n" }

func inSite(lines string) string { return "{\n\tcertgate\n}\napi.test {\n\t" + lines + "\n}\n" }

func TestEveryMistakeInACaddyfileIsExplained(t *testing.T) {
	for _, row := range []struct {
		name, caddyfile string
		says            []string
	}{
		{"argument after certgate", "{\n\tcertgate x\n}\n", []string{"certgate"}},
		{"unknown option", inGlobal("datadir /x"), []string{`"datadir"`, "data_dir", "secret_file", "public_url", "pki_url", "contact", "behavior"}},
		{"second block", "{\n\tcertgate {\n\t}\n\tcertgate {\n\t}\n}\n", []string{"twice"}},
		{"data_dir without a path", inGlobal("data_dir"), []string{"data_dir", "exactly one"}},
		{"data_dir that is empty", inGlobal(`data_dir ""`), []string{"data_dir", "exactly one"}},
		{"data_dir with two", inGlobal("data_dir a b"), []string{"data_dir", "exactly one"}},
		{"data_dir twice", inGlobal("data_dir a\n\t\tdata_dir b"), []string{"data_dir", "twice"}},
		{"data_dir with a block", inGlobal("data_dir a {\n\t\t\tx\n\t\t}"), []string{"block"}},
		{"secret_file without a path", inGlobal("secret_file"), []string{"secret_file", "exactly one"}},
		{"secret_file twice", inGlobal("secret_file a\n\t\tsecret_file a"), []string{"secret_file", "twice"}},
		{"checkpoint_file without a path", inGlobal("checkpoint_file"), []string{"checkpoint_file", "exactly one"}},
		{"checkpoint_file twice", inGlobal("checkpoint_file a\n\t\tcheckpoint_file b"), []string{"checkpoint_file", "twice"}},
		{"public_url without one", inGlobal("public_url"), []string{"public_url", "exactly one"}},
		{"api_url without a URL", inGlobal("api_url"), []string{"api_url", "https://api.example.com"}},
		{"api_url twice", inGlobal("api_url https://a.example\n\t\tapi_url production https://b.example"), []string{"api_url production", "twice"}},
		{"api_url of no environment", inGlobal("api_url prod https://a.example"), []string{`"prod"`, "sandbox, preprod or production"}},
		{"api_url of the sandbox", inGlobal("api_url sandbox https://a.example"), []string{"api_url sandbox", "preprod and production"}},
		{"pki_url twice", inGlobal("pki_url http://a\n\t\tpki_url http://a"), []string{"pki_url", "twice"}},
		{"contact without an address", inGlobal("contact"), []string{"contact", "e-mail"}},
		{"contact with three", inGlobal("contact a@example.com b c"), []string{"contact", "quotes"}},
		{"contact that is none", inGlobal("contact nobody"), []string{`"nobody"`, "ops@example.com"}},
		{"contact twice", inGlobal("contact a@example.com\n\t\tcontact b@example.com"), []string{"contact", "twice"}},
		{"required_agreements without a kind", inGlobal("required_agreements"), []string{"required_agreements", "at least one", "baa, participation, dua, qsoa, terms"}},
		{"required_agreements of an unknown kind", inGlobal("required_agreements baa handshake"), []string{`"handshake"`, "baa, participation, dua, qsoa, terms"}},
		{"required_agreements twice", inGlobal("required_agreements baa\n\t\trequired_agreements dua"), []string{"required_agreements", "twice"}},
		{"required_agreements with a kind twice", inGlobal("required_agreements baa baa"), []string{`"baa"`, "twice"}},
		{"smtp without a server", inGlobal("smtp"), []string{"smtp", "host and port", "mail.example.com:587"}},
		{"smtp twice", inGlobal("smtp a:25\n\t\tsmtp b:25"), []string{"smtp", "twice"}},
		{"smtp with an unknown option", inGlobal("smtp a:25 {\n\t\t\tpassword x\n\t\t}"), []string{`"password"`, "from, username, password_file and ca"}},
		{"smtp with two senders", inGlobal("smtp a:25 {\n\t\t\tfrom a@example.com b@example.com\n\t\t}"), []string{"from", "exactly one"}},
		{"webhook without a URL", inGlobal("webhook"), []string{"webhook", "URL", "https://hooks.example.com/certgate"}},
		{"checkpoint_webhook without a URL", inGlobal("checkpoint_webhook"), []string{"checkpoint_webhook", "URL", "https://hooks.example.com/certgate"}},
		{"checkpoint_webhook with an unknown option", inGlobal("checkpoint_webhook https://a.example {\n\t\t\tkey x\n\t\t}"), []string{`"key"`, "checkpoint_webhook", "secret_file"}},
		{"checkpoint_webhook twice", inGlobal("checkpoint_webhook https://a.example\n\t\tcheckpoint_webhook https://b.example"), []string{"checkpoint_webhook", "twice"}},
		{"webhook with an unknown option", inGlobal("webhook https://a.example {\n\t\t\tsecret x\n\t\t}"), []string{`"secret"`, "secret_file and allow_private"}},
		{"webhook that allows too much", inGlobal("webhook https://a.example {\n\t\t\tallow_private yes\n\t\t}"), []string{"allow_private", "no argument"}},
		{"templates twice", inGlobal("templates a\n\t\ttemplates b"), []string{"templates", "twice"}},
		{"patient without a place", inGlobal("patient path"), []string{"patient path /fhir/Patient/{patient}", "patient query patient subject"}},
		{"patient in a path without a mark", inGlobal("patient path /fhir/Patient/*"), []string{`"/fhir/Patient/*"`, "{patient}"}},
		{"patient in a header", inGlobal("patient header x"), []string{"path or query"}},
		{"source_limit without a rate", inGlobal("source_limit"), []string{"source_limit rate 60/60s burst 300", "source_limit off"}},
		{"source_limit of another kind", inGlobal("source_limit day 5"), []string{"takes a rate"}},
		{"source_limit twice", inGlobal("source_limit off\n\t\tsource_limit off"), []string{"source_limit", "twice"}},
		{"plan without a limit", inGlobal("plan sandbox"), []string{"plan", "plan sandbox rate 5 burst 10 per device"}},
		{"plan of no environment", inGlobal("plan prod day 5"), []string{`"prod"`, "sandbox, preprod or production"}},
		{"plan of production", inGlobal("plan production day 5"), []string{"plan production", "certgate contract amend --limit"}},
		{"plan with a limit that cannot be read", inGlobal("plan sandbox day many"), []string{`"day many"`, "KIND AMOUNT"}},
		{"ratelimit_headers without a version", inGlobal("ratelimit_headers"), []string{"ratelimit_headers", "exactly one"}},
		{"ratelimit_headers of an unknown version", inGlobal("ratelimit_headers draft-7"), []string{`"draft-7"`, "draft-10 or off"}},
		{"ratelimit_headers twice", inGlobal("ratelimit_headers off\n\t\tratelimit_headers off"), []string{"ratelimit_headers", "twice"}},
		{"behavior without a path", inGlobal("behavior fhir-query GET"), []string{"behavior", "a name, a method and a path", "/fhir/*"}},
		{"behavior with a bad name", inGlobal("behavior FHIR GET /fhir/*"), []string{`"FHIR"`, "a-z"}},
		{"behavior with a bad method", inGlobal("behavior x get /fhir/*"), []string{"behavior x", `"get"`, "upper case"}},
		{"behavior with CONNECT", inGlobal("behavior x CONNECT /fhir/*"), []string{"behavior x", "CONNECT"}},
		{"behavior with HEAD", inGlobal("behavior x HEAD /fhir/*"), []string{"behavior x", "GET"}},
		{"behavior with a bad path", inGlobal("behavior x GET fhir"), []string{"behavior x", `"fhir"`, "canonical"}},
		{"behavior with dots", inGlobal("behavior x GET /fhir/../a"), []string{"behavior x", "canonical"}},
		{"behavior with half a star", inGlobal("behavior x GET /fhir/a*"), []string{"behavior x", "whole segment"}},
		{"behavior with a cost in words", inGlobal("behavior x GET /fhir/* cost many"), []string{"behavior x", `"many"`, "whole number"}},
		{"behavior with a cost of nothing", inGlobal("behavior x GET /fhir/* cost 0"), []string{"behavior x", "at least 1"}},
		{"behavior with a negative cost", inGlobal("behavior x GET /fhir/* cost -1"), []string{"behavior x", "-1"}},
		{"behavior with a huge cost", inGlobal("behavior x GET /fhir/* cost 99999999999999999999"), []string{"behavior x", "cost"}},
		{"behavior with a lonely option", inGlobal("behavior x GET /fhir/* cost"), []string{"behavior x", `"cost"`, "needs a value"}},
		{"behavior with an unknown option", inGlobal("behavior x GET /fhir/* price 1"), []string{"behavior x", `"price"`, "cost UNITS", "upgrade websocket"}},
		{"behavior with another upgrade", inGlobal("behavior x GET /fhir/* upgrade h2c"), []string{"behavior x", `"h2c"`, "upgrade websocket"}},
		{"behavior with a cost twice", inGlobal("behavior x GET /fhir/* cost 1 cost 2"), []string{"behavior x", "cost", "twice"}},
		{"behavior with an upgrade of POST", inGlobal("behavior x POST /fhir/* upgrade websocket"), []string{"behavior x", "GET"}},
		{"behavior with a block", inGlobal("behavior x GET /fhir/* {\n\t\t\tcost 1\n\t\t}"), []string{"block"}},
		{"behavior twice", inGlobal("behavior x GET /a\n\t\tbehavior x GET /b"), []string{"behavior x", "twice"}},
		{"two behaviors for one call", inGlobal("behavior x GET /a\n\t\tbehavior y GET /a"), []string{"x and y", "same calls"}},

		{"no environment", inSite("certgate"), []string{"sandbox, preprod or production"}},
		{"two environments", inSite("certgate sandbox production"), []string{"sandbox, preprod or production"}},
		{"unknown environment", inSite("certgate prod"), []string{`"prod"`, "sandbox, preprod or production"}},
		{"capital environment", inSite("certgate Production"), []string{`"Production"`, "sandbox, preprod or production"}},
		{"unknown site option", inSite("certgate production {\n\t\tkeyheader X\n\t}"), []string{`"keyheader"`, "key_header", "client_cert"}},
		{"key_header without a name", inSite("certgate production {\n\t\tkey_header\n\t}"), []string{"key_header", "exactly one"}},
		{"key_header twice", inSite("certgate production {\n\t\tkey_header A\n\t\tkey_header B\n\t}"), []string{"key_header", "twice"}},
		{"client_cert with an argument", inSite("certgate production {\n\t\tclient_cert on\n\t}"), []string{"client_cert"}},
		{"client_cert twice", inSite("certgate production {\n\t\tclient_cert\n\t\tclient_cert\n\t}"), []string{"client_cert", "twice"}},
		{"argument to certgate_admin", inSite("certgate_admin staff"), []string{"certgate_admin", "no arguments"}},
		{"block of certgate_public", inSite("certgate_public {\n\t\tx\n\t}"), []string{"certgate_public", "no block"}},
		{"argument to certgate_health", inSite("certgate_health a b"), []string{"certgate_health", "no arguments"}},
		{"unknown audience of the pool", inSite("tls {\n\t\tclient_auth {\n\t\t\tmode require\n\t\t\ttrust_pool certgate everybody\n\t\t}\n\t}"), []string{`"everybody"`, "customers or staff"}},
		{"two audiences of the verifier", inSite("tls {\n\t\tclient_auth {\n\t\t\tmode require\n\t\t\tverifier certgate customers staff\n\t\t}\n\t}"), []string{`"staff"`, "customers or staff"}},
		{"block of the pool", inSite("tls {\n\t\tclient_auth {\n\t\t\tmode require\n\t\t\ttrust_pool certgate {\n\t\t\t\tx\n\t\t\t}\n\t\t}\n\t}"), []string{"block"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := adapt(row.caddyfile)
			explains(t, err, row.says)
		})
	}
}

func explains(t *testing.T, err error, says []string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was accepted")
	}
	for _, words := range says {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("the error does not say %q: %v", words, err)
		}
	}
}

func validate(text []byte) error {
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(text, config); err != nil {
		return err
	}
	return caddy.Validate(config)
}

const quiet = "\tadmin off\n\tpersist_config off\n\tauto_https off\n\tskip_install_trust\n"

func TestWhatCannotStartIsRefusedInProvisioning(t *testing.T) {
	dir := t.TempDir()
	urls := "\t\tpublic_url https://public.test\n\t\tpki_url http://pki.test\n"
	global := func(block string) string {
		return "{\n" + quiet + "\tstorage file_system {\n\t\troot " + filepath.Join(dir, "caddy") + "\n\t}\n" + block + "}\n"
	}
	app := "\tcertgate {\n\t\tdata_dir " + filepath.Join(dir, "data") + "\n" + urls + "\t}\n"
	site := func(lines string) string { return "http://api.test:1 {\n\t" + lines + "\n}\n" }
	header := func(name string) string {
		return global(app) + site("certgate production {\n\t\tkey_header "+name+"\n\t}")
	}
	auth := func(line string) string {
		return global(app) + "https://api.test:1 {\n\ttls internal {\n\t\tclient_auth {\n\t\t\tmode require\n\t\t\t" + line + "\n\t\t}\n\t}\n\tcertgate production\n}\n"
	}
	for _, row := range []struct {
		name, caddyfile string
		says            []string
	}{
		{"handler without the global block", global("") + site("certgate production"), []string{"global options", "certgate"}},
		{"staff API without the global block", global("") + site("certgate_admin"), []string{"global options", "certgate"}},
		{"probes without the global block", global("") + site("certgate_health"), []string{"global options", "certgate"}},
		{"no public_url", global("\tcertgate {\n\t\tpki_url http://pki.test\n\t}\n"), []string{"public_url", "missing", "https://"}},
		{"no pki_url", global("\tcertgate {\n\t\tpublic_url http://public.test\n\t}\n"), []string{"pki_url", "missing"}},
		{"public_url that is none", global("\tcertgate {\n\t\tpublic_url connect.test\n\t\tpki_url http://pki.test\n\t}\n"), []string{"public_url", `"connect.test"`, "http or https"}},
		{"pki_url with a query", global("\tcertgate {\n\t\tpublic_url http://public.test\n\t\tpki_url http://pki.test?x\n\t}\n"), []string{"pki_url", "query"}},
		{"plan with a burst below what a call takes", global("\tcertgate {\n" + urls + "\t\tplan sandbox rate 50 burst 4\n\t\tbehavior x GET /a cost 5\n\t}\n"), []string{"plan sandbox", "one call of x takes 5", "at least that"}},
		{"plan that contradicts itself", global("\tcertgate {\n" + urls + "\t\tplan sandbox day 50 per device\n\t\tplan sandbox day 40\n\t}\n"), []string{"plan sandbox", "can never be reached"}},
		{"plan of a behavior that is not there", global("\tcertgate {\n" + urls + "\t\tplan sandbox day 50 for x\n\t}\n"), []string{"plan sandbox", "is not in the configuration"}},
		{"missing trust file of the pool", auth("trust_pool certgate"), []string{"customers.pem", "certgate init"}},
		{"missing trust file of the staff's pool", auth("trust_pool certgate staff"), []string{"staff.pem", "certgate init"}},
		{"missing trust file of the verifier", auth("verifier certgate"), []string{"customers.pem", "certgate init"}},
		{"key_header Authorization", header("Authorization"), []string{"key_header Authorization", "X-API-Key"}},
		{"key_header in small letters", header("authorization"), []string{"key_header Authorization", "X-API-Key"}},
		{"key_header Host", header("host"), []string{"key_header Host", "X-API-Key"}},
		{"key_header with an underscore", header("X_API_Key"), []string{"key_header", "letters, digits and hyphens"}},
		{"key_header with a space", header(`"X API"`), []string{"key_header", "letters, digits and hyphens"}},
		{"key_header that we set", header("Certgate-Device"), []string{"key_header Certgate-Device", "X-API-Key"}},
		{"key_header that we set, the identifier", header("x-request-id"), []string{"key_header X-Request-Id", "X-API-Key"}},
		{"key_header of the proxy", header("X-Forwarded-For"), []string{"key_header X-Forwarded-For", "X-API-Key"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			config, err := adapt(row.caddyfile)
			must(t, err)
			explains(t, validate(config), row.says)
		})
	}
}

func TestAnUnknownFieldInJSONIsRefused(t *testing.T) {
	app := `"certgate":{"public_url":"https://a","pki_url":"http://b"}`
	handler := func(fields string) string {
		return app + `,"http":{"servers":{"s":{"routes":[{"handle":[{"handler":"certgate"` + fields + `}]}]}}}`
	}
	for _, row := range []struct{ name, apps, says string }{
		{"app", `"certgate":{"datadir":"/x"}`, `"datadir"`},
		{"behavior", `"certgate":{"behaviors":[{"name":"x","method":"GET","path":"/x","price":1}]}`, `"price"`},
		{"handler", handler(`,"environment":"production","open":true`), `"open"`},
		{"bad environment", handler(`,"environment":"prod"`), "sandbox, preprod or production"},
		{"no environment", handler(``), "sandbox, preprod or production"},
	} {
		t.Run(row.name, func(t *testing.T) {
			explains(t, validate([]byte(`{"admin":{"disabled":true,"config":{"persist":false}},"apps":{`+row.apps+`}}`)), []string{row.says})
		})
	}
}

// FuzzCaddyfile looks for option lines that make the parser panic, or that it accepts and the app then cannot read back.
func FuzzCaddyfile(f *testing.F) {
	for _, seed := range []string{"data_dir /x", "behavior a GET /fhir/* cost 1", "contact a@example.com \"+1\"", "behavior a GET /x upgrade websocket {", "{$A}", "import x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		if strings.Contains(lines, "import") || strings.Contains(lines, "$") {
			return // reads files or the environment
		}
		out, err := adapt(inGlobal(lines))
		if err == nil && !json.Valid(out) {
			t.Errorf("no JSON: %s", out)
		}
	})
}

package caddymodule_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// logged is a configuration whose log goes to a file.
func (w *world) logged(file string, directives ...string) string {
	w.t.Helper()
	return strings.Replace(w.global(), "admin off", fmt.Sprintf("admin off\n\tlog {\n\t\toutput file %s\n\t\tformat json\n\t}", w.path(file)), 1) +
		w.site("api.test", requestMode, append(directives, "certgate production", w.proxy())...)
}

// logLines reads the lines of a log with the message.
func (w *world) logLines(file, message string) (list []map[string]any) {
	w.t.Helper()
	f, err := os.Open(w.path(file))
	must(w.t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == message {
			list = append(list, line)
		}
	}
	return list
}

func TestARefusalIsOneLineWithoutAnythingPrivate(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.logged("first.log"))
	_, _, acme := w.certified("acme")
	client := w.client("h1", &acme.tls)
	for _, row := range []struct {
		path, key, reason string
		fields            []string
	}{
		{"/secret/Smith?name=Smith", acme.Key, "behavior-not-granted", []string{"account", "device", "key", "behavior"}},
		{"/fhir/Smith?access_token=" + acme.Key, acme.Key, "invalid-request", nil},
		{"/fhir/Smith", "Smith", "invalid-token", nil},
		{"/fhir/%53mith;Smith", acme.Key, "invalid-request", []string{"account", "device", "key"}},
	} {
		before := len(w.logLines("first.log", "refused"))
		resp, _ := w.get(client, "api.test", row.path, row.key, func(r *http.Request) {
			r.Header.Set("User-Agent", "Smith")
			r.Header.Set("X-Name", "Smith")
		})
		lines := w.logLines("first.log", "refused")
		if len(lines) != before+1 {
			t.Fatalf("%s: %d lines instead of one", row.reason, len(lines)-before)
		}
		line := lines[before]
		if line["id"] != resp.Header.Get("X-Request-Id") || line["reason"] != row.reason || line["logger"] != "certgate" || line["level"] != "info" {
			t.Errorf("%s: %v", row.reason, line)
		}
		for _, name := range row.fields {
			if line[name] == nil {
				t.Errorf("%s: the line lacks %s: %v", row.reason, name, line)
			}
		}
		allowed := append([]string{"level", "ts", "logger", "msg", "id", "reason", "peer", "host", "certificate"}, row.fields...)
		for name := range line {
			if !slices.Contains(allowed, name) {
				t.Errorf("%s: the line has %s: %v", row.reason, name, line)
			}
		}
	}
	text, err := os.ReadFile(w.path("first.log"))
	must(t, err)
	for _, private := range []string{"Smith", "mith", acme.Key, acme.Key[15:47], "access_token", "/fhir"} {
		if strings.Contains(string(text), private) {
			t.Errorf("the log holds %q", private)
		}
	}
}

func TestAFloodOfStrangersDoesNotFloodTheLog(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.logged("first.log"))
	_, _, acme := w.certified("acme")
	client := w.client("h1", &acme.tls)
	began := time.Now()
	for range 150 {
		w.get(client, "api.test", "/fhir/Patient/1", "")
	}
	seconds := int(time.Since(began).Seconds()) + 2 // begun and ended within one
	if lines := len(w.logLines("first.log", "refused")); lines < 10 || lines > 10*seconds {
		t.Errorf("%d lines in %d seconds", lines, seconds)
	}
	before := len(w.logLines("first.log", "refused"))
	for range 15 {
		w.get(client, "api.test", "/secret/1", acme.Key)
	}
	if lines := len(w.logLines("first.log", "refused")) - before; lines != 15 {
		t.Errorf("%d lines about 15 refusals of a known customer", lines)
	}
}

func TestTheLogFollowsAReload(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.logged("first.log"))
	client := w.client("h1", nil)
	w.get(client, "api.test", "/fhir/Patient/1", "")
	w.mustLoad(w.logged("second.log"))
	client.CloseIdleConnections()
	broken := strings.Replace(w.logged("third.log"), "certgate production", "certgate production {\n\t\tkey_header Authorization\n\t}", 1)
	if err := w.load(broken); err == nil {
		t.Fatal("a broken configuration was loaded")
	}
	resp, _ := w.get(client, "api.test", "/fhir/Patient/1", "")
	for file, want := range map[string]int{"first.log": 1, "second.log": 1, "third.log": 0} {
		if lines := w.logLines(file, "refused"); len(lines) != want {
			t.Errorf("%s has %d lines about refusals, want %d", file, len(lines), want)
		}
	}
	if lines := w.logLines("second.log", "refused"); len(lines) == 1 && lines[0]["id"] != resp.Header.Get("X-Request-Id") {
		t.Errorf("the line is %v", lines[0])
	}
}

func TestTheAccessLogSaysWhoCalledAndNotWhatAbout(t *testing.T) {
	w := foundWorld(t)
	access := "log {\n\t\toutput file " + w.path("access.log") + "\n\t\tformat filter {\n\t\t\trequest>uri delete\n\t\t\trequest>headers delete\n\t\t\tresp_headers delete\n\t\t}\n\t}"
	w.mustLoad(w.logged("first.log", access))
	_, device, acme := w.certified("acme")
	w.get(w.client("h2", &acme.tls), "api.test", "/fhir/Smith?name=Smith", acme.Key)
	id := w.upstream.last(t).Header.Get("X-Request-Id")
	eventually(t, "the access log has a line", func() bool { return len(w.logLines("access.log", "handled request")) == 1 })
	line := w.logLines("access.log", "handled request")[0]
	for name, want := range map[string]string{"certgate_id": id, "certgate_device": string(device.ID), "certgate_behavior": "fhir-query", "certgate_purpose": "TREAT"} {
		if line[name] != want {
			t.Errorf("%s is %v, want %s", name, line[name], want)
		}
	}
	text, err := os.ReadFile(w.path("access.log"))
	must(t, err)
	if strings.Contains(string(text), "Smith") || strings.Contains(string(text), acme.Key[:20]) {
		t.Errorf("the access log holds what is private: %s", text)
	}
}

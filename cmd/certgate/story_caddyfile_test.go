package main

import (
	"fmt"
	"os"
	"strings"
)

// storyCaddyfile is the example with the names and paths of a story, so that what operators copy is what stories run. Environment
// variables, which Caddy fills in, say where things are.
func storyCaddyfile() (string, error) {
	text, err := os.ReadFile("../../Caddyfile.example")
	if err != nil {
		return "", err
	}
	example := string(text)
	for _, row := range [][2]string{
		{"{\n\t# The directory must exist", "{\n\tauto_https disable_redirects\n\tskip_install_trust\n\tpersist_config off\n\tdefault_bind 127.0.0.1\n\tstorage file_system {$WORK}/caddy\n\t# The directory must exist"},
		{"grace_period 30s", "grace_period 1s"},
		{"#checkpoint_file /mnt/backup/certgate/checkpoints", "checkpoint_file {$WORK}/elsewhere/checkpoints"},
		{"https://connect.example.com", "{$PUBLIC}"},
		{"http://pki.example.com\n\n", "{$PKI}\n\n"},
		{"closed      2026-12-24 2026-12-31", "closed      2027-07-06 2027-12-31"},
		{"# smtp mail.example.com:587 {\n\t\t#	from          certification@example.com\n\t\t#	username      certgate\n\t\t#	password_file /etc/certgate/smtp-password\n\t\t# }", "smtp {$SMTP}"},
		{"# webhook https://hooks.example.com/certgate {\n\t\t#	secret_file /etc/certgate/webhook-secret\n\t\t# }", "webhook {$WEBHOOK} {\n\t\t\tsecret_file {$WORK}/webhook-secret\n\t\t\tallow_private\n\t\t}"},
		// A client of a story calls on while it is refused, to see when it is let in again.
		{"# source_limit rate 60/60s burst 300", "source_limit off"},
		{"tls {", "tls internal {"},
		{"\napi.example.com {", "\n{$API} {"},
		{"reverse_proxy https://10.0.0.5:8443", "reverse_proxy {$UPSTREAM}"},
		{"\nadmin.example.com {", "\n{$ADMIN} {"},
		{"\nconnect.example.com {", "\n{$PUBLIC} {"},
		{"\nhttp://pki.example.com {", "\n{$PKI} {"},
		{"\nhttp://127.0.0.1:9180 {", "\n{$METRICS} {"},
	} {
		if !strings.Contains(example, row[0]) {
			return "", fmt.Errorf("Caddyfile.example has no %q; bring story_caddyfile_test.go up to date", row[0])
		}
		example = strings.ReplaceAll(example, row[0], row[1])
	}
	return example, nil
}

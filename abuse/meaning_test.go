package abuse

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// leaves are the numbers in JSON, by their names.
func leaves(t *testing.T, v any) map[string]float64 {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]float64)
	for name, below := range tree {
		switch below := below.(type) {
		case float64:
			all[name] = below
		case map[string]any:
			for field, n := range below {
				all[name+"."+field] = n.(float64)
			}
		}
	}
	return all
}

func TestEveryThresholdIsDescribed(t *testing.T) {
	d := Defaults()
	want := leaves(t, d)
	if diff := cmp.Diff(want, d.Values()); diff != "" {
		t.Errorf("values beside those in JSON (-want +got):\n%s", diff)
	}
	if len(meanings) != len(want) {
		t.Errorf("%d meanings of %d thresholds", len(meanings), len(want))
	}
	for _, th := range d.Describe() {
		if th.Unit == "" || th.Meaning == "" || strings.HasSuffix(th.Meaning, ".") || th.Value != want[th.Name] || th.Least >= th.Most {
			t.Errorf("%+v", th)
		}
	}
	for _, r := range Rules() {
		own := 0
		for _, th := range d.Describe() {
			if th.Of(r) && th.Name != "cooldown_hours" {
				own++
			}
		}
		if own == 0 {
			t.Errorf("%s has no threshold", r)
		}
	}
}

func TestThresholdsAreSetByName(t *testing.T) {
	d := Defaults()
	for _, th := range d.Describe() {
		got, err := d.With(map[string]float64{th.Name: 7})
		if err != nil {
			t.Errorf("%s: %v", th.Name, err)
			continue
		}
		want := d.Values()
		want[th.Name] = 7
		if diff := cmp.Diff(want, got.Values()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", th.Name, diff)
		}
	}
	for _, values := range []map[string]float64{{"volume_spike.rato": 2}, {"probing.calls": 2.5}, {"": 1}, {"volume_spike": 3}} {
		if got, err := d.With(values); err == nil || !slices.Equal(got.Describe(), d.Describe()) {
			t.Errorf("%v: %v", values, err)
		}
	}
}

func TestTheDocumentHasTheTable(t *testing.T) {
	const name, head = "../docs/rules.md", "|---|---|---|---|---|\n"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(text), head)
	if !found {
		t.Fatalf("%s has no table", name)
	}
	var want strings.Builder
	want.WriteString(before + head)
	d := Defaults()
	for _, h := range d.Describe() {
		fmt.Fprintf(&want, "| `%s` | %v | %v to %v | %s | %s |\n", h.Name, h.Value, h.Least, h.Most, h.Unit, h.Meaning)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(name, []byte(want.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), string(text)); diff != "" {
		t.Errorf("%s; write it with UPDATE=1 (-want +got):\n%s", name, diff)
	}
}

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/onerecord/certgate/api"
)

// objects reads the items of a list.
func objects(items []json.RawMessage) ([]object, error) {
	out := make([]object, len(items))
	for i, item := range items {
		if err := json.Unmarshal(item, &out[i]); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
	}
	return out, nil
}

// named puts slug paths in place of the identifiers of accounts and devices in the columns that have them: people know the former.
func named(ctx context.Context, c *api.Client, columns []column, items []object) error {
	names := make(map[string]string)
	shown := func(paths ...string) bool {
		return len(items) > 0 && slices.ContainsFunc(columns, func(c column) bool { return slices.Contains(paths, c.path) })
	}
	if shown("account", "subject.id") {
		for a, err := range api.Each(ctx, api.Query{Limit: pageSize}, c.Accounts) {
			if err != nil {
				return err
			}
			names[string(a.ID)] = a.Slug
		}
	}
	if shown("device", "devices", "subject.id") {
		for d, err := range api.Each(ctx, api.Query{Limit: pageSize}, c.Devices) {
			if err != nil {
				return err
			}
			names[string(d.ID)] = d.Path
		}
	}
	if shown("by", "imported.import.by") {
		for p, err := range api.Each(ctx, api.Query{Limit: pageSize}, c.Staff) {
			if err != nil {
				return err
			}
			names[string(p.ID)] = p.Name
		}
	}
	for _, o := range items {
		for _, c := range columns {
			rename(o, c.path, names)
		}
	}
	return nil
}

// rename replaces an identifier at a path, or each of a list there.
func rename(o object, path string, names map[string]string) {
	above, last := o, path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		inner, ok := at(map[string]any(o), path[:i]).(map[string]any)
		if !ok {
			return
		}
		above, last = inner, path[i+1:]
	}
	if last == "id" && path == last {
		return // the object's own
	}
	switch v := above[last].(type) {
	case string:
		above[last] = nameOf(v, names)
	case []any:
		for i, e := range v {
			if s, ok := e.(string); ok {
				v[i] = nameOf(s, names)
			}
		}
	}
}

func nameOf(id string, names map[string]string) string {
	if name, ok := names[id]; ok {
		return name
	}
	return id
}

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// object is a JSON object of the API.
type object map[string]any

// column is one column of a table: its title, and where its value is in the object, such as "owner" or "subject.kind".
type column struct{ title, path string }

// text is the value at a path, as people read it; empty if there is none.
func (o object) text(path string) string { return plain(at(map[string]any(o), path)) }

// at finds the value at a path; of a list it is the values of all elements.
func at(v any, path string) any {
	if path == "" {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		part, rest, _ := strings.Cut(path, ".")
		return at(v[part], rest)
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = at(e, path)
		}
		return all
	}
	return nil
}

// plain prints a value in one cell.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return visible(v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = plain(e)
		}
		return strings.Join(parts, ",")
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// visible keeps what others wrote from moving the cursor or coloring the terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// printTable prints one line for each item.
func printTable(w io.Writer, columns []column, items []object) error {
	if len(items) == 0 {
		fmt.Fprintln(w, "none")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	fmt.Fprintln(table, strings.Join(titles, "\t"))
	for _, o := range items {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cell(o.text(c.path))
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

// cell keeps a value on its line.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC().Format("2006-01-02 15:04Z")
	}
	return strings.ReplaceAll(s, "\n", " ")
}

// printDetail prints an object with one line for each value, named by its path, in the order in which the API gave them.
func printDetail(w io.Writer, body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if err := flatten(d, "", func(path, value string) {
		for i, line := range strings.Split(strings.TrimSuffix(value, "\n"), "\n") {
			if i > 0 {
				path = ""
			}
			fmt.Fprintf(table, "%s\t%s\n", path, line)
		}
	}); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return table.Flush()
}

// flatten walks through one JSON value and reports every scalar in it.
func flatten(d *json.Decoder, path string, report func(path, value string)) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		report(path, plain(token))
		return nil
	}
	for i := 0; d.More(); i++ {
		below := fmt.Sprintf("%s[%d]", path, i)
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			below = strings.TrimPrefix(path+"."+plain(name), ".")
		}
		if err := flatten(d, below, report); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing bracket
	return err
}

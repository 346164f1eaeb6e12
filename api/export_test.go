package api

// Routes lists the admin API for the tests, as "METHOD /path".
func Routes() (list []string) {
	for _, r := range routes() {
		list = append(list, r.method+" "+r.path)
	}
	return list
}

// Codes lists every code that has a page.
func Codes() []string { return codes() }

// PageOf is a page for the tests: title, and the four answers.
func PageOf(code string) (title string, texts [4]string) {
	p := pages[code]
	return p.Title, [4]string{p.What, p.Who, p.Do, p.Retry}
}

// KindOfStatus is how the client reads an answer without one of our codes.
func KindOfStatus(status int) error { return kindOf("", status) }

// Decode is the strict reading of JSON.
func Decode(body []byte, into any) error { return decode(body, into) }

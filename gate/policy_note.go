package gate

// Check refuses a note that says nothing, holds a key, or is longer than a reader takes in. What a person leaves out stays out.
func (p *PolicyNote) Check() error {
	for _, f := range []struct{ name, text string }{
		{"policy", p.Version}, {"risk", p.Risk}, {"scope", p.Scope}, {"alternatives", p.Alternatives}, {"duration", p.Duration},
	} {
		if f.text == "" {
			continue
		}
		if err := checkText(f.name, f.text, 1000); err != nil {
			return err
		}
		if ContainsKey(f.text) {
			return FieldErrorf(f.name, "holds a key; say which by its identifier (key_...)")
		}
	}
	return nil
}

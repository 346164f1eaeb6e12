package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/onerecord/certgate/gate"
)

// defaultProfile is used where neither flag, environment nor file names another.
const defaultProfile = "default"

// profileFile is config.yaml as it is edited. What a person wrote beside the profiles, comments too, stays.
type profileFile struct {
	path string
	doc  yaml.Node
}

// openProfiles reads the file; one that is not there yet is empty.
func openProfiles() (*profileFile, error) {
	f := &profileFile{path: configPath()}
	if f.path == "" {
		return nil, errors.New("the system does not say where configuration belongs; set HOME")
	}
	text, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the profiles: %w", err)
	}
	if err := yaml.Unmarshal(text, &f.doc); err != nil {
		return nil, fmt.Errorf("read the profiles in %s: %w", f.path, err)
	}
	if f.doc.Kind == 0 {
		f.doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	if f.doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("read the profiles in %s: it must hold a mapping", f.path)
	}
	return f, nil
}

func (f *profileFile) dir() string { return filepath.Dir(f.path) }

// entry finds the value of a key in a mapping; nil if it has none.
func entry(m *yaml.Node, key string) *yaml.Node {
	for i := 0; m != nil && i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// put sets a key of a mapping.
func put(m *yaml.Node, key string, v *yaml.Node) {
	if old := entry(m, key); old != nil {
		*old = *v
		return
	}
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, v)
}

func (f *profileFile) has(name string) bool {
	return entry(entry(f.doc.Content[0], "profiles"), name) != nil
}

// set puts a profile in place of the one with its name.
func (f *profileFile) set(name string, p profile) error {
	if err := checkProfileName(name); err != nil {
		return err
	}
	var n yaml.Node
	if err := n.Encode(p); err != nil {
		return fmt.Errorf("write profile %s: %w", name, err)
	}
	root := f.doc.Content[0]
	all := entry(root, "profiles")
	if all == nil || all.Kind != yaml.MappingNode {
		put(root, "profiles", &yaml.Node{Kind: yaml.MappingNode})
		all = entry(root, "profiles")
	}
	put(all, name, &n)
	return f.write()
}

// remove takes a profile out of the file. The files that it names stay.
func (f *profileFile) remove(name string) error {
	all := entry(f.doc.Content[0], "profiles")
	for i := 0; all != nil && i+1 < len(all.Content); i += 2 {
		if all.Content[i].Value == name {
			all.Content = append(all.Content[:i:i], all.Content[i+2:]...)
			return f.write()
		}
	}
	return usagef("there is no profile %q in %s", gate.Clip(name, 60), f.path)
}

// use makes a profile the one that is used where none is named.
func (f *profileFile) use(name string) error {
	if !f.has(name) {
		return usagef("there is no profile %q in %s", gate.Clip(name, 60), f.path)
	}
	put(f.doc.Content[0], "use", &yaml.Node{Kind: yaml.ScalarNode, Value: name})
	return f.write()
}

// write replaces the file, whole or not at all.
func (f *profileFile) write() error {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&f.doc), e.Close()); err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	if err := os.MkdirAll(f.dir(), 0o700); err != nil {
		return fmt.Errorf("make the directory of the profiles: %w", err)
	}
	return replaceFile(f.path, b.Bytes())
}

// replaceFile puts a file, for its owner alone, in the place of one that may be there: whoever reads it finds the old or the new one.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".certgate-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(filepath.Dir(path))
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// checkProfileName refuses what could not be part of a file's name, too.
func checkProfileName(name string) error {
	if !profileName.MatchString(name) {
		return usagef("profile name %q must be of letters, digits, dots, dashes and underscores", gate.Clip(name, 60))
	}
	return nil
}

// profileName is the profile that is meant: by flag, environment or file.
func (t *tool) profileName() (string, error) {
	name := cmp.Or(t.flags.profile, os.Getenv("CERTGATE_PROFILE"))
	if name != "" {
		return name, nil
	}
	f, err := openProfiles()
	if err != nil {
		return "", err
	}
	if used := entry(f.doc.Content[0], "use"); used != nil {
		return used.Value, nil
	}
	return defaultProfile, nil
}

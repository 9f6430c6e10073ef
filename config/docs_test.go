package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const manual = "../docs/configuration.md"

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		cfg, err := Load(file, anyEnv)
		if err != nil {
			t.Error(err)
		} else if len(cfg.Warnings()) > 0 {
			t.Error(cfg.Warnings())
		}
	}
}

// Every name of the schema stands in the manual, in its own section where a heading
// of the same path exists.
func TestManualIsComplete(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		for _, f := range fieldsOf(reflect.New(typ).Elem()) {
			if !strings.Contains(string(text), "| `"+f.name+"` |") {
				t.Errorf("%s: %s has no row for it", manual, join(path, f.name))
			}
			if f.extra != nil {
				continue
			}
			if s := structOf(f.value.Type()); s != nil {
				walk(join(path, f.name), s)
			}
		}
	}
	walk("", reflect.TypeFor[Config]())
	words := slices.Concat(PresetNames(), chargings(), triggers())
	for _, w := range words {
		if !strings.Contains(string(text), "`"+w+"`") {
			t.Errorf("%s does not mention %s", manual, w)
		}
	}
}

// structOf is the struct that a value or the entries of a list are written as, nil
// for single values.
func structOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[Target]() || readerOf(t, "") != nil {
		return nil
	}
	return t
}

// Every YAML block of the manual is a configuration, where what it leaves out is
// taken from around.
func TestManualParses(t *testing.T) {
	around := map[string]string{
		"providers:":   "providers: {openai: {accounts: [{keys: [sk-0123456789]}]}, dashscope: {accounts: [{keys: [sk-9876543210]}]}}\n",
		"routes:":      "routes: {gpt-4o: {targets: [openai/gpt-4o]}}\n",
		"client_keys:": "client_keys: [{name: app, key: sk-client-0123456789abcd}]\n",
	}
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) < 5 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, b := range blocks {
		b, _, _ = strings.Cut(b, "```")
		whole := b
		for _, section := range []string{"providers:", "routes:", "client_keys:"} {
			if !strings.Contains("\n"+b, "\n"+section) {
				whole += around[section]
			}
		}
		if strings.Contains(b, "${file:") {
			whole = strings.ReplaceAll(whole, "${file:/run/secrets/", "${FILE_")
			whole = strings.ReplaceAll(whole, "openai-key}", "OPENAI}")
		}
		cfg, err := Parse(manual, []byte(whole), anyEnv)
		if err != nil {
			t.Errorf("%v\nin:\n%s", err, whole)
		} else if strings.HasPrefix(b, "# The same as a file.") {
			if d := Diff(cfg, demoOf(t, nil)); len(d) > 0 {
				t.Errorf("the demo is not what the manual says: %v", d)
			}
		}
	}
}

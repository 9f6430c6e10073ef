package layering

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sluice-gateway/sluice"

// file is one Go file of the project.
type file struct {
	path   string // from the root, with slashes
	syntax *ast.File
	set    *token.FileSet
}

// dir is the package's place in the project: "budget/tokens"; "." is the root.
func (f *file) dir() string { return path.Dir(f.path) }

func (f *file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f *file) lines() int { return f.set.File(f.syntax.FileStart).LineCount() }

// where is a place for people: path and line.
func (f *file) where(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.set.Position(n.Pos()).Line)
}

// imports are the import paths, and the name that each has in this file.
func (f *file) imports() map[string]string {
	out := make(map[string]string, len(f.syntax.Imports))
	for _, s := range f.syntax.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			continue
		}
		out[p] = path.Base(p)
		if s.Name != nil {
			out[p] = s.Name.Name
		}
	}
	return out
}

func parse(name string, src any) (*file, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	return &file{path: name, syntax: syntax, set: set}, err
}

// snippet is a file that a test of the checks themselves makes up.
func snippet(t *testing.T, name, src string) *file {
	t.Helper()
	f, err := parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// project is every Go file below the directory that holds go.mod.
func project(t *testing.T) []*file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the project's root is not where this package expects it: %v", err)
	}
	var files []*file
	err = fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(p, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil {
			return err
		}
		f, err := parse(p, src)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d Go files found: the walk is broken", len(files))
	}
	return files
}

func skipped(p, name string) bool {
	hidden := len(name) > 1 && (name[0] == '.' || name[0] == '_')
	return hidden || name == "testdata" || name == "node_modules" || p == "bin"
}

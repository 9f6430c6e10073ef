package dashboard

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func serve(t *testing.T) handler {
	t.Helper()
	h, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return h.(handler)
}

func get(h http.Handler, name string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, name, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestFilesAreServed(t *testing.T) {
	h := serve(t)
	w := get(h, "/", http.Header{"Accept-Encoding": {"gzip"}})
	if w.Code != 200 || w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Content-Security-Policy") != Policy {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if page, err := io.ReadAll(z); err != nil || !strings.Contains(string(page), "<title>Sluice</title>") {
		t.Fatalf("%v %s", err, page)
	}
	tag := w.Header().Get("ETag")
	if w := get(h, "/", http.Header{"If-None-Match": {tag}}); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("%d", w.Code)
	}
	if w := get(h, "/app.js", nil); w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%v", w.Header())
	}
	for _, name := range []string{"/nowhere", "/static/app.js", "/../dashboard.go", "/lib/", "/vendor"} {
		if w := get(h, name, nil); w.Code != 404 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	post := httptest.NewRecorder()
	if h.ServeHTTP(post, r); post.Code != 405 {
		t.Errorf("POST: %d", post.Code)
	}
}

// A first visit, with every page opened once, transfers at most 150 KB.
func TestTheWholePageIsSmall(t *testing.T) {
	n := serve(t).size()
	t.Logf("%d bytes, compressed", n)
	if n > 150<<10 {
		t.Errorf("%d bytes", n)
	}
}

// imported finds what a module imports.
var imported = regexp.MustCompile(`(?m)(?:^(?:import|export)[^;]*?from\s*|\bimport\(\s*|^import\s*|}from)["']([^"']+)["']`)

// Every module that is imported exists, and by a path that a page can resolve.
func TestModulesFindEachOther(t *testing.T) {
	h := serve(t)
	for name, p := range h.pages {
		if path.Ext(name) != ".js" || name == "/lib/samples.js" { // whose samples import as well
			continue
		}
		for _, m := range imported.FindAllStringSubmatch(string(p.plain), -1) {
			to := path.Join(path.Dir(name), m[1])
			if !strings.HasPrefix(m[1], ".") || h.pages[to] == nil {
				t.Errorf("%s imports %s", name, m[1])
			}
		}
	}
}

// asked finds the words that a page asks for by their whole names.
var asked = regexp.MustCompile(`\bt\(\s*"([\w.-]+)"`)

// holes finds the values of a text.
var holes = regexp.MustCompile(`\{\w+\}`)

// Both languages have the same words, with the same values in them, and all that pages
// ask for.
func TestWords(t *testing.T) {
	words := map[string]map[string]string{}
	for _, language := range []string{"en", "ko"} {
		data, err := files.ReadFile("static/i18n/" + language + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var w map[string]string
		if err := json.Unmarshal(data, &w); err != nil {
			t.Fatal(err)
		}
		words[language] = w
	}
	for name, en := range words["en"] {
		ko, ok := words["ko"][name]
		if !ok && strings.HasSuffix(name, "_one") {
			continue // Korean says one as it says many
		}
		if !ok || ko == "" {
			t.Errorf("%s: not in Korean", name)
			continue
		}
		a, b := holes.FindAllString(en, -1), holes.FindAllString(ko, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(slices.Compact(a), slices.Compact(b)) {
			t.Errorf("%s: %v and %v", name, a, b)
		}
	}
	for name := range words["ko"] {
		if words["en"][name] == "" && !strings.HasSuffix(name, "_one") {
			t.Errorf("%s: not in English", name)
		}
	}
	_ = fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".js" || strings.Contains(name, "/vendor/") {
			return err
		}
		data, err := files.ReadFile(name)
		for _, m := range asked.FindAllStringSubmatch(string(data), -1) {
			if words["en"][m[1]] == "" && !strings.HasSuffix(m[1], ".") {
				t.Errorf("%s asks for %s", name, m[1])
			}
		}
		return err
	})
}

// Nothing in the page asks for another host, and nothing is inline.
func TestNothingIsInlineOrForeign(t *testing.T) {
	inline := regexp.MustCompile(`<script(?:\s[^>]*)?>[^<\s]|\son\w+="|style="|javascript:`)
	foreign := regexp.MustCompile(`(?:src|href|url|fetch)\s*[=(]\s*["']?https?://`)
	for name, p := range serve(t).pages {
		if strings.HasPrefix(name, "/vendor/") {
			continue
		}
		if path.Ext(name) == ".html" && inline.Match(p.plain) {
			t.Errorf("%s: %s", name, inline.Find(p.plain))
		}
		if foreign.Match(p.plain) {
			t.Errorf("%s: %s", name, foreign.Find(p.plain))
		}
		if strings.Contains(string(p.plain), "innerHTML") || strings.Contains(string(p.plain), "dangerouslySetInnerHTML") {
			t.Errorf("%s writes markup from text", name)
		}
	}
}

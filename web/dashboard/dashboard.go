package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var files embed.FS

// Policy is the content security policy of the page.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// page is one file, ready to be sent.
type page struct {
	media, tag    string
	plain, packed []byte
}

// New makes the handler of the page and its parts. Every file is compressed once, here.
func New() (http.Handler, error) {
	pages := map[string]*page{}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		p, err := newPage(name, data)
		pages[strings.TrimPrefix(name, "static")] = p
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	pages["/"] = pages["/index.html"]
	return handler{pages}, nil
}

func newPage(name string, data []byte) (*page, error) {
	sum := sha256.Sum256(data)
	p := &page{media: mediaOf(name), tag: `"` + hex.EncodeToString(sum[:12]) + `"`, plain: data}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	p.packed = b.Bytes()
	return p, nil
}

// mediaOf does not ask the system for the types that matter: a module that is served as
// text is not run.
func mediaOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".LICENSE", ".txt":
		return "text/plain; charset=utf-8"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

type handler struct{ pages map[string]*page }

// ServeHTTP serves one file. A browser asks again each time and is told that nothing has
// changed, so a new program never meets an old script.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", Policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	p := h.pages[r.URL.Path]
	if p == nil {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	header.Set("Content-Type", p.media)
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", p.tag)
	header.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("If-None-Match"), p.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := p.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(p.packed) < len(p.plain) {
		header.Set("Content-Encoding", "gzip")
		body = p.packed
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a browser that has gone needs nothing
	}
}

// Size is what a first visit transfers: every file, compressed.
func (h handler) size() (n int) {
	for name, p := range h.pages {
		if name != "/" && !strings.HasSuffix(name, ".LICENSE") {
			n += min(len(p.packed), len(p.plain))
		}
	}
	return n
}

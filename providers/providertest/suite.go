package providertest

import (
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/providers"
)

// Now is the moment at which every fixture is read.
func Now() time.Time { return time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC) }

// Suite is what a dialect is tried with.
type Suite struct {
	// New makes the dialect for a preset, with Now as its clock. Required.
	New func(t testing.TB, preset string) providers.Dialect
	// Fixtures are the files of the package's documentation. Required; at least
	// errors and streams are not empty.
	Fixtures fs.FS
	// Preset is the one that everything without a fixture is tried with. Required.
	Preset string
	// KeyHeaders are the headers that may carry the upstream's key. Empty:
	// Authorization.
	KeyHeaders []string
}

// Run tries a dialect.
func Run(t *testing.T, s Suite) {
	if s.New == nil || s.Fixtures == nil || s.Preset == "" {
		t.Fatal("providertest: a Suite needs New, Fixtures and Preset")
	}
	if len(s.KeyHeaders) == 0 {
		s.KeyHeaders = []string{"Authorization"}
	}
	t.Run("errors", s.errors)
	t.Run("headers", s.headers)
	t.Run("answers", s.answers)
	t.Run("streams", s.streams)
	t.Run("splits", s.splits)
	t.Run("cuts", s.cuts)
	t.Run("requests", s.requests)
	t.Run("hostile", s.hostile)
	t.Run("secrets", s.secrets)
	t.Run("concurrent", s.concurrent)
}

// fixtures calls f for every file of a folder that ends so, with its preset.
func (s *Suite) fixtures(t *testing.T, folder, end string, f func(t *testing.T, preset, name string, data []byte)) int {
	t.Helper()
	names, err := fs.Glob(s.Fixtures, folder+"/*"+end)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(s.Fixtures, name)
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(path.Base(name), end)
		preset, _, _ := strings.Cut(base, ".")
		t.Run(base, func(t *testing.T) { f(t, preset, name, data) })
	}
	return len(names)
}

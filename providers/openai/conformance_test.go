package openai_test

import (
	"os"
	"testing"

	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		New:      func(t testing.TB, preset string) providers.Dialect { return newDialect(t, preset) },
		Fixtures: os.DirFS("testdata"),
		Preset:   "openai",
	})
}

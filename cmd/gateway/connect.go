package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	goopenai "github.com/sashabaranov/go-openai"

	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/providers/simulated"
)

// connector makes clients for providers. A simulated provider without a base URL
// lives in this process; it keeps its state over reloads that do not change it.
type connector struct {
	estimator *tokens.Estimator

	mu        sync.Mutex
	simulated map[string]simulatedServer
}

func newConnector(e *tokens.Estimator) *connector {
	return &connector{estimator: e, simulated: map[string]simulatedServer{}}
}

// connect makes a provider's dialect and HTTP client.
func (c *connector) connect(p *config.Provider, preset providers.Preset) (providers.Dialect, *http.Client, error) {
	base := p.BaseURL
	if base == "" {
		base = preset.BaseURL
	}
	var client *http.Client
	if p.Dialect == "simulated" && p.BaseURL == "" {
		base = "http://simulated.invalid/v1"
		client = &http.Client{Transport: simulated.Transport(c.server(p))}
	} else {
		client = providers.NewClient(providers.ClientOptions{Timeouts: providers.Timeouts{Connect: p.Timeouts.Connect}})
	}
	if base == "" {
		return nil, nil, fmt.Errorf("provider %s: no base_url, and preset %q has none", p.Name, preset.Name)
	}
	d, err := openai.New(openai.Options{BaseURL: base, Preset: preset, Now: time.Now})
	return d, client, err
}

// probe asks a provider for its models with a key: the cheapest call there is.
func (c *connector) probe(ctx context.Context, p *config.Provider, secret string) (invalid bool, err error) {
	if p.Dialect == "simulated" && p.BaseURL == "" {
		return false, nil
	}
	cfg := goopenai.DefaultConfig(secret)
	cfg.BaseURL = p.BaseURL
	cfg.HTTPClient = providers.NewClient(providers.ClientOptions{Timeouts: providers.Timeouts{Connect: p.Timeouts.Connect}})
	_, err = goopenai.NewClientWithConfig(cfg).ListModels(ctx)
	var api *goopenai.APIError
	if errors.As(err, &api) {
		return api.HTTPStatusCode == http.StatusUnauthorized || api.HTTPStatusCode == http.StatusForbidden, err
	}
	var failed *goopenai.RequestError
	if errors.As(err, &failed) {
		return failed.HTTPStatusCode == http.StatusUnauthorized || failed.HTTPStatusCode == http.StatusForbidden, err
	}
	return false, err
}

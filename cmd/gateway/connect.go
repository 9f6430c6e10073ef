package main

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

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
		o, err := clientOptions(p)
		if err != nil {
			return nil, nil, err
		}
		client = providers.NewClient(o)
	}
	if base == "" {
		return nil, nil, fmt.Errorf("provider %s: no base_url, and preset %q has none", p.Name, preset.Name)
	}
	d, err := openai.New(openai.Options{BaseURL: base, Preset: preset, Now: time.Now})
	return d, client, err
}

// clientOptions are how a provider is reached: its timeouts, proxy and authorities.
func clientOptions(p *config.Provider) (o providers.ClientOptions, err error) {
	o.Timeouts.Connect = p.Timeouts.Connect
	if p.CA != "" {
		if o.RootCAs, err = providers.Authorities(p.CA); err != nil {
			return o, fmt.Errorf("provider %s: ca: %w", p.Name, err)
		}
	}
	if p.Proxy != "" {
		if o.Proxy, err = url.Parse(p.Proxy.Reveal()); err != nil {
			return o, fmt.Errorf("provider %s: the proxy is not an address", p.Name) // its text may hold a password
		}
	}
	return o, nil
}

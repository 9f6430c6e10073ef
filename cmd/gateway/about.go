package main

import (
	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
)

// about says what this gateway is, by the configuration in force, to somebody.
func (s *service) about(who access.Identity) api.About {
	a := api.About{Version: version, DemoKey: s.demoKey, Routes: []string{}, Keys: []string{}}
	if s.api != nil {
		a.API = s.api.url()
	}
	cfg := s.settings.Config()
	for i := range cfg.Routes {
		a.Routes = append(a.Routes, cfg.Routes[i].Name)
	}
	for i := range cfg.ClientKeys {
		if k := &cfg.ClientKeys[i]; who.Role != access.KeyOwner || k.Owner == who.Owner {
			a.Keys = append(a.Keys, k.Name)
		}
	}
	return a
}

package main

import "github.com/sluice-gateway/sluice/web/api"

// about says what this gateway is, by the configuration in force.
func (s *service) about() api.About {
	a := api.About{Version: version, DemoKey: s.demoKey, Routes: []string{}, Keys: []string{}}
	if s.api != nil {
		a.API = s.api.url()
	}
	cfg := s.settings.Config()
	for i := range cfg.Routes {
		a.Routes = append(a.Routes, cfg.Routes[i].Name)
	}
	for i := range cfg.ClientKeys {
		a.Keys = append(a.Keys, cfg.ClientKeys[i].Name)
	}
	return a
}

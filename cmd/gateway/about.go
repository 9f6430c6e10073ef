package main

import "github.com/sluice-gateway/sluice/web/api"

// about says what this gateway is, by the configuration in force.
func (s *service) about() api.About {
	a := api.About{Version: version, DemoKey: s.demoKey, Routes: []string{}, Keys: []string{}}
	if s.api != nil {
		a.API = s.api.url()
	}
	for i := range s.cfg.Routes {
		a.Routes = append(a.Routes, s.cfg.Routes[i].Name)
	}
	for i := range s.cfg.ClientKeys {
		a.Keys = append(a.Keys, s.cfg.ClientKeys[i].Name)
	}
	return a
}

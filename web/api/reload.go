package api

import "net/http"

// Reloaded says that a configuration was loaded.
type Reloaded struct {
	Status string `json:"status"`
}

// ReloadEndpoints load the configuration file again, as SIGHUP does.
func ReloadEndpoints(reload func() error) []Endpoint {
	return []Endpoint{{
		Method: http.MethodPost, Path: "/reload", ID: "config.reload", Tag: "configuration",
		Summary: "Load the configuration file again", Roles: Admins(), Answer: Reloaded{},
		Handle: func(*Call) (any, error) {
			if err := reload(); err != nil {
				return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "invalid_configuration", Message: err.Error()}
			}
			return Reloaded{"loaded"}, nil
		},
	}}
}

package api

import "net/http"

// Reloaded says that a configuration was loaded.
type Reloaded struct {
	Status string `json:"status"` // loaded
	// Diff is from what was in force before. Empty: nothing has changed, as while a version
	// of the admin API lies over the file.
	Diff []string `json:"diff"`
	// NeedsRestart are the paths among the differences that act only after a restart.
	NeedsRestart []string `json:"needs_restart"`
}

// ReloadEndpoints load the configuration file again, as SIGHUP does.
func ReloadEndpoints(reload func() (Reloaded, error)) []Endpoint {
	return []Endpoint{{
		Method: http.MethodPost, Path: "/reload", ID: "config.reload", Tag: "configuration",
		Summary: "Load the configuration file again", Roles: Admins(), Answer: Reloaded{},
		Handle: func(c *Call) (any, error) {
			done, err := reload()
			if err != nil {
				return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "invalid_configuration", Message: err.Error(), Detail: ConfigProblems(err)}
			}
			c.Note("", map[string]any{"diff": done.Diff})
			return done, nil
		},
	}}
}

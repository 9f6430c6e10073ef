package api

import (
	"errors"
	"fmt"
	"strings"
)

// checkTable finds what is wrong with a table of endpoints: operations that nobody may
// use, that do nothing, or that stand in another's place.
func checkTable(endpoints []Endpoint) error {
	var problems []error
	at, ids := map[string]string{}, map[string]bool{}
	for i := range endpoints {
		e := &endpoints[i]
		place := e.Method + " " + e.Path
		switch {
		case e.ID == "" || ids[e.ID]:
			problems = append(problems, fmt.Errorf("api: %s: the operation %q has no name of its own", place, e.ID))
		case at[place] != "":
			problems = append(problems, fmt.Errorf("api: %s is %s's and %s's", place, at[place], e.ID))
		case len(e.Roles) == 0 && !e.Open:
			problems = append(problems, fmt.Errorf("api: nobody may use %s", e.ID))
		case len(e.Roles) > 0 && e.Open:
			problems = append(problems, fmt.Errorf("api: %s is open to everybody and names roles", e.ID))
		case (e.Handle == nil) == (e.Stream == nil):
			problems = append(problems, fmt.Errorf("api: %s needs Handle or Stream", e.ID))
		case e.Summary == "" || e.Tag == "":
			problems = append(problems, fmt.Errorf("api: %s says nothing of itself", e.ID))
		}
		at[place], ids[e.ID] = e.ID, true
	}
	return errors.Join(problems...)
}

// clip bounds what is repeated of a caller's words.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func join(words []string) string { return strings.Join(words, ", ") }

func trimSlash(s string) string { return strings.TrimPrefix(s, "/") }

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/config"
)

// ConfigView is the configuration in force.
type ConfigView struct {
	// Version names it, for If-Match; it changes whenever something else comes in force.
	Version string `json:"version"`
	// Source is file, api (a version that lies over the file) or demo.
	Source string `json:"source"`
	File   string `json:"file,omitempty"`
	// Text is the YAML with a placeholder for each secret that stands in it. A placeholder
	// that is sent back stands for its secret.
	Text string `json:"text"`
	// Lasting says that versions outlive the process; false: the store is in memory, as the
	// demo's is, and a restart begins with the file or the demo again.
	Lasting bool `json:"lasting"`
	// NeedsRestart are the settings of Text that act only after a restart, by their paths:
	// what they were at the start still acts.
	NeedsRestart []string `json:"needs_restart"`
	// Applied says who made the version; null: the file is in force.
	Applied *ConfigVersion `json:"applied,omitempty"`
	// Conflict is set while the file is not what the version in force was made from.
	Conflict *ConfigConflict `json:"conflict,omitempty"`
	// Lost is why a version that should be in force is not.
	Lost string `json:"lost,omitempty"`
	// FileProblems are what is wrong with the file now.
	FileProblems []ConfigProblem `json:"file_problems,omitempty"`
	Warnings     []ConfigProblem `json:"warnings"`
}

// ConfigConflict is a file that has changed under a version of the admin API.
type ConfigConflict struct {
	Message string `json:"message"`
	// Diff is from what is in force to the file.
	Diff []string `json:"diff"`
}

// ConfigProblem is one thing that is wrong or odd, with its place.
type ConfigProblem struct {
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// ConfigProblems lists what is wrong with a configuration; another error than
// config.Problems is a problem without a place. Nil: nothing is wrong.
func ConfigProblems(err error) []ConfigProblem {
	var problems config.Problems
	if err == nil {
		return nil
	}
	if !errors.As(err, &problems) {
		return []ConfigProblem{{Message: err.Error()}}
	}
	out := []ConfigProblem{}
	for _, p := range problems {
		out = append(out, ConfigProblem{Path: p.Path, Line: p.Line, Column: p.Column, Message: p.Message})
	}
	return out
}

// ConfigVersion is a version in the history.
type ConfigVersion struct {
	N      int64     `json:"n"`
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Note   string    `json:"note,omitempty"`
	Active bool      `json:"active"`
}

// ConfigVersionDetail is a version with its text.
type ConfigVersionDetail struct {
	ConfigVersion
	Text string `json:"text"` // with placeholders
	// Diff is from what is in force to it; null: it cannot be used any more.
	Diff []string `json:"diff"`
	// Problem is why it cannot be used any more.
	Problem string `json:"problem,omitempty"`
	// NeedsRestart are the paths among the differences that act only after a restart.
	NeedsRestart []string `json:"needs_restart"`
}

// ConfigChecked is what a text would do.
type ConfigChecked struct {
	Valid    bool            `json:"valid"`
	Problems []ConfigProblem `json:"problems"`
	Warnings []ConfigProblem `json:"warnings"`
	Diff     []string        `json:"diff"`
	// NeedsRestart are the paths among the differences that act only after a restart.
	NeedsRestart []string `json:"needs_restart"`
}

// ConfigApplied is what a change has done.
type ConfigApplied struct {
	Version  string          `json:"version"`
	Diff     []string        `json:"diff"`
	Warnings []ConfigProblem `json:"warnings"`
	// NeedsRestart are the paths among the differences that act only after a restart.
	NeedsRestart []string `json:"needs_restart"`
}

// ConfigText is a configuration to check or apply.
type ConfigText struct {
	Text string `json:"text"`
	Note string `json:"note,omitempty"` // for the history
}

// ConfigRollback says what to go back to: a version, or the file.
type ConfigRollback struct {
	Version int64  `json:"version,omitempty"`
	To      string `json:"to,omitempty"` // file
	Note    string `json:"note,omitempty"`
}

// ConfigChange is who changes the configuration, from what, and why.
type ConfigChange struct {
	// Version is the ConfigView's that the change is made from; empty: whatever is in
	// force.
	Version   string
	Who, Note string
}

// Configuration decides which configuration is in force. Errors are *Error or auth's.
type Configuration interface {
	Current() (ConfigView, error)
	// InForce is the configuration itself.
	InForce() *config.Config
	Check(text []byte) ConfigChecked
	Replace(ctx context.Context, c ConfigChange, text []byte) (ConfigApplied, error)
	Edit(ctx context.Context, c ConfigChange, edits func(*config.Config) ([]config.Edit, error)) (ConfigApplied, error)
	Rollback(ctx context.Context, c ConfigChange, n int64) (ConfigApplied, error)
	ToFile(ctx context.Context, c ConfigChange) (ConfigApplied, error)
	History(ctx context.Context, limit int) ([]ConfigVersion, error)
	Version(ctx context.Context, n int64) (ConfigVersionDetail, error)
}

// maxConfig bounds a text in a request: a configuration has at most 4 MiB, and JSON
// escapes some of it.
const maxConfig = 10 << 20

const yamlMedia = "application/yaml"

// ConfigEndpoints read, check, apply and roll back the configuration.
func ConfigEndpoints(s Configuration) []Endpoint {
	h := configHandlers{s}
	const ifMatch = "If-Match holds the version that the change is made from, as GET /config tells it; if something else is in force by then, nothing is done and the answer is 409."
	return []Endpoint{
		{
			Method: http.MethodGet, Path: "/config", ID: "config.show", Tag: "configuration", Roles: Readers(), Answer: ConfigView{},
			Summary:     "The configuration in force, without its secrets",
			Description: "Secrets that stand in the text are shown as placeholders; references such as ${NAME} stay. While a version of the admin API is in force and the file has changed, conflict says so.",
			Handle:      func(*Call) (any, error) { return h.s.Current() },
		},
		{
			Method: http.MethodPost, Path: "/config/validate", ID: "config.validate", Tag: "configuration", Roles: Admins(), Quiet: true,
			Summary:     "What is wrong with a configuration, and what it would change",
			Description: "Every problem is told at once, with its path, line and column. Nothing is applied.",
			Body:        ConfigText{}, RawBody: yamlMedia, MaxBody: maxConfig, Answer: ConfigChecked{}, Handle: h.check,
		},
		{
			Method: http.MethodPut, Path: "/config", ID: "config.apply", Tag: "configuration", Roles: Admins(),
			Summary:     "Apply a configuration as a new version, over the file",
			Description: "No call is dropped, and on any problem nothing changes. " + ifMatch + " The text has references only where the file has them, sends no secret to another host than before, and names no files of the host. Placeholders stand for the secrets that they were shown for.",
			Body:        ConfigText{}, RawBody: yamlMedia, MaxBody: maxConfig, Answer: ConfigApplied{}, Handle: h.apply,
		},
		{
			Method: http.MethodGet, Path: "/config/history", ID: "config.history", Tag: "configuration", Roles: Readers(), Answer: List[ConfigVersion]{},
			Summary: "The versions that were applied through the admin API, latest first",
			Query:   []Param{{Name: "limit", About: "how many at most, 1 to 1000; default 100", Type: "integer"}}, Handle: h.history,
		},
		{
			Method: http.MethodGet, Path: "/config/history/{n}", ID: "config.version", Tag: "configuration", Roles: Readers(), Answer: ConfigVersionDetail{},
			Summary: "One version without its secrets, and what it would change", Handle: h.version,
		},
		{
			Method: http.MethodPost, Path: "/config/rollback", ID: "config.rollback", Tag: "configuration", Roles: Admins(),
			Summary:     "Go back to a version, as a new one, or to the file",
			Description: `{"version": 3} or {"to": "file"}. ` + ifMatch,
			Body:        ConfigRollback{}, Answer: ConfigApplied{}, Handle: h.rollback,
		},
	}
}

type configHandlers struct{ s Configuration }

func (h configHandlers) check(c *Call) (any, error) {
	t, err := c.configText()
	if err != nil {
		return nil, err
	}
	return h.s.Check([]byte(t.Text)), nil
}

func (h configHandlers) apply(c *Call) (any, error) {
	t, err := c.configText()
	if err != nil {
		return nil, err
	}
	change, err := c.change(t.Note, true)
	if err != nil {
		return nil, err
	}
	return c.applied(h.s.Replace(c.Context(), change, []byte(t.Text)))
}

func (h configHandlers) history(c *Call) (any, error) {
	limit, err := c.Int("limit", 100, 1, 1000)
	if err != nil {
		return nil, err
	}
	rows, err := h.s.History(c.Context(), limit)
	if err != nil {
		return nil, err
	}
	return Page(rows, ""), nil
}

func (h configHandlers) version(c *Call) (any, error) {
	n, err := strconv.ParseInt(c.Param("n"), 10, 64)
	if err != nil || n < 1 {
		return nil, NotFound("version")
	}
	return h.s.Version(c.Context(), n)
}

func (h configHandlers) rollback(c *Call) (any, error) {
	var r ConfigRollback
	if err := c.Decode(&r); err != nil {
		return nil, err
	}
	change, err := c.change(r.Note, true)
	if err != nil {
		return nil, err
	}
	switch {
	case r.To == "file" && r.Version == 0:
		return c.applied(h.s.ToFile(c.Context(), change))
	case r.To == "" && r.Version > 0:
		return c.applied(h.s.Rollback(c.Context(), change, r.Version))
	}
	return nil, Invalid("say what to go back to", map[string]string{"version": `a version's number, or {"to": "file"} instead`})
}

// configText reads a configuration from the body: JSON, or YAML as it is.
func (c *Call) configText() (ConfigText, error) {
	media, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	if media == yamlMedia || media == "text/yaml" || media == "text/plain" || media == "application/x-yaml" {
		data, err := c.Read()
		return ConfigText{Text: string(data)}, err
	}
	var t ConfigText
	return t, c.Decode(&t)
}

// change says who changes the configuration and from what. Where a version is needed and
// not given, nobody can tell what the change was made from.
func (c *Call) change(note string, needed bool) (ConfigChange, error) {
	const maxNote = 500
	version := strings.Trim(strings.TrimPrefix(strings.TrimSpace(c.Request.Header.Get("If-Match")), "W/"), `"`)
	if version == "" && needed {
		return ConfigChange{}, &Error{Status: http.StatusPreconditionRequired, Code: "if_match_needed",
			Message: "send the version that the change is made from as If-Match; GET /config tells it"}
	}
	if len(note) > maxNote {
		return ConfigChange{}, Invalid("the note cannot be kept", map[string]string{"note": "has at most 500 bytes"})
	}
	return ConfigChange{Version: version, Who: c.Who.Name, Note: note}, nil
}

// applied notes for the audit log what a change has done.
func (c *Call) applied(a ConfigApplied, err error) (any, error) {
	if err == nil {
		c.Note(a.Version, map[string]any{"diff": a.Diff})
	}
	return a, err
}

// writtenValue is a JSON number or text as the configuration writes it; null is nil.
func writtenValue(raw json.RawMessage) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return v, v != "" && len(v) <= 64
	case json.Number:
		return v.String(), true
	}
	return nil, false
}

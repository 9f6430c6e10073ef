package settings

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/web/api"
)

// Surface is the Settings in the admin API's words.
func (s *Settings) Surface() api.Configuration { return surface{s} }

type surface struct{ s *Settings }

// Current shows what is in force.
func (f surface) Current() (api.ConfigView, error) {
	st := f.s.State()
	v := api.ConfigView{Version: st.Tag(), Source: "file", File: f.s.o.File, Lasting: st.Lasting(), Warnings: api.ConfigProblems(st.Config.Warnings()), NeedsRestart: orEmpty(st.NeedsRestart())}
	text, ok := st.Config.Redacted()
	if !ok {
		return v, api.Conflict("not_redactable", "the configuration cannot be shown: its secrets cannot be told from the rest of the text. Write it in a plainer style, or use references")
	}
	v.Text = string(text)
	if f.s.o.File == "" {
		v.Source = "demo"
	}
	if st.Version.N != 0 {
		v.Source = "api"
		applied := versionOf(&st.Version)
		applied.Active = true
		v.Applied = &applied
	}
	if st.Conflict() {
		v.Conflict = &api.ConfigConflict{
			Message: "the file has changed since this version was applied, and is not in force: apply a version that has the change, or roll back to the file",
			Diff:    orEmpty(config.Diff(st.Config, st.File)),
		}
	}
	if st.Lost != nil {
		v.Lost = st.Lost.Error()
	}
	v.FileProblems = api.ConfigProblems(st.FileProblem)
	return v, nil
}

// InForce is the configuration in force.
func (f surface) InForce() *config.Config { return f.s.Config() }

// Check tells what a text would do.
func (f surface) Check(text []byte) api.ConfigChecked {
	would, err := f.s.Check(text)
	if err != nil {
		return api.ConfigChecked{Problems: api.ConfigProblems(err), Warnings: []api.ConfigProblem{}, Diff: []string{}, NeedsRestart: []string{}}
	}
	return api.ConfigChecked{
		Valid: true, Problems: []api.ConfigProblem{}, Warnings: api.ConfigProblems(would.Warnings), Diff: orEmpty(would.Diff), NeedsRestart: orEmpty(would.NeedsRestart),
	}
}

// Replace applies a text.
func (f surface) Replace(ctx context.Context, c api.ConfigChange, text []byte) (api.ConfigApplied, error) {
	return appliedOf(f.s.Replace(ctx, changeOf(c), text))
}

// Edit changes single values.
func (f surface) Edit(ctx context.Context, c api.ConfigChange, edits func(*config.Config) ([]config.Edit, error)) (api.ConfigApplied, error) {
	return appliedOf(f.s.Edit(ctx, changeOf(c), edits))
}

// Rollback goes back to a version.
func (f surface) Rollback(ctx context.Context, c api.ConfigChange, n int64) (api.ConfigApplied, error) {
	return appliedOf(f.s.Rollback(ctx, changeOf(c), n))
}

// ToFile goes back to the file.
func (f surface) ToFile(ctx context.Context, c api.ConfigChange) (api.ConfigApplied, error) {
	return appliedOf(f.s.ToFile(ctx, changeOf(c)))
}

// History answers the versions.
func (f surface) History(ctx context.Context, limit int) ([]api.ConfigVersion, error) {
	versions, err := f.s.History(ctx, limit)
	var out []api.ConfigVersion
	for i := range versions {
		out = append(out, versionOf(&versions[i]))
	}
	return out, told(err)
}

// Version answers one version.
func (f surface) Version(ctx context.Context, n int64) (api.ConfigVersionDetail, error) {
	v, err := f.s.Show(ctx, n)
	if err != nil {
		return api.ConfigVersionDetail{}, told(err)
	}
	out := api.ConfigVersionDetail{ConfigVersion: versionOf(&v.Version), Text: string(v.Redacted), Diff: v.Diff, NeedsRestart: orEmpty(v.NeedsRestart)}
	if v.Problem != nil {
		out.Problem = v.Problem.Error()
	} else {
		out.Diff = orEmpty(v.Diff)
	}
	return out, nil
}

func versionOf(v *history.Version) api.ConfigVersion {
	return api.ConfigVersion{N: v.N, At: v.At, Who: v.Who, Note: v.Note, Active: v.Active}
}

func changeOf(c api.ConfigChange) Change { return Change{Tag: c.Version, Who: c.Who, Note: c.Note} }

func appliedOf(a *Applied, err error) (api.ConfigApplied, error) {
	if err != nil {
		return api.ConfigApplied{}, told(err)
	}
	return api.ConfigApplied{
		Version: a.State.Tag(), Diff: orEmpty(a.Diff), Warnings: api.ConfigProblems(a.Warnings), NeedsRestart: orEmpty(a.NeedsRestart),
	}, nil
}

// ReloadSurface is Reload in the admin API's words.
func (s *Settings) ReloadSurface() (api.Reloaded, error) {
	a, err := s.reload()
	if err != nil {
		return api.Reloaded{}, err
	}
	return api.Reloaded{Status: "loaded", Diff: orEmpty(a.Diff), NeedsRestart: orEmpty(a.NeedsRestart)}, nil
}

// told is an error in the admin API's words.
func told(err error) error {
	var problems config.Problems
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problems):
		e := api.Invalid(summary(problems), map[string]string{})
		for _, p := range problems {
			at := p.Path
			if at == "" {
				at = "text"
			}
			if e.Fields[at] != "" {
				e.Fields[at] += "; "
			}
			e.Fields[at] += p.Message
		}
		e.Detail = api.ConfigProblems(problems)
		return e
	case errors.Is(err, ErrChanged) || errors.Is(err, auth.ErrConflict):
		return api.Conflict("changed_meanwhile", ErrChanged.Error())
	case errors.Is(err, ErrNoHistory):
		return api.Unavailable("no_store", ErrNoHistory.Error())
	case errors.Is(err, ErrNoVault):
		return &api.Error{Status: http.StatusUnprocessableEntity, Code: "no_encryption_key", Message: ErrNoVault.Error()}
	case errors.Is(err, auth.ErrNotFound):
		return api.NotFound("version")
	}
	return err
}

func orEmpty(lines []string) []string {
	if lines == nil {
		return []string{}
	}
	return lines
}

// summary is the first problem, and how many there are.
func summary(p config.Problems) string {
	if len(p) == 1 {
		return "the configuration cannot be used: " + p[0].Message
	}
	return fmt.Sprintf("the configuration cannot be used: %d problems, the first: %s", len(p), p[0].Message)
}

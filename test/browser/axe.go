package browser

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

// Violation is a rule of axe-core's that a page breaks, and where.
type Violation struct {
	Rule   string   `json:"rule"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s, %s: %s\n\t%s", v.Impact, v.Rule, v.Help, strings.Join(v.Nodes, "\n\t"))
}

// Axe is the source of axe-core, as scripts/setup-test.sh has installed it. dir is this
// package's.
func Axe(dir string) (string, error) {
	source, err := os.ReadFile(filepath.Join(dir, "axe", "node_modules", "axe-core", "axe.min.js"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("browser: there is no axe-core: run scripts/setup-test.sh")
	}
	return string(source), err
}

// Check asks axe-core what is wrong with what the page shows. Rules restrict it to some;
// none: all.
func (p *Page) Check(axe string, rules ...string) ([]Violation, error) {
	var there bool
	if err := p.Eval("!!window.axe", &there); err != nil {
		return nil, err
	}
	if !there { // the inspector may run what the page's policy forbids the page
		if err := p.run("load axe", chromedp.Evaluate[chromedp.Void](axe+";undefined")); err != nil {
			return nil, err
		}
	}
	only := ""
	if len(rules) > 0 {
		only = `runOnly: ["` + strings.Join(rules, `", "`) + `"], `
	}
	var found []Violation
	err := p.Eval(`axe.run(document, { `+only+`resultTypes: ["violations"], preload: false }).then((r) => r.violations.map((v) => ({
		rule: v.id, impact: v.impact || "", help: v.help,
		nodes: v.nodes.slice(0, 5).map((n) => n.target.join(" ") + "  " + n.html.slice(0, 160) + "  " + (n.any[0] || n.all[0] || n.none[0])?.message) })))`, &found)
	return found, err
}

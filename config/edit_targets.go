package config

import "strings"

// targets writes a route's list anew. A target that is on it already keeps its text and
// its comments.
func (e *editor) targets(n *node, targets []Target) error {
	old := make([]Target, len(n.items))
	for i, it := range n.items {
		d := newDecoder("", Options{})
		d.blind = true
		old[i].decode(d, "", it)
	}
	if n.flow {
		items := make([]string, len(targets))
		for i, t := range targets {
			items[i] = targetText(t)
			if j := indexTarget(old, t); j >= 0 && old[j] == t && n.items[j].from < n.items[j].to {
				items[i] = e.text[n.items[j].written().from:n.items[j].written().to]
			}
		}
		e.splice(n.extent, "["+strings.Join(items, ", ")+"]")
		return nil
	}
	return e.blockTargets(n, old, targets)
}

func indexTarget(list []Target, t Target) int {
	for i := range list {
		if list[i].String() == t.String() {
			return i
		}
	}
	return -1
}

// blockTargets writes a list of one entry per line. An entry's lines begin with the
// comments right above it.
func (e *editor) blockTargets(n *node, old, targets []Target) error {
	if len(n.dashes) != len(n.items) || len(n.items) == 0 {
		return errUnknown
	}
	lines := make([]extent, len(n.items))
	for i := range n.items {
		if n.dashes[i].from >= n.dashes[i].to || n.items[i].written().to <= n.dashes[i].from {
			return errUnknown
		}
		lines[i] = extent{e.commentsAbove(e.lineBegin(n.dashes[i].from)), e.lineEnd(n.items[i].written().to)}
	}
	indent := strings.Repeat(" ", n.dashes[0].from-e.lineBegin(n.dashes[0].from))
	var out []string
	for _, t := range targets {
		i := indexTarget(old, t)
		switch {
		case i < 0:
			out = append(out, indent+"- "+targetText(t))
		case old[i] == t:
			out = append(out, e.text[lines[i].from:lines[i].to])
		default:
			above := e.text[lines[i].from:e.lineBegin(n.dashes[i].from)]
			behind := e.text[n.items[i].written().to:lines[i].to]
			out = append(out, above+indent+"- "+targetText(t)+behind)
		}
	}
	e.splice(extent{lines[0].from, lines[len(lines)-1].to}, strings.Join(out, "\n"))
	return nil
}

// commentsAbove is where the comments right above a line begin.
func (e *editor) commentsAbove(line int) int {
	for line > 0 {
		above := e.lineBegin(line - 1)
		if !strings.HasPrefix(strings.TrimSpace(e.text[above:line]), "#") {
			return line
		}
		line = above
	}
	return line
}

package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxDepth bounds how deep values nest; the schema needs seven levels.
const maxDepth = 64

type nodeKind uint8

const (
	nullNode nodeKind = iota
	scalarNode
	mapNode
	listNode
)

// String is the kind as a problem names it.
func (k nodeKind) String() string {
	return [...]string{"nothing", "a single value", "a mapping", "a list"}[k]
}

// node is a YAML value reduced to what the decoder needs. Aliases share nodes, so
// a node is not changed once it is built.
type node struct {
	kind   nodeKind
	at     mark
	text   string // of a scalar, references not yet replaced
	fields []field
	items  []*node

	extent          // where it is written, in bytes of the text
	flow   bool     // written in brackets
	alias  bool     // written elsewhere; use is where its alias stands
	use    extent   // of an alias
	dashes []extent // of a list's items that are not in brackets
}

// extent is a piece of a text, in bytes; from and to are equal where it is not known.
type extent struct{ from, to int }

// around is the smallest extent that holds both.
func (s extent) around(o extent) extent {
	switch {
	case s.from == s.to:
		return o
	case o.from == o.to:
		return s
	}
	return extent{min(s.from, o.from), max(s.to, o.to)}
}

// field is one entry of a mapping, in the order of the file.
type field struct {
	name   string
	at     mark
	key    extent
	value  *node
	merged bool // from another mapping
}

// builder turns syntax into nodes and collects what the schema never allows.
type builder struct {
	problems Problems
	anchors  map[string]*node
	spans    map[*token.Token]extent
}

// readNodes parses YAML. A nil node without problems is an empty file.
func readNodes(data []byte) (root *node, problems Problems) {
	defer func() {
		if r := recover(); r != nil {
			root, problems = nil, Problems{{Message: "this is not valid YAML"}}
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if at, deep := tooDeep(tokens); deep {
		return nil, Problems{{Line: at.line, Column: at.column, Message: "values nest too deep here"}}
	}
	if at, wide := tooWide(tokens); wide {
		return nil, Problems{{Line: at.line, Column: at.column, Message: "a mapping has more than 10000 entries here"}}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Problems{syntaxProblem(err)}
	}
	b := &builder{anchors: map[string]*node{}, spans: spansOf(string(data), tokens)}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			b.problem(place(doc.Body.GetToken()), "there is more than one YAML document; a configuration is one")
			break
		}
		root = b.build(doc.Body, 0)
	}
	return root, b.problems
}

// syntaxProblem is a parser's error without the excerpt of the file that it
// carries, which may hold a secret.
func syntaxProblem(err error) Problem {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return Problem{Message: "this is not valid YAML"}
	}
	at := place(ye.GetToken())
	message, _, _ := strings.Cut(ye.GetMessage(), "\n")
	return Problem{Line: at.line, Column: at.column, Message: "this is not valid YAML: " + message}
}

func place(t *token.Token) mark {
	if t == nil || t.Position == nil {
		return mark{}
	}
	return mark{t.Position.Line, t.Position.Column}
}

func (b *builder) problem(at mark, format string, args ...any) {
	b.problems = append(b.problems, Problem{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// build never answers nil; what it cannot read becomes a null and a problem.
func (b *builder) build(n ast.Node, depth int) *node {
	if n == nil {
		return &node{}
	}
	at := place(n.GetToken())
	if depth > maxDepth {
		b.problem(at, "values nest too deep here")
		return &node{at: at}
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return &node{at: at}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			at = place(n.Values[0].Key.GetToken())
		}
		m := b.mapping(at, n.Values, depth)
		if m.flow = n.IsFlowStyle; m.flow {
			m.extent = b.at(n.Start).around(b.at(n.End))
		}
		return m
	case *ast.MappingValueNode:
		return b.mapping(place(n.Key.GetToken()), []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		return b.list(at, n, depth)
	case *ast.LiteralNode:
		return &node{kind: scalarNode, at: at, text: n.Value.Value, extent: b.at(n.Start).around(b.at(n.Value.GetToken()))}
	case *ast.AnchorNode:
		v := b.build(n.Value, depth+1)
		b.anchors[anchorName(n.Name)] = v
		return v
	case *ast.AliasNode:
		if v, ok := b.anchors[anchorName(n.Value)]; ok {
			used := *v
			used.alias, used.use = true, b.at(n.GetToken()).around(b.at(n.Value.GetToken()))
			return &used
		}
		b.problem(at, "there is no anchor of this name before this alias")
		return &node{at: at}
	case *ast.TagNode:
		if strings.HasPrefix(n.Start.Value, "!!") {
			return b.build(n.Value, depth+1)
		}
		b.problem(at, "tags have no meaning in a configuration")
		return &node{at: at}
	case ast.ScalarNode:
		return &node{kind: scalarNode, at: at, text: n.GetToken().Value, extent: b.at(n.GetToken())}
	}
	b.problem(at, "this is not a value")
	return &node{at: at}
}

// at is where a token is written.
func (b *builder) at(t *token.Token) extent { return b.spans[t] }

func (b *builder) list(at mark, n *ast.SequenceNode, depth int) *node {
	list := &node{kind: listNode, at: at, flow: n.IsFlowStyle}
	for i, v := range n.Values {
		item := b.build(v, depth+1)
		list.items = append(list.items, item)
		list.extent = list.extent.around(item.written())
		if !list.flow && i < len(n.Entries) && n.Entries[i] != nil {
			dash := b.at(n.Entries[i].Start)
			list.dashes = append(list.dashes, dash)
			list.extent = list.extent.around(dash)
		}
	}
	if list.flow {
		list.extent = b.at(n.Start).around(b.at(n.End))
	}
	return list
}

// written is where a value stands: its alias, where it has one.
func (n *node) written() extent {
	if n.alias {
		return n.use
	}
	return n.extent
}

func anchorName(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

// mapping reads the entries of a mapping; a merge key adds those of its value that
// the mapping itself does not have.
func (b *builder) mapping(at mark, values []*ast.MappingValueNode, depth int) *node {
	m := &node{kind: mapNode, at: at}
	seen := map[string]mark{}
	var merged []*node
	for _, v := range values {
		name, keyAt, ok := b.key(v.Key)
		if !ok {
			continue
		}
		value := b.build(v.Value, depth+1)
		if name == "<<" {
			merged = append(merged, value)
			continue
		}
		if first, dup := seen[name]; dup {
			b.problem(keyAt, "%s is given twice; the first is in line %d", quote(name), first.line)
			continue
		}
		seen[name] = keyAt
		key := b.at(v.Key.GetToken())
		m.fields = append(m.fields, field{name: name, at: keyAt, key: key, value: value})
		m.extent = m.extent.around(key).around(value.written())
	}
	for _, v := range merged {
		b.merge(m, v, seen)
	}
	return m
}

func (b *builder) merge(m, from *node, seen map[string]mark) {
	switch from.kind {
	case mapNode:
		for _, f := range from.fields {
			if _, has := seen[f.name]; !has {
				seen[f.name] = f.at
				f.merged = true
				m.fields = append(m.fields, f)
			}
		}
	case listNode:
		for _, v := range from.items {
			if v.kind == mapNode {
				b.merge(m, v, seen)
			}
		}
	default:
		b.problem(from.at, "<< merges a mapping or a list of mappings")
	}
}

// key reads a mapping's key.
func (b *builder) key(k ast.MapKeyNode) (string, mark, bool) {
	var n ast.Node = k
	if mk, ok := n.(*ast.MappingKeyNode); ok {
		n = mk.Value
	}
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		at := place(k.GetToken())
		b.problem(at, "a name is expected here")
		return "", at, false
	case *ast.MergeKeyNode:
		return "<<", place(n.GetToken()), true
	case *ast.LiteralNode:
		return n.Value.Value, place(n.GetToken()), true
	default:
		return n.GetToken().Value, place(n.GetToken()), true
	}
}

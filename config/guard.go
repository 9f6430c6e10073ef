package config

import "github.com/goccy/go-yaml/token"

// maxEntries bounds the entries of one mapping: the parser's time grows with their
// square.
const maxEntries = 10_000

// tooDeep finds nesting that would exhaust the parser's stack before it is parsed.
func tooDeep(tokens token.Tokens) (mark, bool) {
	flow, run := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			if flow <= 0 && keyColumn(t) > 4*maxDepth {
				return place(t), true
			}
		case token.TagType, token.AnchorType:
			run++
			if run > maxDepth {
				return place(t), true
			}
			continue
		}
		run = 0
		if flow > maxDepth {
			return place(t), true
		}
	}
	return mark{}, false
}

// tooWide finds mappings that would take the parser very long before it is parsed.
// Entries of one block mapping begin in one column; those of a flow mapping are
// counted until its outermost bracket closes.
func tooWide(tokens token.Tokens) (mark, bool) {
	type level struct{ column, entries int }
	var block []level // of growing column
	flow, inFlow := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			if flow = max(flow-1, 0); flow == 0 {
				inFlow = 0
			}
		case token.SequenceEntryType, token.MappingValueType:
			if flow > 0 {
				if inFlow++; inFlow > maxEntries {
					return place(t), true
				}
				continue
			}
			column := keyColumn(t)
			for len(block) > 0 && block[len(block)-1].column > column {
				block = block[:len(block)-1]
			}
			if t.Type == token.SequenceEntryType {
				continue
			}
			if len(block) == 0 || block[len(block)-1].column < column {
				block = append(block, level{column: column})
			}
			top := &block[len(block)-1]
			if top.entries++; top.entries > maxEntries {
				return place(t), true
			}
		}
	}
	return mark{}, false
}

// keyColumn is where the key of a colon begins; any other token's own column.
func keyColumn(t *token.Token) int {
	if t.Type == token.MappingValueType && t.Prev != nil {
		t = t.Prev
	}
	return t.Position.Column
}

package live

import (
	"encoding/json"
	"reflect"
)

// plain is a value as JSON's own types: maps, lists, numbers, texts. It is for data that
// always encodes.
func plain(v any) (out any) {
	_ = json.Unmarshal(encoded(v), &out)
	return out
}

// difference is the JSON merge patch (RFC 7396) from one plain value to another; false:
// they are the same. Neither may hold nulls, which a merge patch cannot tell.
func difference(from, to any) (any, bool) {
	a, aIsMap := from.(map[string]any)
	b, bIsMap := to.(map[string]any)
	if !aIsMap || !bIsMap {
		return to, !reflect.DeepEqual(from, to)
	}
	patch := map[string]any{}
	for name := range a {
		if _, stays := b[name]; !stays {
			patch[name] = nil
		}
	}
	for name, value := range b {
		before, was := a[name]
		if !was {
			patch[name] = value
			continue
		}
		if change, differs := difference(before, value); differs {
			patch[name] = change
		}
	}
	return patch, len(patch) > 0
}

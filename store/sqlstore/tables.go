package sqlstore

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// table is one table of the schema, as it is copied.
type table struct{ name, columns string }

// tables are everything that is kept, what is referred to before what refers to it. The
// migrations' own table is left out: another database has its own.
func tables() []table {
	return []table{
		{"client_keys", keyColumns + ", revision"},
		{"owners", ownerColumns + ", born, revision"},
		{"accounts", accountColumns},
		{"api_tokens", tokenColumns},
		{"sessions", "hash, account_id, created_at, expires_at"},
		{"audit", "id, at, who, role, origin, action, target, detail"},
		{"config_versions", versionColumns + ", text"},
		{"upstream_keys", "provider, account, fingerprint, sealed, state, expires_at, updated_at"},
		{"vault_canary", "id, sealed"},
		{"requests", requestColumns() + ", trail"},
		{"attempts", attemptColumns},
		{"contents", contentColumns},
		{"usage_hours", cellColumns + ", " + strings.Join(countColumns(), ", ")},
		{"key_names", "key_id, name, at"},
	}
}

// Copied names the columns that Copy copies, as table.column, in their order. Engines'
// tests compare it with what their migrations make.
func Copied() []string {
	var all []string
	for _, t := range tables() {
		for name := range strings.SplitSeq(t.columns, ",") {
			all = append(all, t.name+"."+strings.TrimSpace(name))
		}
	}
	slices.Sort(all)
	return all
}

// flags tell which columns are true or false, which SQLite keeps as numbers. The vault's
// sealed columns are bytes, and so never taken for one.
func (t table) flags() []bool {
	names := strings.Split(t.columns, ",")
	flags := make([]bool, len(names))
	for i, name := range names {
		switch strings.TrimSpace(name) {
		case "disabled", "sealed", "active", "stream", "known", "spared", "cut":
			flags[i] = true
		}
	}
	return flags
}

// digest is the sum of all rows of a table, in any order.
type digest struct {
	rows int64
	sum  [4]uint64
}

// add takes a row. Engines differ in how they hand over what is true or false, and texts.
func (d *digest) add(values []any) {
	h := sha256.New()
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			fmt.Fprint(h, "-;")
		case bool:
			n := 0
			if v {
				n = 1
			}
			fmt.Fprintf(h, "n%d;", n)
		case int64:
			fmt.Fprintf(h, "n%d;", v)
		case string:
			fmt.Fprintf(h, "t%d:%s;", len(v), v)
		case []byte:
			fmt.Fprintf(h, "t%d:%s;", len(v), v)
		default:
			fmt.Fprintf(h, "%T:%v;", v, v)
		}
	}
	all := h.Sum(nil)
	for i := range d.sum {
		d.sum[i] += binary.LittleEndian.Uint64(all[8*i:])
	}
	d.rows++
}

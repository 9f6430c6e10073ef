package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
)

// cell is what one row of usage_hours is the sum of.
type cell struct {
	hour                                          int64
	keyID, keyName, owner, route, model, provider string
}

func (c cell) compare(d cell) int {
	return cmp.Or(cmp.Compare(c.hour, d.hour), cmp.Compare(c.keyID, d.keyID), cmp.Compare(c.keyName, d.keyName),
		cmp.Compare(c.owner, d.owner), cmp.Compare(c.route, d.route), cmp.Compare(c.model, d.model), cmp.Compare(c.provider, d.provider))
}

// named is the name under which a key was used, and when.
type named struct {
	name string
	at   int64
}

// sums are what the rows of one Append add.
type sums struct {
	cells map[cell]*ledger.Usage
	names map[string]named
}

func newSums() sums { return sums{map[cell]*ledger.Usage{}, map[string]named{}} }

func (s sums) cell(at time.Time, keyID, key, owner, route, model, provider string) *ledger.Usage {
	c := cell{hourOf(at), word(keyID), word(key), word(owner), word(route), word(model), word(provider)}
	if c.keyID != "" {
		if last := s.names[c.keyID]; micros(at) >= last.at {
			s.names[c.keyID] = named{c.keyName, micros(at)}
		}
		c.keyName = ""
	}
	u := s.cells[c]
	if u == nil {
		u = &ledger.Usage{}
		s.cells[c] = u
	}
	return u
}

func (s sums) request(r *ledger.Request) {
	u := s.cell(r.At, r.KeyID, r.Key, r.Owner, r.Route, r.ServedModel, r.Provider)
	u.Requests++
	if r.Refused() {
		u.Refused++
	}
}

func (s sums) attempt(a *ledger.Attempt) {
	u := s.cell(a.At, a.KeyID, a.Key, a.Owner, a.Route, a.Model, a.Provider)
	u.Attempts++
	if a.Kind != "" {
		u.FailedAttempts++
	}
	u.Input = plus(u.Input, a.Input)
	u.Output = plus(u.Output, a.Output)
	u.Cached = plus(u.Cached, a.Cached)
	u.Cost = plus(u.Cost, a.Cost)
}

// plus adds two counts and stays at the largest.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// hourOf is the whole hours from 1970 to a moment, in UTC.
func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

const cellColumns = `hour, key_id, key_name, owner, route, model, provider`

func countColumns() []string {
	return []string{"requests", "refused", "attempts", "failed", "input", "output", "cached", "cost"}
}

// addCounts is the statement's end that adds to a row that is there, and stays at the
// largest.
func addCounts() string {
	var b strings.Builder
	b.WriteString(`ON CONFLICT (` + cellColumns + `) DO UPDATE SET `)
	for i, c := range countColumns() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c + ` = CASE WHEN usage_hours.` + c + ` > 9223372036854775807 - excluded.` + c +
			` THEN 9223372036854775807 ELSE usage_hours.` + c + ` + excluded.` + c + ` END`)
	}
	return b.String()
}

// sum adds what new rows bring, in one order of cells for all writers.
func (s *Store) sum(ctx context.Context, tx *sql.Tx, all sums) error {
	cells := slices.SortedFunc(maps.Keys(all.cells), cell.compare)
	err := s.insert(ctx, tx, s.cells, len(cells), func(i int) []any {
		c, u := cells[i], all.cells[cells[i]]
		return []any{c.hour, c.keyID, c.keyName, c.owner, c.route, c.model, c.provider,
			u.Requests, u.Refused, u.Attempts, u.FailedAttempts, u.Input, u.Output, u.Cached, u.Cost}
	}, nil)
	if err != nil {
		return err
	}
	ids := slices.Sorted(maps.Keys(all.names))
	return s.insert(ctx, tx, s.names, len(ids), func(i int) []any {
		return []any{ids[i], all.names[ids[i]].name, all.names[ids[i]].at}
	}, nil)
}

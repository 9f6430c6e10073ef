package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
)

// dimension is one way to group usage: the columns it takes, whose order is the answer's,
// and how their values are read.
type dimension struct {
	columns []string
	args    []any
	// read puts what the columns hold into a line's group.
	read func(group map[string]string, columns []any)
}

// plain is a dimension that is a column.
func plain(name string) dimension {
	return dimension{columns: []string{"u." + name}, read: func(g map[string]string, c []any) { g[name] = text(c[0]) }}
}

// text is a column's text, as a driver may hand it over.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

func number(v any) int64 {
	n, _ := v.(int64)
	return n
}

// dimensions are what a query groups by.
func dimensions(q ledger.UsageQuery, zone *time.Location, first, last int64) ([]dimension, error) {
	all := make([]dimension, 0, len(q.GroupBy))
	for i, name := range q.GroupBy {
		if slices.Contains(q.GroupBy[:i], name) {
			return nil, fmt.Errorf("%w: grouped by %s twice", ledger.ErrInvalid, name)
		}
		switch name {
		case ledger.ByOwner, ledger.ByRoute, ledger.ByModel, ledger.ByProvider:
			all = append(all, plain(name))
		case ledger.ByKey:
			all = append(all, dimension{
				columns: []string{"coalesce(k.name, u.key_name)", "u.key_id"},
				read: func(g map[string]string, c []any) {
					g[ledger.ByKey], g["key_id"] = text(c[0]), text(c[1])
				},
			})
		case ledger.ByHour:
			all = append(all, dimension{columns: []string{"u.hour"}, read: func(g map[string]string, c []any) {
				g[ledger.ByHour] = time.Unix(number(c[0])*3600, 0).In(zone).Format(time.RFC3339)
			}})
		case ledger.ByDay:
			day, args := dayOf(zone, first, last)
			all = append(all, dimension{columns: []string{day}, args: args, read: func(g map[string]string, c []any) {
				g[ledger.ByDay] = time.Unix(number(c[0])*86400, 0).UTC().Format(time.DateOnly)
			}})
		default:
			return nil, fmt.Errorf("%w: usage cannot be grouped by %.40q", ledger.ErrInvalid, name)
		}
	}
	return all, nil
}

// maxShifts bounds how many changes of a zone's offset a query follows: five centuries of
// summer time.
const maxShifts = 1000

// dayOf is the number of the day, since 1970, that an hour lies in as a zone's clocks show
// it: the hour's seconds plus the offset in force, whole days.
func dayOf(zone *time.Location, first, last int64) (string, []any) {
	at := time.Unix(first*3600, 0).In(zone)
	end := time.Unix(last*3600, 0)
	var b strings.Builder
	var args []any
	b.WriteString(`(86400 + u.hour * 3600 + CASE`) // a day more and one less: a division rounds towards zero
	for range maxShifts {
		_, offset := at.Zone()
		_, until := at.ZoneBounds()
		if until.IsZero() || until.After(end) {
			break
		}
		// An hour counts by the offset at its beginning.
		b.WriteString(` WHEN u.hour < CAST(? AS BIGINT) THEN CAST(? AS BIGINT)`)
		args = append(args, (until.Unix()+3599)/3600, offset)
		at = until
	}
	_, offset := at.Zone()
	b.WriteString(` WHEN TRUE THEN CAST(? AS BIGINT) END) / 86400 - 1`)
	return b.String(), append(args, offset)
}

// where are conditions and their values.
type where struct {
	terms []string
	args  []any
}

func (w *where) and(term string, args ...any) {
	w.terms = append(w.terms, term)
	w.args = append(w.args, args...)
}

// equal adds a condition unless nothing is asked for.
func (w *where) equal(column, value string) {
	if value != "" {
		w.and(column+` = ?`, word(value))
	}
}

func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

// Usage implements ledger.Store.
func (s *Store) Usage(ctx context.Context, q ledger.UsageQuery) ([]ledger.Usage, error) {
	var all []ledger.Usage
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		all = nil
		var first, last int64
		err := s.row(ctx, tx, `SELECT coalesce(min(hour), 0), coalesce(max(hour), 0) FROM usage_hours`, nil, &first, &last)
		if err != nil {
			return err
		}
		all, err = s.usage(ctx, tx, q, first, last)
		return err
	})
	if err != nil {
		return nil, s.fail(ctx, "sum usage", err)
	}
	return all, nil
}

func (s *Store) usage(ctx context.Context, tx *sql.Tx, q ledger.UsageQuery, first, last int64) ([]ledger.Usage, error) {
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	var w where
	if !q.From.IsZero() {
		first = max(first, hourOf(q.From))
		w.and(`u.hour >= ?`, hourOf(q.From))
	}
	if !q.To.IsZero() {
		w.and(`u.hour < ?`, hourOf(q.To.Add(time.Hour-time.Nanosecond)))
	}
	w.equal(`u.key_id`, q.KeyID)
	w.equal(`u.owner`, q.Owner)
	w.equal(`u.route`, q.Route)
	w.equal(`u.model`, q.Model)
	w.equal(`u.provider`, q.Provider)
	dims, err := dimensions(q, zone, first, last)
	if err != nil {
		return nil, err
	}
	text, args, groups := usageSQL(dims, w)
	var all []ledger.Usage
	err = s.each(ctx, tx, text, args, func(r scanner) error {
		if len(all) == ledger.MaxUsage {
			return ledger.ErrTooMuch
		}
		u, err := scanUsage(r, dims, groups)
		all = append(all, u)
		return err
	})
	return all, err
}

// usageSQL is the query, its values and the number of its columns before the sums. A sum
// is made of two, of the upper and the lower half of each number, since it may be larger
// than what an engine counts with.
func usageSQL(dims []dimension, w where) (string, []any, int) {
	var columns, order []string
	var args []any
	from := ` FROM usage_hours u`
	for _, d := range dims {
		for _, c := range d.columns {
			columns = append(columns, c)
			order = append(order, fmt.Sprint(len(columns)))
			if strings.Contains(c, "k.") {
				from = ` FROM usage_hours u LEFT JOIN key_names k ON k.key_id = u.key_id`
			}
		}
		args = append(args, d.args...)
	}
	groups := len(columns)
	for _, c := range countColumns() {
		columns = append(columns, `CAST(coalesce(sum(u.`+c+` >> 32), 0) AS BIGINT)`, `CAST(coalesce(sum(u.`+c+` & 4294967295), 0) AS BIGINT)`)
	}
	text := `SELECT ` + strings.Join(columns, ", ") + from + w.String()
	if groups > 0 {
		by := strings.Join(order, ", ")
		text += ` GROUP BY ` + by + ` ORDER BY ` + by + fmt.Sprint(` LIMIT `, ledger.MaxUsage+1)
	}
	return text, append(args, w.args...), groups
}

func scanUsage(r scanner, dims []dimension, groups int) (ledger.Usage, error) {
	u := ledger.Usage{Group: make(map[string]string, len(dims)+1)}
	values := make([]any, groups)
	into := make([]any, 0, groups+2*len(countColumns()))
	for i := range values {
		into = append(into, &values[i])
	}
	var halves [16]int64
	for i := range halves {
		into = append(into, &halves[i])
	}
	if err := r.Scan(into...); err != nil {
		return u, err
	}
	for _, d := range dims {
		d.read(u.Group, values[:len(d.columns)])
		values = values[len(d.columns):]
	}
	for i, n := range []*int64{&u.Requests, &u.Refused, &u.Attempts, &u.FailedAttempts, &u.Input, &u.Output, &u.Cached, &u.Cost} {
		*n = whole(halves[2*i], halves[2*i+1])
	}
	return u, nil
}

// whole puts the halves of a sum together and stays at the largest.
func whole(high, low int64) int64 {
	high += low >> 32
	if high > math.MaxInt32 {
		return math.MaxInt64
	}
	return high<<32 | low&math.MaxUint32
}

package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/ledger"
)

// batch writes rows of one table, many with one statement.
type batch struct {
	columns int
	// each are the statements, those that bring most rows first.
	each []statement
}

// statement brings so many rows.
type statement struct {
	rows     int
	text     string
	prepared *sql.Stmt // nil: the driver finds its statements again by their text
}

// batch makes the statements that insert into a table's columns; after is what follows the
// values.
func (s *Store) batch(ctx context.Context, table, columns, after string) (batch, error) {
	b := batch{columns: strings.Count(columns, ",") + 1}
	row := "(" + strings.Repeat("?, ", b.columns-1) + "?)"
	for _, n := range s.dialect.Rows {
		text := s.sql("INSERT INTO " + table + " (" + columns + ") VALUES " + strings.Repeat(row+", ", n-1) + row + " " + after)
		one := statement{rows: n, text: text}
		if s.dialect.Prepare {
			var err error
			if one.prepared, err = s.write.PrepareContext(ctx, text); err != nil {
				return batch{}, err
			}
		}
		b.each = append(b.each, one)
	}
	return b, nil
}

func (b batch) close() {
	for _, one := range b.each {
		if one.prepared != nil {
			one.prepared.Close()
		}
	}
}

// insert writes rows and hands those that the statements answer, if they do, to scan.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, b batch, rows int, values func(i int) []any, scan func(scanner) error) error {
	for i := 0; i < rows; {
		left := rows - i
		one := b.each[slices.IndexFunc(b.each, func(s statement) bool { return s.rows <= left })]
		args := make([]any, 0, one.rows*b.columns)
		for range one.rows {
			args = append(args, values(i)...)
			i++
		}
		if err := one.run(ctx, tx, args, scan); err != nil {
			return err
		}
	}
	return nil
}

func (one statement) run(ctx context.Context, tx *sql.Tx, args []any, scan func(scanner) error) error {
	var rows *sql.Rows
	var err error
	if one.prepared != nil {
		rows, err = tx.StmtContext(ctx, one.prepared).QueryContext(ctx, args...)
	} else {
		rows, err = tx.QueryContext(ctx, one.text, args...)
	}
	if err != nil {
		return err
	}
	return scanAll(rows, scan)
}

// attemptID is an attempt's identity.
type attemptID struct {
	request string
	n       int
}

// Append implements ledger.Store. Rows are written in the order of their identities, and
// sums in theirs, so that two writers wait for each other in one direction only.
func (s *Store) Append(ctx context.Context, entries []ledger.Entry) error {
	a := sorted(entries)
	var err error
	for i := range entries {
		if err = checkEntry(&entries[i]); err != nil {
			return s.fail(ctx, "append to the ledger", err)
		}
	}
	if len(a.requests)+len(a.attempts)+len(a.contents) == 0 {
		return nil
	}
	err = s.change(ctx, func(tx *sql.Tx) error { return s.append(ctx, tx, a) })
	return s.fail(ctx, "append to the ledger", err)
}

// rows are what one Append writes, each identity once.
type rows struct {
	requests []*ledger.Request
	attempts []*ledger.Attempt
	contents []*ledger.Content
}

func sorted(entries []ledger.Entry) rows {
	var a rows
	for i := range entries {
		e := &entries[i]
		if e.Request != nil {
			a.requests = append(a.requests, e.Request)
		}
		for j := range e.Attempts {
			a.attempts = append(a.attempts, &e.Attempts[j])
		}
		if e.Content != nil {
			a.contents = append(a.contents, e.Content)
		}
	}
	a.requests = unique(a.requests, func(x, y *ledger.Request) int { return cmp.Compare(x.ID, y.ID) })
	a.attempts = unique(a.attempts, func(x, y *ledger.Attempt) int {
		return cmp.Or(cmp.Compare(x.RequestID, y.RequestID), cmp.Compare(x.N, y.N))
	})
	a.contents = unique(a.contents, func(x, y *ledger.Content) int { return cmp.Compare(x.RequestID, y.RequestID) })
	return a
}

// unique sorts rows and keeps the first of those with one identity.
func unique[T any](all []*T, compare func(x, y *T) int) []*T {
	slices.SortStableFunc(all, compare)
	return slices.CompactFunc(all, func(x, y *T) bool { return compare(x, y) == 0 })
}

func (s *Store) append(ctx context.Context, tx *sql.Tx, a rows) error {
	newRequests := make(map[string]bool, len(a.requests))
	err := s.insert(ctx, tx, s.requests, len(a.requests), func(i int) []any { return requestValues(a.requests[i]) }, func(r scanner) error {
		var id string
		err := r.Scan(&id)
		newRequests[id] = true
		return err
	})
	if err != nil {
		return err
	}
	newAttempts := make(map[attemptID]bool, len(a.attempts))
	err = s.insert(ctx, tx, s.attempts, len(a.attempts), func(i int) []any { return attemptValues(a.attempts[i]) }, func(r scanner) error {
		var id attemptID
		err := r.Scan(&id.request, &id.n)
		newAttempts[id] = true
		return err
	})
	if err != nil {
		return err
	}
	err = s.insert(ctx, tx, s.contents, len(a.contents), func(i int) []any { return contentValues(a.contents[i]) }, nil)
	if err != nil {
		return err
	}
	sums := newSums()
	for _, r := range a.requests {
		if newRequests[r.ID] {
			sums.request(r)
		}
	}
	for _, t := range a.attempts {
		if newAttempts[attemptID{t.RequestID, t.N}] {
			sums.attempt(t)
		}
	}
	return s.sum(ctx, tx, sums)
}

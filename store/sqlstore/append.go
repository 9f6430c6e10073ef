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
	before, row, after string
	columns            int
}

func newBatch(table, columns, after string) batch {
	n := strings.Count(columns, ",") + 1
	return batch{
		before:  "INSERT INTO " + table + " (" + columns + ") VALUES ",
		row:     "(" + strings.Repeat("?, ", n-1) + "?)",
		after:   " " + after,
		columns: n,
	}
}

// sizes are how many rows one statement brings. They are few, so that engines find their
// statements again.
func sizes() []int { return []int{32, 8, 1} }

// text is the statement for so many rows.
func (b batch) text(rows int) string {
	return b.before + strings.Repeat(b.row+", ", rows-1) + b.row + b.after
}

// insert writes rows and hands those that the statements answer, if they do, to scan.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, b batch, rows int, values func(i int) []any, scan func(scanner) error) error {
	for i := 0; i < rows; {
		n := sizes()[slices.IndexFunc(sizes(), func(n int) bool { return n <= rows-i })]
		args := make([]any, 0, n*b.columns)
		for range n {
			args = append(args, values(i)...)
			i++
		}
		if err := s.each(ctx, tx, b.text(n), args, scan); err != nil {
			return err
		}
	}
	return nil
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

package main

import (
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite"
)

// books are what the database holds when the gateway has stopped.
type books struct {
	requests  map[string]bool
	attempts  map[string][2]int64 // tokens in and out
	rows      [2]int64            // requests, attempts
	tokens    [2]int64
	sums      [4]int64 // of the rollups: requests, attempts, input, output
	integrity string
}

func openDB(path string, readOnly bool) (*sql.DB, error) {
	mode := "rw"
	if readOnly {
		mode = "ro"
	}
	return sql.Open("sqlite", "file:"+path+"?mode="+mode+"&_pragma=busy_timeout(10000)")
}

func readBooks(path string) (*books, error) {
	db, err := openDB(path, false)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	b := &books{requests: map[string]bool{}, attempts: map[string][2]int64{}}
	if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&b.integrity); err != nil {
		return nil, err
	}
	err = each(db, `SELECT id, 0, 0 FROM requests`, func(id string, _, _ int64) { b.requests[id] = true; b.rows[0]++ })
	if err != nil {
		return nil, err
	}
	err = each(db, `SELECT request_id || '/' || n, input, output FROM attempts`, func(id string, in, out int64) {
		b.attempts[id] = [2]int64{in, out}
		b.rows[1]++
		b.tokens[0] += in
		b.tokens[1] += out
	})
	if err != nil {
		return nil, err
	}
	return b, db.QueryRow(`SELECT coalesce(sum(requests), 0), coalesce(sum(attempts), 0), coalesce(sum(input), 0), coalesce(sum(output), 0) FROM usage_hours`).
		Scan(&b.sums[0], &b.sums[1], &b.sums[2], &b.sums[3])
}

func each(db *sql.DB, query string, row func(id string, a, b int64)) error {
	rows, err := db.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var x, y int64
		if err := rows.Scan(&id, &x, &y); err != nil {
			return err
		}
		row(id, x, y)
	}
	return rows.Err()
}

// missing looks for an answered call in the books; empty: it is there as it was answered.
func (b *books) missing(a *answered) string {
	tokens, ok := b.attempts[a.id+"/0"]
	switch {
	case !ok:
		return "has no attempt's row"
	case !b.requests[a.id]:
		return "has no request's row"
	case a.input >= 0 && tokens != [2]int64{a.input, a.output}:
		return fmt.Sprintf("was answered with %d and %d tokens, its row has %v", a.input, a.output, tokens)
	}
	return ""
}

// doubled is how much the sums count beyond the rows.
func (b *books) doubled() int64 {
	return (b.sums[0] - b.rows[0]) + (b.sums[1] - b.rows[1]) + (b.sums[2] - b.tokens[0]) + (b.sums[3] - b.tokens[1])
}

// consistent says that the sums are those of the rows.
func (b *books) consistent() bool {
	return b.sums == [4]int64{b.rows[0], b.rows[1], b.tokens[0], b.tokens[1]}
}

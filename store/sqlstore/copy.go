package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Copyable is a store of this package, whatever the engine.
type Copyable interface{ base() *Store }

func (s *Store) base() *Store { return s }

// ErrNotEmpty says that a database which is to be filled holds something.
var ErrNotEmpty = errors.New("the database to be filled is not empty")

// ErrDiffers says that a copy is not what was copied, so nothing of it was kept.
var ErrDiffers = errors.New("the copy differs from what was copied")

// Progress is how far a copy is.
type Progress struct {
	Table string
	// Rows of All are done.
	Rows, All int64
	// Comparing: they are written, and are read back.
	Comparing bool
}

// Copy copies everything into another database, which has to be empty, in one transaction
// there: all of it, as it was at one moment here, or nothing. Every row is read back and
// compared, by a digest of each table, before that is committed. Whatever is written to the
// first meanwhile goes on and is not copied. Told, which may be nil, learns how far it is:
// at the begin and the end of each table, and every few thousand rows.
func Copy(ctx context.Context, source, target Copyable, told func(Progress)) error {
	c := copier{from: source.base(), to: target.base(), told: told}
	if c.told == nil {
		c.told = func(Progress) {}
	}
	err := c.run(ctx)
	return c.from.fail(ctx, "copy to "+c.to.dialect.Name, err)
}

// copier is one copy.
type copier struct {
	from, to *Store
	told     func(Progress)
}

func (c *copier) run(ctx context.Context) error {
	// They are made before the transaction has the one connection that writes.
	batches := map[string]batch{}
	defer func() {
		for _, b := range batches {
			b.close()
		}
	}()
	for _, t := range tables() {
		b, err := c.to.batch(ctx, t.name, t.columns, "")
		if err != nil {
			return err
		}
		batches[t.name] = b
	}
	return c.from.snapshot(ctx, func(from *sql.Tx) error {
		return inTx(ctx, c.to.write, nil, func(into *sql.Tx) error {
			for _, t := range tables() {
				if err := c.to.empty(ctx, into, t.name); err != nil {
					return err
				}
			}
			for _, t := range tables() {
				if err := c.table(ctx, from, into, t, batches[t.name]); err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
			}
			return c.revisions(ctx, from, into)
		})
	})
}

func (s *Store) empty(ctx context.Context, tx *sql.Tx, name string) error {
	var some int64
	err := s.row(ctx, tx, `SELECT count(*) FROM (SELECT 1 FROM `+name+` LIMIT 1) AS first`, nil, &some)
	if err == nil && some > 0 {
		err = fmt.Errorf("%w: there are %s", ErrNotEmpty, strings.ReplaceAll(name, "_", " "))
	}
	return err
}

// table copies one table and compares it.
func (c *copier) table(ctx context.Context, from, into *sql.Tx, t table, b batch) error {
	p := Progress{Table: t.name}
	if err := c.from.row(ctx, from, `SELECT count(*) FROM `+t.name, nil, &p.All); err != nil {
		return err
	}
	c.told(p)
	written, err := c.rows(ctx, from, into, t, b, p)
	if err != nil {
		return err
	}
	p.Comparing = true
	there, err := c.compare(ctx, into, t, p)
	if err == nil && there != written {
		err = fmt.Errorf("%w: %d rows of %d, or not the same ones", ErrDiffers, there.rows, written.rows)
	}
	return err
}

// perCopy is how many rows are in memory at a time; perWord after how many something is
// told.
const (
	perCopy = 64
	perWord = 4096
)

// rows copies them.
func (c *copier) rows(ctx context.Context, from, into *sql.Tx, t table, b batch, p Progress) (digest, error) {
	var sum digest
	var rows [][]any
	write := func() error {
		err := c.to.insert(ctx, into, b, len(rows), func(i int) []any { return rows[i] }, nil)
		rows = rows[:0]
		return err
	}
	flags := t.flags()
	err := c.from.each(ctx, from, `SELECT `+t.columns+` FROM `+t.name, nil, func(r scanner) error {
		values, err := scanValues(r, len(flags))
		if err != nil {
			return err
		}
		for i, v := range values {
			switch v := v.(type) {
			case int64:
				if flags[i] {
					values[i] = v != 0
				}
			case []byte:
				if v == nil { // SQLite's word for empty bytes; written, it would be NULL
					values[i] = []byte{}
				}
			}
		}
		sum.add(values)
		if p.Rows++; p.Rows%perWord == 0 {
			c.told(p)
		}
		if rows = append(rows, values); len(rows) < perCopy {
			return nil
		}
		return write()
	})
	if err == nil {
		err = write()
	}
	return sum, err
}

// compare reads back what was written.
func (c *copier) compare(ctx context.Context, into *sql.Tx, t table, p Progress) (digest, error) {
	var sum digest
	columns := len(t.flags())
	c.told(p)
	err := c.to.each(ctx, into, `SELECT `+t.columns+` FROM `+t.name, nil, func(r scanner) error {
		values, err := scanValues(r, columns)
		if err != nil {
			return err
		}
		sum.add(values)
		if p.Rows++; p.Rows%perWord == 0 {
			c.told(p)
		}
		return nil
	})
	p.Rows = sum.rows
	c.told(p)
	return sum, err
}

func scanValues(r scanner, columns int) ([]any, error) {
	values, into := make([]any, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	return values, r.Scan(into...)
}

// revisions lets the other database count on where this one is.
func (c *copier) revisions(ctx context.Context, from, into *sql.Tx) error {
	err := c.from.each(ctx, from, `SELECT name, n FROM revisions`, nil, func(r scanner) error {
		var name string
		var n int64
		if err := r.Scan(&name, &n); err != nil {
			return err
		}
		_, err := c.to.exec(ctx, into, `UPDATE revisions SET n = ? WHERE name = ?`, n, name)
		return err
	})
	if err != nil || c.to.dialect.Copied == nil {
		return err
	}
	return c.to.dialect.Copied(ctx, into)
}

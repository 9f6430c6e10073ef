package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
)

// defaultPage is how many requests an answer has where nobody says.
const defaultPage = 100

// Requests implements ledger.Store. Pages follow each other by arrival and ID, so one that
// is added meanwhile moves no other.
func (s *Store) Requests(ctx context.Context, f ledger.Filter) ([]ledger.Request, string, error) {
	text, args, err := SearchSQL(f)
	if err != nil {
		return nil, "", s.fail(ctx, "search requests", err)
	}
	limit := pageOf(f)
	var all []ledger.Request
	err = s.each(ctx, s.read, text, args, func(r scanner) error {
		var row ledger.Request
		err := scanRequest(r, &row)
		all = append(all, row)
		return err
	})
	if err != nil {
		return nil, "", s.fail(ctx, "search requests", err)
	}
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], cursor(&all[limit-1]), nil
}

// pageOf is how many requests an answer has.
func pageOf(f ledger.Filter) int {
	if f.Limit <= 0 {
		return defaultPage
	}
	return min(f.Limit, ledger.MaxPage)
}

// SearchSQL is the statement that Requests runs, and its values: one row more than a page
// has. Engines' tests look at its plan.
func SearchSQL(f ledger.Filter) (string, []any, error) {
	w, err := conditions(f)
	text := `SELECT ` + requestColumns() + ` FROM requests` + w.String() + ` ORDER BY at DESC, id DESC LIMIT ?`
	return text, append(w.args, pageOf(f)+1), err
}

// conditions say again what the partial indexes leave out, so that engines see that they
// may use them.
func conditions(f ledger.Filter) (where, error) {
	var w where
	w.equal(`id`, f.ID)
	if f.ClientID != "" {
		w.and(`client_id <> ''`)
		w.equal(`client_id`, f.ClientID)
	}
	w.equal(`key_id`, f.KeyID)
	if f.Owner != "" {
		w.and(`owner <> ''`)
		w.equal(`owner`, f.Owner)
	}
	w.equal(`route`, f.Route)
	w.equal(`model`, f.Model)
	w.equal(`provider`, f.Provider)
	w.equal(`account`, f.Account)
	if f.Outcome != "" && f.Outcome != "ok" {
		w.and(`outcome <> 'ok'`)
	}
	w.equal(`outcome`, f.Outcome)
	w.equal(`fault`, f.Fault)
	if !f.From.IsZero() {
		w.and(`at >= ?`, ceil(f.From))
	}
	if !f.To.IsZero() {
		w.and(`at < ?`, ceil(f.To))
	}
	if f.Before != "" {
		at, id, err := readCursor(f.Before)
		if err != nil {
			return w, err
		}
		w.and(`(at, id) < (?, ?)`, at, id)
	}
	return w, nil
}

// ceil is the first microsecond that is not before a moment.
func ceil(t time.Time) int64 { return t.Add(time.Microsecond - 1).UnixMicro() }

// cursor names a request's place in the order of all.
func cursor(r *ledger.Request) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(micros(r.At), 10) + " " + r.ID))
}

func readCursor(c string) (int64, string, error) {
	text, err := base64.RawURLEncoding.DecodeString(c)
	if err == nil {
		at, id, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(at, 10, 64)
		if err == nil && id != "" && askable(id) {
			return n, id, nil
		}
	}
	return 0, "", fmt.Errorf("%w: the cursor is not one that an answer gave", ledger.ErrInvalid)
}

// missing makes the absence of a row the ledger's own error.
func missing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ledger.ErrNotFound
	}
	return err
}

// Request implements ledger.Store.
func (s *Store) Request(ctx context.Context, id string) (*ledger.Request, []ledger.Attempt, error) {
	if !askable(id) {
		return nil, nil, s.fail(ctx, "read a request", ledger.ErrNotFound)
	}
	var r ledger.Request
	var attempts []ledger.Attempt
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		attempts = nil
		one := tx.QueryRowContext(ctx, s.sql(`SELECT `+requestColumns()+`, trail FROM requests WHERE id = ?`), id)
		if err := scanRequest(one, &r, (*[]byte)(&r.Trail)); err != nil {
			return missing(err)
		}
		return s.each(ctx, tx, `SELECT `+attemptColumns+` FROM attempts WHERE request_id = ? ORDER BY n`, []any{id}, func(r scanner) error {
			a, err := scanAttempt(r)
			attempts = append(attempts, a)
			return err
		})
	})
	if err != nil {
		return nil, nil, s.fail(ctx, "read a request", err)
	}
	return &r, attempts, nil
}

// Content implements ledger.Store.
func (s *Store) Content(ctx context.Context, requestID string) (*ledger.Content, error) {
	if !askable(requestID) {
		return nil, s.fail(ctx, "read a content", ledger.ErrNotFound)
	}
	var c ledger.Content
	err := s.row(ctx, s.read, `SELECT `+contentColumns+` FROM contents WHERE request_id = ?`, []any{requestID},
		&c.RequestID, timeOf{&c.At}, &c.Prompt, &c.Answer, &c.Cut)
	if err != nil {
		return nil, s.fail(ctx, "read a content", missing(err))
	}
	return &c, nil
}

// PurgeContent implements ledger.Store.
func (s *Store) PurgeContent(ctx context.Context, before time.Time, most int) (int, error) {
	n, err := s.exec(ctx, s.write, `DELETE FROM contents WHERE request_id IN
		(SELECT request_id FROM contents WHERE at < ? ORDER BY at LIMIT ?)`, ceil(before), max(most, 0))
	return int(n), s.fail(ctx, "purge contents", err)
}

// Purge implements ledger.Store.
func (s *Store) Purge(ctx context.Context, before time.Time, most int) (int, error) {
	removed := 0
	err := s.change(ctx, func(tx *sql.Tx) error {
		var ids []any
		err := s.each(ctx, tx, `DELETE FROM requests WHERE id IN
			(SELECT id FROM requests WHERE at < ? ORDER BY at, id LIMIT ?) RETURNING id`, []any{ceil(before), max(most, 0)}, func(r scanner) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		removed = len(ids)
		for some := range slices.Chunk(ids, 256) {
			in := ` WHERE request_id IN (?` + strings.Repeat(", ?", len(some)-1) + `)`
			for _, table := range []string{"attempts", "contents"} {
				if _, err := s.exec(ctx, tx, `DELETE FROM `+table+in, some...); err != nil {
					return err
				}
			}
		}
		if removed >= most {
			return nil
		}
		// No request from before is left, so an attempt from before has none.
		n, err := s.exec(ctx, tx, `DELETE FROM attempts WHERE (request_id, n) IN
			(SELECT a.request_id, a.n FROM attempts a WHERE a.at < ?
			AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.id = a.request_id) ORDER BY a.at LIMIT ?)`, ceil(before), most-removed)
		removed += int(n)
		return err
	})
	if err != nil {
		return 0, s.fail(ctx, "purge requests", err)
	}
	return removed, nil
}

package auth

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
)

// KeyQuery chooses keys; what is empty chooses all.
type KeyQuery struct {
	// Search is a part of the name, the owner, a tag, the ID or the hint, in any case.
	Search string
	// Owner and Tag are whole.
	Owner, Tag string
	// After is a cursor: what an earlier answer gave as next.
	After string
	// Limit is how many at most. Zero: 100.
	Limit int
}

// List answers keys, the latest IDs first, and the cursor of the next page; empty: there
// is none. It looks at every key, and keeps no more than two pages of them.
func (d *Directory) List(q KeyQuery) (keys []*Live, next string) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Search = strings.ToLower(q.Search)
	trim := func() {
		slices.SortFunc(keys, func(a, b *Live) int { return cmp.Compare(b.ID(), a.ID()) })
		keys = keys[:min(len(keys), q.Limit+1)]
	}
	d.Each(func(k *Live) bool {
		if (q.After == "" || k.ID() < q.After) && q.chooses(k) {
			if keys = append(keys, k); len(keys) >= 2*(q.Limit+1) {
				trim()
			}
		}
		return true
	})
	trim()
	if len(keys) > q.Limit {
		keys = keys[:q.Limit]
		next = keys[q.Limit-1].ID()
	}
	return keys, next
}

func (q *KeyQuery) chooses(k *Live) bool {
	if q.Owner != "" && k.Owner() != q.Owner || q.Tag != "" && !slices.Contains(k.Tags(), q.Tag) {
		return false
	}
	if q.Search == "" {
		return true
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), q.Search) }
	return has(k.Name()) || has(k.Owner()) || slices.ContainsFunc(k.Tags(), has) || strings.Contains(k.text, q.Search)
}

// FieldErrors are what is wrong with what somebody has written, by field, as in
// limits.rpm.
type FieldErrors map[string]string

// Error names the fields.
func (e FieldErrors) Error() string {
	var all []string
	for field, wrong := range e {
		all = append(all, field+": "+wrong)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// InUse refuses to delete an owner that so many keys belong to.
type InUse struct{ Keys int }

// Error tells the number.
func (e *InUse) Error() string { return strconv.Itoa(e.Keys) + " keys belong to this owner" }

// KeyScanner is a KeyStore that can be read row by row, so that a million keys are not in
// memory twice while they are loaded.
type KeyScanner interface {
	// ScanKeys calls the functions for every living owner and every living key, in that
	// order, and answers the revision that Changes goes on from. What a function answers
	// ends it. The values are the scan's own: a function changes nothing in them and copies
	// what it keeps.
	ScanKeys(ctx context.Context, owner func(*StoredOwner) error, key func(*Stored) error) (revision int64, err error)
}

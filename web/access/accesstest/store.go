// Package accesstest has a store of accounts, tokens, sessions and the audit log in
// memory, for tests of what stands on one. It keeps the contract of access.Store, and
// can be told to fail.
package accesstest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/web/access"
)

// Store is an access.Store in memory. It is safe for concurrent use.
type Store struct {
	mu       sync.Mutex
	failure  error
	reads    int
	accounts map[string]access.Account
	tokens   map[string]access.Token
	sessions map[access.Digest]access.Session
	audits   []access.Audit
}

// New makes an empty Store.
func New() *Store {
	return &Store{accounts: map[string]access.Account{}, tokens: map[string]access.Token{}, sessions: map[access.Digest]access.Session{}}
}

// Fail makes every later use answer err; nil ends that.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// Reads counts the look-ups of tokens and sessions.
func (s *Store) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// use runs f unless the store was told to fail.
func (s *Store) use(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return s.failure
	}
	return f()
}

// kept asks whether what was done may stay; the lock is held.
func (s *Store) kept(keep access.Keep) error {
	if keep == nil {
		return nil
	}
	return keep(slices.Collect(maps.Values(s.accounts)), slices.Collect(maps.Values(s.tokens)))
}

// CreateAccount keeps a new account.
func (s *Store) CreateAccount(_ context.Context, a *access.Account) error {
	return s.use(func() error {
		for _, other := range s.accounts {
			if other.ID == a.ID || other.Name == a.Name {
				return auth.ErrExists
			}
		}
		a.Version = 1
		s.accounts[a.ID] = *a
		return nil
	})
}

// UpdateAccount writes an account whose version still is the given one.
func (s *Store) UpdateAccount(_ context.Context, a *access.Account, keep access.Keep) error {
	return s.use(func() error {
		was, ok := s.accounts[a.ID]
		if !ok {
			return auth.ErrNotFound
		}
		if was.Version != a.Version {
			return auth.ErrConflict
		}
		next := *a
		next.Version++
		s.accounts[a.ID] = next
		if err := s.kept(keep); err != nil {
			s.accounts[a.ID] = was
			return err
		}
		*a = next
		return nil
	})
}

// DeleteAccount removes an account and its sessions.
func (s *Store) DeleteAccount(_ context.Context, id string, keep access.Keep) error {
	return s.use(func() error {
		was, ok := s.accounts[id]
		if !ok {
			return auth.ErrNotFound
		}
		delete(s.accounts, id)
		if err := s.kept(keep); err != nil {
			s.accounts[id] = was
			return err
		}
		maps.DeleteFunc(s.sessions, func(_ access.Digest, v access.Session) bool { return v.AccountID == id })
		return nil
	})
}

// Account answers one.
func (s *Store) Account(_ context.Context, id string) (a access.Account, err error) {
	err = s.use(func() error { return find(s.accounts, id, &a) })
	return a, err
}

// AccountByName answers one.
func (s *Store) AccountByName(_ context.Context, name string) (a access.Account, err error) {
	err = s.use(func() error {
		for _, a = range s.accounts {
			if a.Name == name {
				return nil
			}
		}
		a = access.Account{}
		return auth.ErrNotFound
	})
	return a, err
}

// Accounts answers all by name.
func (s *Store) Accounts(context.Context) (all []access.Account, err error) {
	err = s.use(func() error {
		all = slices.SortedFunc(maps.Values(s.accounts), func(a, b access.Account) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
	return all, err
}

// CreateToken keeps a new token.
func (s *Store) CreateToken(_ context.Context, t *access.Token) error {
	return s.use(func() error {
		for _, other := range s.tokens {
			if other.ID == t.ID || other.Name == t.Name {
				return auth.ErrExists
			}
		}
		s.tokens[t.ID] = *t
		return nil
	})
}

// DeleteToken removes one.
func (s *Store) DeleteToken(_ context.Context, id string, keep access.Keep) error {
	return s.use(func() error {
		was, ok := s.tokens[id]
		if !ok {
			return auth.ErrNotFound
		}
		delete(s.tokens, id)
		if err := s.kept(keep); err != nil {
			s.tokens[id] = was
			return err
		}
		return nil
	})
}

// Tokens answers all by name.
func (s *Store) Tokens(context.Context) (all []access.Token, err error) {
	err = s.use(func() error {
		all = slices.SortedFunc(maps.Values(s.tokens), func(a, b access.Token) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
	return all, err
}

// TokenByHash answers one.
func (s *Store) TokenByHash(_ context.Context, hash access.Digest) (t access.Token, err error) {
	err = s.use(func() error {
		s.reads++
		for _, t = range s.tokens {
			if t.Hash == hash {
				return nil
			}
		}
		t = access.Token{}
		return auth.ErrNotFound
	})
	return t, err
}

// CreateSession keeps a new session.
func (s *Store) CreateSession(_ context.Context, n *access.Session) error {
	return s.use(func() error {
		if _, ok := s.accounts[n.AccountID]; !ok {
			return auth.ErrNotFound
		}
		s.sessions[n.Hash] = *n
		return nil
	})
}

// SessionByHash answers one.
func (s *Store) SessionByHash(_ context.Context, hash access.Digest) (n access.Session, err error) {
	err = s.use(func() error { s.reads++; return find(s.sessions, hash, &n) })
	return n, err
}

// ExtendSession sets when one ends.
func (s *Store) ExtendSession(_ context.Context, hash access.Digest, until time.Time) error {
	return s.use(func() error {
		if n, ok := s.sessions[hash]; ok {
			n.ExpiresAt = until
			s.sessions[hash] = n
		}
		return nil
	})
}

// DeleteSession ends one.
func (s *Store) DeleteSession(_ context.Context, hash access.Digest) error {
	return s.use(func() error { delete(s.sessions, hash); return nil })
}

// DeleteSessions ends all of an account.
func (s *Store) DeleteSessions(_ context.Context, accountID string) error {
	return s.use(func() error {
		maps.DeleteFunc(s.sessions, func(_ access.Digest, n access.Session) bool { return n.AccountID == accountID })
		return nil
	})
}

// PurgeSessions removes those that ended before a moment.
func (s *Store) PurgeSessions(_ context.Context, before time.Time) error {
	return s.use(func() error {
		maps.DeleteFunc(s.sessions, func(_ access.Digest, n access.Session) bool { return n.ExpiresAt.Before(before) })
		return nil
	})
}

// AppendAudit keeps an entry.
func (s *Store) AppendAudit(_ context.Context, a *access.Audit) error {
	return s.use(func() error {
		a.ID = int64(len(s.audits)) + 1
		s.audits = append(s.audits, *a)
		return nil
	})
}

// Audits answers entries below an ID, latest first.
func (s *Store) Audits(_ context.Context, below int64, limit int) (out []access.Audit, err error) {
	err = s.use(func() error {
		for i := len(s.audits) - 1; i >= 0 && len(out) < min(limit, 1000); i-- {
			if below == 0 || s.audits[i].ID < below {
				out = append(out, s.audits[i])
			}
		}
		return nil
	})
	return out, err
}

func find[K comparable, V any](m map[K]V, k K, out *V) error {
	v, ok := m[k]
	if !ok {
		return auth.ErrNotFound
	}
	*out = v
	return nil
}

package clients

import (
	"context"
	"slices"
	"sync"

	"github.com/sluice-gateway/sluice/auth"
)

// fakeStore is a KeyStore in memory that can fail and wait.
type fakeStore struct {
	mu       sync.Mutex
	keys     map[string]auth.Stored
	owners   []auth.StoredOwner // also gone ones, the last of a name last
	revision int64
	changed  map[string]int64 // "key id" or "owner name" → revision

	fail    error         // what every call answers; nil: it works
	looks   int           // calls of Changes
	reading chan struct{} // Changes waits for it after having read; nil: it does not
}

func newFake() *fakeStore {
	return &fakeStore{keys: map[string]auth.Stored{}, changed: map[string]int64{}}
}

func (f *fakeStore) set(fail error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *fakeStore) stamp(what string) {
	f.revision++
	f.changed[what] = f.revision
}

func (f *fakeStore) CreateKey(_ context.Context, k *auth.Stored) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	for _, other := range f.keys {
		if other.Name == k.Name && other.RevokedAt.IsZero() {
			return auth.ErrExists
		}
	}
	k.Version = 1
	f.keys[k.ID] = *k
	f.stamp("key " + k.ID)
	return nil
}

func (f *fakeStore) UpdateKey(_ context.Context, k *auth.Stored) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	was, ok := f.keys[k.ID]
	switch {
	case !ok || !was.RevokedAt.IsZero():
		return auth.ErrNotFound
	case was.Version != k.Version:
		return auth.ErrConflict
	}
	for id, other := range f.keys {
		if id != k.ID && other.Name == k.Name && other.RevokedAt.IsZero() {
			return auth.ErrExists
		}
	}
	k.Version++
	f.keys[k.ID] = *k
	f.stamp("key " + k.ID)
	return nil
}

func (f *fakeStore) Key(_ context.Context, id string) (auth.Stored, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return auth.Stored{}, f.fail
	}
	k, ok := f.keys[id]
	if !ok {
		return k, auth.ErrNotFound
	}
	return k, nil
}

func (f *fakeStore) last(name string) int {
	for i := len(f.owners) - 1; i >= 0; i-- {
		if f.owners[i].Name == name {
			return i
		}
	}
	return -1
}

func (f *fakeStore) CreateOwner(_ context.Context, o *auth.StoredOwner) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	if i := f.last(o.Name); i >= 0 && f.owners[i].DeletedAt.IsZero() {
		return auth.ErrExists
	}
	o.Version = 1
	f.owners = append(f.owners, *o)
	f.stamp("owner " + o.Name)
	return nil
}

func (f *fakeStore) UpdateOwner(_ context.Context, o *auth.StoredOwner) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	i := f.last(o.Name)
	switch {
	case i < 0 || !f.owners[i].DeletedAt.IsZero():
		return auth.ErrNotFound
	case f.owners[i].Version != o.Version:
		return auth.ErrConflict
	}
	o.Version++
	f.owners[i] = *o
	f.stamp("owner " + o.Name)
	return nil
}

func (f *fakeStore) Owner(_ context.Context, name string) (auth.StoredOwner, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return auth.StoredOwner{}, f.fail
	}
	if i := f.last(name); i >= 0 {
		return f.owners[i], nil
	}
	return auth.StoredOwner{}, auth.ErrNotFound
}

func (f *fakeStore) Changes(_ context.Context, after int64) (auth.Changes, error) {
	c, wait, err := f.read(after)
	if wait != nil {
		<-wait
	}
	return c, err
}

func (f *fakeStore) read(after int64) (auth.Changes, chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	if f.fail != nil {
		return auth.Changes{}, nil, f.fail
	}
	c := auth.Changes{Revision: f.revision}
	all := after > f.revision
	for id, k := range f.keys {
		if n := f.changed["key "+id]; all || n > after && (after > 0 || k.RevokedAt.IsZero()) {
			c.Keys = append(c.Keys, k)
		}
	}
	for _, o := range f.owners {
		if n := f.changed["owner "+o.Name]; all || n > after && (after > 0 || o.DeletedAt.IsZero()) {
			c.Owners = append(c.Owners, o)
		}
	}
	slices.SortFunc(c.Keys, func(a, b auth.Stored) int { return int(f.changed["key "+a.ID] - f.changed["key "+b.ID]) })
	return c, f.reading, nil
}

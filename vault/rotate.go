package vault

import (
	"context"
	"errors"
	"fmt"
)

// UpstreamKeyPlace is where the key of a row is sealed for.
func UpstreamKeyPlace(k *UpstreamKey) string {
	return Place("upstream_key", k.Provider, k.Account, k.Fingerprint)
}

// Rotation seals everything anew. It may be broken off at any moment and begun again: it
// goes on where it was.
type Rotation struct {
	box    *Box
	sealer *Sealer
}

// BeginRotation chooses the key to rotate to. Where the keys are configured it is the
// current one of them; else a new one is made in the key file, beside the old ones, or
// the one that an earlier rotation has made and not finished with.
func (b *Box) BeginRotation(ctx context.Context) (*Rotation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.load(); err != nil {
		return nil, err
	}
	if err := b.check(ctx); err != nil {
		return nil, err
	}
	switch {
	case len(b.o.Keys) > 0:
	case b.o.KeyFile == "":
		return nil, ErrNoKey
	case len(b.file) == 0:
		return nil, errors.New("there is no encryption key to rotate: nothing has been sealed yet")
	case len(b.file) == 1:
		if err := replaceKeyFile(b.o.KeyFile, append([]Key{NewKey()}, b.file...)); err != nil {
			return nil, err
		}
		if err := b.load(); err != nil {
			return nil, err
		}
	}
	return &Rotation{b, b.sealer}, nil
}

// KeyID names the key that everything is sealed with afterwards.
func (r *Rotation) KeyID() string { return r.sealer.KeyID() }

// Reseal seals one value anew where that is needed; see Sealer.
func (r *Rotation) Reseal(sealed []byte, place string) ([]byte, bool, error) {
	return r.sealer.Reseal(sealed, place)
}

// UpstreamKeys seals the upstream keys anew, and answers how many it has changed.
func (r *Rotation) UpstreamKeys(ctx context.Context) (changed int, err error) {
	rows, err := r.box.o.Store.UpstreamKeys(ctx)
	if err != nil {
		return 0, err
	}
	for i := range rows {
		k := &rows[i]
		if k.Sealed == nil {
			continue
		}
		sealed, anew, err := r.Reseal(k.Sealed, UpstreamKeyPlace(k))
		if err == nil && anew {
			k.Sealed = sealed
			err = r.box.o.Store.PutUpstreamKey(ctx, k)
		}
		if err != nil {
			return changed, fmt.Errorf("upstream key %s of %s/%s: %w", k.Fingerprint, k.Provider, k.Account, err)
		}
		if anew {
			changed++
		}
	}
	return changed, nil
}

// Finish seals the canary anew and takes the old keys out of the key file. Everything
// else has to be sealed anew before.
func (r *Rotation) Finish(ctx context.Context) error {
	sealed, err := r.box.o.Store.Canary(ctx)
	if errors.Is(err, r.box.o.Missing) {
		return nil
	}
	if err != nil {
		return err
	}
	sealed, anew, err := r.Reseal(sealed, canaryPlace)
	if err == nil && anew {
		err = r.box.o.Store.SetCanary(ctx, sealed)
	}
	if err != nil {
		return fmt.Errorf("canary: %w", err)
	}
	b := r.box
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.o.Keys) == 0 && len(b.file) > 1 {
		if err := replaceKeyFile(b.o.KeyFile, b.file[:1]); err != nil {
			return err
		}
	}
	return b.load()
}

// Sealed counts values by the key that they were sealed with.
type Sealed struct {
	KeyID string
	// Current says that new values are sealed with it, AtHand that it opens.
	Current, AtHand bool
	UpstreamKeys    int
	Canary          bool
}

// Status tells with which keys the upstream keys and the canary are sealed. Where the key
// comes from is "configuration", a file's name, or empty: there is none.
func (b *Box) Status(ctx context.Context) (from string, all []Sealed, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.load(); err != nil {
		return "", nil, err
	}
	at := map[string]int{}
	of := func(id string) *Sealed {
		i, ok := at[id]
		if !ok {
			i = len(all)
			at[id] = i
			all = append(all, Sealed{KeyID: id})
		}
		return &all[i]
	}
	if b.sealer != nil {
		of(b.sealer.KeyID()).Current = true
		for id := range b.sealer.ciphers {
			of(id.String()).AtHand = true
		}
	}
	switch {
	case len(b.o.Keys) > 0:
		from = "configuration"
	case len(b.file) > 0:
		from = b.o.KeyFile
	}
	canary, err := b.o.Store.Canary(ctx)
	if err == nil {
		if id, e := SealedWith(canary); e == nil {
			of(id).Canary = true
		}
	} else if !errors.Is(err, b.o.Missing) {
		return from, nil, err
	}
	rows, err := b.o.Store.UpstreamKeys(ctx)
	for i := range rows {
		if id, e := SealedWith(rows[i].Sealed); e == nil {
			of(id).UpstreamKeys++
		}
	}
	return from, all, err
}

package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// What a Box refuses.
var (
	// ErrNoKey: there is no key to seal with, and none may be made.
	ErrNoKey = errors.New("no encryption key is configured, so secrets cannot be stored: set store.encryption_key, for instance to ${SLUICE_ENCRYPTION_KEY}; this makes one: " + MakeLine)
	// ErrWrongKey: what is in the store was sealed with a key that is not at hand.
	ErrWrongKey = errors.New("the encryption key at hand does not open what the store holds")
)

// canaryText and canaryPlace are what a store's canary is.
const (
	canaryText  = "the right key is at hand"
	canaryPlace = "canary"
)

// storeTimeout bounds reading and writing the canary.
const storeTimeout = 10 * time.Second

// Options are what a Box is made of.
type Options struct {
	// Store holds the canary. Required.
	Store Store
	// Missing is the error by which Store says that there is no canary. Required.
	Missing error
	// Keys are configured, the current one first; the others still open. Empty: KeyFile's.
	Keys []Key
	// KeyFile keeps the keys where none are configured; one is made when it is first
	// needed. Beside configured keys it is read, so that a key can move from it into the
	// configuration. Empty: there is none, and without Keys nothing can be sealed.
	KeyFile string
}

// Box seals and opens what a store keeps. It is safe for concurrent use.
type Box struct {
	o Options

	mu     sync.Mutex
	file   []Key   // of KeyFile, as it was read last
	sealer *Sealer // nil: there is no key yet
	canary bool    // is in the store
}

// OpenBox makes a Box. It fails with ErrWrongKey where the store holds sealed values that
// the keys at hand do not open.
func OpenBox(ctx context.Context, o Options) (*Box, error) {
	if o.Store == nil || o.Missing == nil {
		return nil, errors.New("vault: Options need Store and Missing")
	}
	b := &Box{o: o}
	if err := b.load(); err != nil {
		return nil, err
	}
	return b, b.check(ctx)
}

// load takes the keys from where they are. The lock is held, or nobody else is there.
func (b *Box) load() (err error) {
	if b.o.KeyFile != "" {
		if b.file, err = readKeyFile(b.o.KeyFile); err != nil {
			return err
		}
	}
	keys := append(append([]Key(nil), b.o.Keys...), b.file...)
	if len(keys) == 0 {
		b.sealer = nil
		return nil
	}
	b.sealer, err = NewSealer(keys[0], keys[1:]...)
	return err
}

// check opens the canary.
func (b *Box) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	sealed, err := b.o.Store.Canary(ctx)
	if errors.Is(err, b.o.Missing) {
		return nil // nothing has been sealed yet
	}
	if err != nil {
		return fmt.Errorf("the store's canary cannot be read: %w", err)
	}
	b.canary = true
	id, err := SealedWith(sealed)
	switch {
	case err != nil:
		return fmt.Errorf("%w: its canary is damaged", ErrWrongKey)
	case b.sealer == nil:
		return fmt.Errorf("%w: it was sealed with key %s, and there is none; %s", ErrWrongKey, id, b.advice())
	}
	plain, err := b.sealer.Open(sealed, canaryPlace)
	if err != nil || !bytes.Equal(plain, []byte(canaryText)) {
		return fmt.Errorf("%w: it was sealed with key %s, at hand is key %s; %s", ErrWrongKey, id, b.sealer.KeyID(), b.advice())
	}
	return nil
}

// advice says where the right key may be given.
func (b *Box) advice() string {
	if len(b.o.Keys) == 0 && b.o.KeyFile != "" {
		return "bring " + b.o.KeyFile + " back, or give the key as store.encryption_key"
	}
	return "give that key as store.encryption_key, or among store.old_encryption_keys"
}

// Exposed names the key file where others than its owner may read it; empty: all is
// well.
func (b *Box) Exposed() string {
	if b.o.KeyFile != "" && readable(b.o.KeyFile) {
		return b.o.KeyFile
	}
	return ""
}

// Use takes configured keys in the place of the ones before, as a reload does. Where they
// do not open what the store holds, it fails and changes nothing.
func (b *Box) Use(ctx context.Context, keys []Key) error {
	next := &Box{o: b.o}
	next.o.Keys = keys
	if err := next.load(); err != nil {
		return err
	}
	if err := next.check(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.o.Keys, b.file, b.sealer, b.canary = keys, next.file, next.sealer, b.canary || next.canary
	return nil
}

// Seal encrypts a text for a place. The first one brings the canary into the store and,
// where that is allowed, a key file into being.
func (b *Box) Seal(plain []byte, place string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.o.Keys) == 0 && b.o.KeyFile != "" {
		if err := b.load(); err != nil { // another process may have rotated it
			return nil, err
		}
	}
	if b.sealer == nil {
		if err := b.begin(); err != nil {
			return nil, err
		}
	}
	if !b.canary {
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		if err := b.check(ctx); err != nil { // another process may have sealed meanwhile
			return nil, err
		}
		if !b.canary {
			if err := b.o.Store.SetCanary(ctx, b.sealer.Seal([]byte(canaryText), canaryPlace)); err != nil {
				return nil, fmt.Errorf("the store's canary cannot be written: %w", err)
			}
			b.canary = true
		}
	}
	return b.sealer.Seal(plain, place), nil
}

// begin makes the first key.
func (b *Box) begin() error {
	if b.canary {
		return fmt.Errorf("%w; %s", ErrWrongKey, b.advice())
	}
	if b.o.KeyFile == "" {
		return ErrNoKey
	}
	if _, err := makeKeyFile(b.o.KeyFile); err != nil {
		return err
	}
	return b.load()
}

// Open decrypts what was sealed for a place.
func (b *Box) Open(sealed []byte, place string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sealer != nil {
		plain, err := b.sealer.Open(sealed, place)
		if !errors.Is(err, ErrUnknownKey) || b.o.KeyFile == "" {
			return plain, err
		}
	}
	if err := b.load(); err != nil { // another process may have rotated the key file
		return nil, err
	}
	if b.sealer == nil {
		return nil, ErrNoKey
	}
	return b.sealer.Open(sealed, place)
}

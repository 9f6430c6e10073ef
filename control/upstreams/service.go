package upstreams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/vault"
)

// Gateway is what the service asks of the data plane; *gateway.Gateway is one.
type Gateway interface {
	AccountStates() []gateway.AccountState
	SetOverlay(o gateway.Overlay)
	TestKey(ctx context.Context, provider, account, fingerprint string, call bool) (gateway.Finding, error)
}

// Vault seals keys for the store; *vault.Box is one.
type Vault interface {
	Seal(plain []byte, place string) ([]byte, error)
	Open(sealed []byte, place string) ([]byte, error)
}

// Options are what a Service is made of.
type Options struct {
	Store vault.Store // required
	Vault Vault       // required
	// Config answers the configuration in force. Required.
	Config func() *config.Config
	// Log takes what happens by itself. Nil: discarded.
	Log *slog.Logger
	// Every is the pause between looks at what other nodes have changed. Zero: 1 s.
	Every time.Duration
	// Now is the clock of rows. Nil: time.Now.
	Now func() time.Time
}

// defaultEvery is how soon a node follows another.
const defaultEvery = time.Second

// Service shows and changes upstream keys. It is safe for concurrent use.
type Service struct {
	o       Options
	gateway atomic.Pointer[Gateway]

	mu     sync.Mutex // one change at a time
	rows   []vault.UpstreamKey
	opened map[string]string // keys by place and sealed form: nothing is opened twice
	lost   map[string]bool   // keys that could not be opened, and were told of
}

// New makes a Service. Load comes next, then Attach.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Vault == nil || o.Config == nil {
		return nil, errors.New("upstreams: Options need Config, Store and Vault")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o: o, opened: map[string]string{}, lost: map[string]bool{}}, nil
}

// Load reads what is kept, for the gateway to begin with.
func (s *Service) Load(ctx context.Context) (gateway.Overlay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, err := s.o.Store.UpstreamKeys(ctx)
	if err != nil {
		return gateway.Overlay{}, fmt.Errorf("upstream keys cannot be read: %w", err)
	}
	s.rows = rows
	return s.overlay(), nil
}

// Attach brings the gateway that follows from now on.
func (s *Service) Attach(g Gateway) { s.gateway.Store(&g) }

// plane is the gateway; nil before Attach.
func (s *Service) plane() Gateway {
	if g := s.gateway.Load(); g != nil {
		return *g
	}
	return nil
}

// Run follows what other nodes change, until the context ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(s.o.Every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.follow(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.o.Log.Error("upstream keys cannot be read; what is known stays in force", "error", err.Error())
		}
		failing = err != nil
	}
}

// follow puts in force what has changed in the store.
func (s *Service) follow(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh(ctx)
}

// refresh reads the rows and puts them in force where they differ; the lock is held.
func (s *Service) refresh(ctx context.Context) error {
	rows, err := s.o.Store.UpstreamKeys(ctx)
	if err != nil || len(s.lost) == 0 && reflect.DeepEqual(rows, s.rows) {
		return err
	}
	s.rows = rows
	if g := s.plane(); g != nil {
		g.SetOverlay(s.overlay())
	}
	return nil
}

// write changes a row and puts it in force; the lock is held.
func (s *Service) write(ctx context.Context, rows ...vault.UpstreamKey) error {
	for i := range rows {
		if err := s.o.Store.PutUpstreamKey(ctx, &rows[i]); err != nil {
			return err
		}
	}
	return s.refresh(ctx)
}

// overlay is what the rows say, in the gateway's words.
func (s *Service) overlay() (o gateway.Overlay) {
	opened, lost := map[string]string{}, map[string]bool{}
	for i := range s.rows {
		k := &s.rows[i]
		if k.State != "" {
			if state, err := admission.ParseKeyState(k.State); err == nil {
				o.Wishes = append(o.Wishes, gateway.Wish{Provider: k.Provider, Account: k.Account, Fingerprint: k.Fingerprint, State: state, Since: k.UpdatedAt})
			}
		}
		if k.Sealed == nil {
			continue
		}
		id := vault.UpstreamKeyPlace(k) + " " + string(k.Sealed)
		secret, ok := s.opened[id]
		if !ok {
			plain, err := s.o.Vault.Open(k.Sealed, vault.UpstreamKeyPlace(k))
			if err == nil && gateway.Fingerprint(string(plain)) != k.Fingerprint {
				err = vault.ErrTampered
			}
			if err != nil {
				lost[id] = true
				if !s.lost[id] {
					s.o.Log.Error("stored upstream key cannot be used", "provider", k.Provider, "account", k.Account, "key", k.Fingerprint, "error", err.Error())
				}
				continue
			}
			secret = string(plain)
		}
		opened[id] = secret
		o.Keys = append(o.Keys, gateway.StoredKey{Provider: k.Provider, Account: k.Account, Secret: secret, ExpiresAt: k.ExpiresAt})
	}
	s.opened, s.lost = opened, lost
	return o
}

// row answers what the store has of a name; the lock is held.
func (s *Service) row(provider, account, fingerprint string) vault.UpstreamKey {
	for i := range s.rows {
		if k := &s.rows[i]; k.Provider == provider && k.Account == account && k.Fingerprint == fingerprint {
			return *k
		}
	}
	return vault.UpstreamKey{Provider: provider, Account: account, Fingerprint: fingerprint}
}

// now is the moment of a change, as the store keeps it.
func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

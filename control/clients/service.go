package clients

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
)

// Options are what a Service is made of.
type Options struct {
	Store     auth.KeyStore   // required
	Directory *auth.Directory // required; the Service alone changes it
	// Config answers the configuration in force. Required.
	Config func() *config.Config
	// Unpriced answers the routed models that have no price, for which limits in dollars
	// are blind. Nil: nobody knows.
	Unpriced func() []string
	// Log takes what happens in the background. Nil: discarded.
	Log *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Every is the pause between two looks at the store. Zero: 400 ms.
	Every time.Duration
}

// Service manages client keys and owners. It is safe for concurrent use.
type Service struct {
	o Options

	polling  sync.Mutex // one look at the store at a time
	revision int64      // what the next look asks with
	loaded   bool

	twice twice // Run's

	mu sync.Mutex
	// What was revoked or deleted here and has not been seen as such in the store: a look
	// that began before must not bring it back.
	revoked map[string]bool
	deleted map[string]time.Time // owners, by when they were made
	good    time.Time            // when the store last answered
}

// New makes a Service. Nothing is loaded yet.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Directory == nil || o.Config == nil {
		return nil, errors.New("clients: Options need Store, Directory and Config")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = 400 * time.Millisecond
	}
	return &Service{o: o, revoked: map[string]bool{}, deleted: map[string]time.Time{}, good: o.Now()}, nil
}

// Load brings everything that lives into the directory.
func (s *Service) Load(ctx context.Context) error { return s.Refresh(ctx) }

// Refresh brings what has changed in the store into the directory.
func (s *Service) Refresh(ctx context.Context) error {
	s.polling.Lock()
	defer s.polling.Unlock()
	err := s.look(ctx)
	if err == nil {
		s.mu.Lock()
		s.good = s.o.Now()
		s.mu.Unlock()
	}
	return err
}

func (s *Service) look(ctx context.Context) error {
	if scanner, ok := s.o.Store.(auth.KeyScanner); ok && !s.loaded {
		n, err := scanner.ScanKeys(ctx, func(o *auth.StoredOwner) error { s.takeOwner(o); return nil }, func(k *auth.Stored) error { s.takeKey(k); return nil })
		if err == nil {
			s.revision, s.loaded = n, true
		}
		return err
	}
	c, err := s.o.Store.Changes(ctx, s.revision)
	if err != nil {
		return err
	}
	switch {
	case c.Revision < s.revision:
		s.startOver(&c)
	case s.loaded && s.revision == 0: // what is gone is not among all that lives
		if err := s.askForGone(ctx, &c); err != nil {
			return err
		}
	}
	for i := range c.Owners {
		s.takeOwner(&c.Owners[i])
	}
	for i := range c.Keys {
		s.takeKey(&c.Keys[i])
	}
	s.revision, s.loaded = c.Revision, true
	return nil
}

// askForGone asks for the keys and owners that an answer of all that lives does not
// name: they are gone, or were made here since.
func (s *Service) askForGone(ctx context.Context, c *auth.Changes) error {
	living := map[string]bool{}
	for i := range c.Keys {
		living[c.Keys[i].ID] = true
	}
	for i := range c.Owners {
		living["owner "+c.Owners[i].Name] = true
	}
	var ids []string
	s.o.Directory.Each(func(k *auth.Live) bool { ids = append(ids, k.ID()); return true })
	for _, id := range ids {
		if living[id] {
			continue
		}
		k, err := s.o.Store.Key(ctx, id)
		if err != nil {
			return err
		}
		c.Keys = append(c.Keys, k)
	}
	for _, o := range s.o.Directory.Owners() {
		if living["owner "+o.Name] {
			continue
		}
		gone, err := s.o.Store.Owner(ctx, o.Name)
		if err != nil {
			return err
		}
		c.Owners = append(c.Owners, gone)
	}
	return nil
}

// startOver forgets what the store does not know: a backup has been put back, and what
// was newer is void. Keys that live in both are only replaced, so no call misses one.
func (s *Service) startOver(c *auth.Changes) {
	s.o.Log.Warn("the store is older than what is known of it: a backup was put back, and its keys count from now on")
	s.mu.Lock()
	clear(s.revoked)
	clear(s.deleted)
	s.mu.Unlock()
	living := map[string]bool{}
	for i := range c.Keys {
		living[c.Keys[i].ID] = true
		if err := s.o.Directory.Reset(&c.Keys[i]); err != nil {
			s.refused(&c.Keys[i], err)
		}
	}
	var gone []string
	s.o.Directory.Each(func(k *auth.Live) bool {
		if !living[k.ID()] {
			gone = append(gone, k.ID())
		}
		return true
	})
	for _, id := range gone {
		s.o.Directory.Remove(id)
	}
	for _, o := range s.o.Directory.Owners() {
		void := *o
		void.DeletedAt = s.o.Now()
		s.o.Directory.PutOwner(&void)
	}
}

// takeKey brings one key of the store into the directory.
func (s *Service) takeKey(k *auth.Stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !k.RevokedAt.IsZero():
		delete(s.revoked, k.ID)
	case s.revoked[k.ID]:
		return
	}
	if err := s.o.Directory.Put(k); err != nil {
		s.refused(k, err)
	}
}

// refused tells of a key in the store that cannot be used.
func (s *Service) refused(k *auth.Stored, err error) {
	s.o.Log.Error("a stored key cannot be used", "id", k.ID, "name", k.Name, "error", err.Error())
}

func (s *Service) takeOwner(o *auth.StoredOwner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made, gone := s.deleted[o.Name]
	switch {
	case gone && !made.Equal(o.CreatedAt): // another of that name
	case gone && o.DeletedAt.IsZero():
		return
	case gone:
		delete(s.deleted, o.Name)
	}
	s.o.Directory.PutOwner(o)
}

// Stale is how long ago the store last answered.
func (s *Service) Stale() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.o.Now().Sub(s.good), 0)
}

// slowest is the longest pause between two looks at a store that does not answer.
const slowest = 5 * time.Second

// lookTimeout bounds one look; the first one may read everything.
const lookTimeout, loadTimeout = 10 * time.Second, 5 * time.Minute

// Run looks at the store until the context ends: often while it answers, ever more
// seldom while it does not.
func (s *Service) Run(ctx context.Context) {
	wait, failing := s.o.Every, false
	s.twice = twice{service: s}
	s.twice.look(false) // those of the start have been told of
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := s.lookWithin(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && failing:
			s.o.Log.Info("the store of client keys answers again")
		case err != nil && !failing:
			s.o.Log.Error("the store of client keys does not answer; the keys that are known go on working", "error", err.Error())
		}
		if failing = err != nil; !failing {
			s.twice.look(true)
			wait = s.o.Every
			timer.Reset(wait)
			continue
		}
		wait = min(2*wait, slowest)
		timer.Reset(wait + time.Duration(rand.Float64()*float64(wait)/4)) // nodes do not come back as one
	}
}

func (s *Service) lookWithin(ctx context.Context) error {
	most := lookTimeout
	s.polling.Lock()
	if !s.loaded {
		most = loadTimeout
	}
	s.polling.Unlock()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return s.Refresh(ctx)
}

package gateway

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluice-gateway/sluice/budget"
)

// saved is the file that keeps the levels over a restart.
type saved struct {
	Version int                      `json:"version"`
	Clean   bool                     `json:"clean"` // written by an orderly stop
	Scopes  map[string]budget.Levels `json:"scopes"`
	// Kept are levels of an earlier run that have not been asked for since.
	Kept map[string]keptLevels `json:"kept,omitempty"`
}

const savedVersion = 1

// Levels are all buckets' levels, to be given to RestoreLevels after a restart. clean
// says that nothing will be taken any more.
func (g *Gateway) Levels(clean bool) ([]byte, error) {
	n := g.current.Load()
	now := g.clock.now()
	s := saved{Version: savedVersion, Clean: clean, Scopes: make(map[string]budget.Levels, len(n.scopes))}
	for id, scope := range n.scopes {
		if l := scope.Levels(now); l.Ratio < 1 || l.Blocked > now || used(l) {
			s.Scopes[id] = l
		}
	}
	g.keyring.save(now, &s)
	return json.Marshal(s)
}

// used says that a scope has anything to tell.
func used(l budget.Levels) bool {
	for _, b := range l.Buckets {
		if b.Taken > 0 || b.Learned || b.Amount > 0 {
			return true
		}
	}
	return false
}

// ErrLevels is a file of levels that cannot be used; the gateway goes on without it.
var ErrLevels = errors.New("the saved levels cannot be used")

// RestoreLevels takes over what Levels saved before a restart, less what time has given
// back since. It belongs before the first call.
func (g *Gateway) RestoreLevels(data []byte) error {
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("%w: %w", ErrLevels, err)
	}
	if s.Version != savedVersion {
		return fmt.Errorf("%w: they are of version %d, and this is %d", ErrLevels, s.Version, savedVersion)
	}
	n := g.current.Load()
	now := g.clock.now()
	for id, scope := range n.scopes {
		if l, ok := s.Scopes[id]; ok {
			scope.Restore(now, l, s.Clean)
		}
	}
	for id, l := range s.Kept {
		g.keyring.keep(id, l)
	}
	for id, l := range s.Scopes { // those of stored keys and owners are not made yet
		if n.scopes[id] == nil {
			g.keyring.keep(id, keptLevels{l, s.Clean})
		}
	}
	for _, lane := range n.lanes {
		l, ok := s.Scopes[budget.ScopeUpstream.String()+" "+lane.ID]
		if !ok {
			continue
		}
		d := lockLane(lane)
		lane.Restore(now, l.Ratio)
		d.pool.Learned(now, lane)
		d.mu.Unlock()
	}
	return nil
}

package gateway

import (
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// keptLevels are saved levels of a key or owner that nobody has asked for since the
// restart. They are saved again as they are: nothing has been taken meanwhile.
type keptLevels struct {
	budget.Levels
	Clean bool `json:"clean"`
}

// longestWindow is when whatever a bucket carried is over: a month, and a day for time
// zones.
const longestWindow = 32 * 24 * time.Hour

// keep puts the levels aside that no scope was made for yet.
func (r *keyring) keep(id string, l keptLevels) {
	kind, _, _ := strings.Cut(id, " ")
	if kind != budget.ScopeClientKey.String() && kind != budget.ScopeOwner.String() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[id] = l
}

// restore gives a new scope the levels that were saved for it; the lock is held.
func (r *keyring) restore(s *budget.Scope) {
	id := s.Kind().String() + " " + s.Name()
	l, ok := r.kept[id]
	if !ok {
		return
	}
	s.Restore(r.clock.now(), l.Levels, l.Clean)
	delete(r.kept, id)
}

// take answers the levels that were saved for a scope of the file, which has come back,
// and forgets them when done is called.
func (r *keyring) take(id string) (l keptLevels, ok bool, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok = r.kept[id]
	return l, ok, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.kept, id)
	}
}

// save adds what has to outlive a restart.
func (r *keyring) save(now budget.Instant, s *saved) {
	r.each(func(scope *budget.Scope, _ string) {
		if l := scope.Levels(now); used(l) {
			s.Scopes[scope.Kind().String()+" "+scope.Name()] = l
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, l := range r.kept {
		if now.Sub(l.At) > longestWindow {
			delete(r.kept, id)
			continue
		}
		if s.Kept == nil {
			s.Kept = map[string]keptLevels{}
		}
		s.Kept[id] = l
	}
}

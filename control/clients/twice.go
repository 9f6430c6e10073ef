package clients

import (
	"time"

	"github.com/sluice-gateway/sluice/config"
)

// twice watches for what is in the file and in the store: the file's counts then, and
// whoever has changed the store, perhaps through a node with another file, cannot know. It
// belongs to one goroutine.
type twice struct {
	service  *Service
	revision int64           // of the last look
	file     *config.Config  // of the last look; who brings another tells of it
	said     map[string]bool // key of the file and stored one, or owner
}

// look tells of what has come to be in both since the last look.
func (t *twice) look(tell bool) {
	s := t.service
	s.polling.Lock()
	revision, loaded := s.revision, s.loaded
	s.polling.Unlock()
	cfg := s.o.Config()
	same := t.file == cfg
	if t.file = cfg; !loaded || t.said != nil && revision == t.revision && same {
		return
	}
	tell = tell && same
	now := map[string]bool{}
	for i := range cfg.ClientKeys {
		k := &cfg.ClientKeys[i]
		stored, _ := s.o.Directory.Find(k.SHA256, time.Time{})
		if stored == nil {
			continue
		}
		pair := "key " + k.Name + " " + stored.ID()
		if now[pair] = true; tell && !t.said[pair] {
			s.o.Log.Warn("a stored client key has the credential of one of the file: the file's counts", "key", k.Name, "stored", stored.ID())
		}
	}
	for i := range cfg.Owners {
		name := cfg.Owners[i].Name
		if s.o.Directory.Owner(name) == nil {
			continue
		}
		if now["owner "+name] = true; tell && !t.said["owner "+name] {
			s.o.Log.Warn("a stored owner has the name of one of the file: the file's counts", "owner", name)
		}
	}
	t.revision, t.said = revision, now
}

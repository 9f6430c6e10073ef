package clients

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/auth"
)

// CreateOwner makes an owner. The error is auth.FieldErrors, auth.ErrExists, or the
// store's.
func (s *Service) CreateOwner(ctx context.Context, o auth.StoredOwner) (auth.StoredOwner, error) {
	if o.Kind == "" {
		o.Kind = "team"
	}
	if wrong := s.checkOwner(&o, true); len(wrong) > 0 {
		return auth.StoredOwner{}, wrong
	}
	now := s.now()
	o.CreatedAt, o.UpdatedAt = now, now
	if err := s.o.Store.CreateOwner(ctx, &o); err != nil {
		return auth.StoredOwner{}, err
	}
	s.takeOwner(&o)
	return o, nil
}

// EditOwner changes kind, limits and tags of an owner; version as for EditKey. It warns of
// keys whose shares are of a limit that the owner does not have any more.
func (s *Service) EditOwner(ctx context.Context, name string, version int64, change func(*auth.StoredOwner) error) (auth.StoredOwner, []string, error) {
	o, err := s.updateOwner(ctx, name, version, func(o *auth.StoredOwner) error {
		was := *o
		if err := change(o); err != nil {
			return err
		}
		o.Name, o.CreatedAt, o.DeletedAt, o.Version = was.Name, was.CreatedAt, was.DeletedAt, was.Version
		if wrong := s.checkOwner(o, false); len(wrong) > 0 {
			return wrong
		}
		return nil
	})
	if err != nil {
		return auth.StoredOwner{}, nil, err
	}
	s.takeOwner(&o)
	return o, s.orphans(&o), nil
}

// DeleteOwner deletes an owner that no key belongs to; else the error is an *auth.InUse.
func (s *Service) DeleteOwner(ctx context.Context, name string, version int64) error {
	if err := s.Refresh(ctx); err != nil { // another node may have given it a key
		return err
	}
	o, err := s.updateOwner(ctx, name, version, func(o *auth.StoredOwner) error {
		if n := s.o.Directory.KeysOf(name); n > 0 {
			return &auth.InUse{Keys: n}
		}
		o.DeletedAt = s.now()
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted[o.Name] = o.CreatedAt
	s.o.Directory.PutOwner(&o)
	return nil
}

func (s *Service) updateOwner(ctx context.Context, name string, version int64, change func(*auth.StoredOwner) error) (auth.StoredOwner, error) {
	for try := 1; ; try++ {
		o, err := s.o.Store.Owner(ctx, name)
		switch {
		case err != nil:
			return auth.StoredOwner{}, err
		case !o.DeletedAt.IsZero():
			return auth.StoredOwner{}, auth.ErrNotFound
		case version != 0 && o.Version != version:
			return auth.StoredOwner{}, auth.ErrConflict
		}
		if err := change(&o); err != nil {
			return auth.StoredOwner{}, err
		}
		o.UpdatedAt = s.now()
		err = s.o.Store.UpdateOwner(ctx, &o)
		if errors.Is(err, auth.ErrConflict) && version == 0 && try < attempts {
			continue
		}
		return o, err
	}
}

// Owner answers an owner that lives, and how many keys belong to it, or auth.ErrNotFound.
func (s *Service) Owner(name string) (auth.StoredOwner, int, error) {
	o := s.o.Directory.Owner(name)
	if o == nil {
		return auth.StoredOwner{}, 0, auth.ErrNotFound
	}
	return *o, s.o.Directory.KeysOf(name), nil
}

// Owners lists the owners that live by name, those behind after, and the cursor of the
// next page. search is a part of the name or of a tag, in any case.
func (s *Service) Owners(search, after string, limit int) ([]auth.StoredOwner, string) {
	search = strings.ToLower(search)
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), search) }
	all := slices.DeleteFunc(s.o.Directory.Owners(), func(o *auth.StoredOwner) bool {
		return o.Name <= after && after != "" || !has(o.Name) && !slices.ContainsFunc(o.Tags, has)
	})
	slices.SortFunc(all, func(a, b *auth.StoredOwner) int { return cmp.Compare(a.Name, b.Name) })
	next := ""
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].Name
	}
	out := make([]auth.StoredOwner, len(all))
	for i, o := range all {
		out[i] = *o
	}
	return out, next
}

// KeysOf is how many stored keys belong to an owner, of the store or of the file.
func (s *Service) KeysOf(name string) int { return s.o.Directory.KeysOf(name) }

func (s *Service) checkOwner(o *auth.StoredOwner, fresh bool) auth.FieldErrors {
	_, wrong := s.o.Config().CheckOwner(o.Name, o.Kind, o.Limits, o.Tags)
	fields := auth.FieldErrors(wrong)
	if fresh && s.o.Config().Owner(o.Name) != nil {
		if fields == nil {
			fields = auth.FieldErrors{}
		}
		fields["name"] = "is the name of an owner in the configuration file"
	}
	return fields
}

// orphans warns of shares of what an owner does not limit.
func (s *Service) orphans(o *auth.StoredOwner) []string {
	counts := map[string]int{}
	s.o.Directory.Each(func(k *auth.Live) bool {
		if k.Owner() != o.Name {
			return true
		}
		for name, text := range k.Profile().Limits {
			if strings.HasSuffix(text, "%") && o.Limits[name] == "" && name != "margin" {
				counts[name]++
			}
		}
		return true
	})
	var out []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("limits.%s: %d keys have a share of it, which limits nothing now", name, counts[name]))
	}
	return out
}

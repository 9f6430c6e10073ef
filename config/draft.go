package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// KeyDraft is a client key that is not in the file, as somebody has written it. What is
// empty has the default that it has in the file.
type KeyDraft struct {
	Name, Owner, Priority string
	Weight                int64
	Models                []string
	// Limits are by the names of the file, each value as it would be written there.
	Limits     map[string]string
	MaxTokens  int64
	AllowedIPs []string
	Tags       []string
	ExpiresAt  time.Time
}

// Check reads a client key as one of the file is read. owners are those whom keys may
// belong to beside the file's own, which come first where they have the same name.
// Wrong is what is wrong by field, as in limits.rpm; warnings are what is allowed and
// probably not meant.
func (c *Config) Check(d KeyDraft, owners []Owner) (k ClientKey, wrong map[string]string, warnings []string) {
	v := c.around(owners)
	k.setDefaults()
	k.Name, k.Owner, k.Tags, k.MaxTokens, k.ExpiresAt = d.Name, d.Owner, d.Tags, d.MaxTokens, d.ExpiresAt
	if d.Priority != "" {
		k.Priority = d.Priority
	}
	if d.Weight != 0 {
		k.Weight = d.Weight
	}
	if d.Models != nil {
		k.Models = d.Models
	}
	v.draftTexts(d.Name, d.Owner, d.Models, d.Tags)
	v.draftNumber(".weight", k.Weight, 1, 1_000_000)
	v.draftNumber(".max_tokens", k.MaxTokens, 0, maxCount)
	k.AllowedIPs = v.draftNetworks(d.AllowedIPs)
	k.Limits = v.draftLimits(d.Limits)
	if o := v.c.Owner(k.Owner); o != nil {
		k.Limits.share(&o.Limits)
	}
	k.Limits.resolve(false)
	v.keyName("", &k)
	v.clientKey("", &k)
	return k, v.fields(), v.said()
}

// CheckOwner reads an owner as one of the file is read.
func (c *Config) CheckOwner(name, kind string, limits map[string]string, tags []string) (o Owner, wrong map[string]string) {
	o = Owner{Name: name, Tags: tags}
	o.setDefaults()
	if kind != "" {
		o.Kind = kind
	}
	v := &validator{c: &Config{}, broken: map[string]bool{}}
	v.draftTexts(name, "", nil, tags)
	o.Limits = v.draftLimits(limits)
	o.Limits.resolve(false)
	v.ownerName(".name", &o)
	v.word(".kind", o.Kind, "team", "user")
	v.tags(".tags", tags)
	v.limits(".limits", &o.Limits, false)
	v.noShares(".limits", &o.Limits)
	return o, v.fields()
}

// ParseLimits reads limits that Check or CheckOwner has let pass, for use: shares of what
// the owner limits now become amounts, of at least one; a share of what the owner does
// not limit any more limits nothing. Owner may be nil.
func ParseLimits(text map[string]string, owner *Limits) (Limits, error) {
	v := &validator{c: &Config{}, broken: map[string]bool{}}
	l := v.draftLimits(text)
	if owner != nil {
		l.share(owner)
	}
	l.Entries = slices.DeleteFunc(l.Entries, func(e Limit) bool {
		return e.Share > 0 && (owner == nil || owner.Find(e.Name) == nil)
	})
	for i := range l.Entries {
		l.Entries[i].Amount = max(l.Entries[i].Amount, 1)
	}
	l.resolve(false)
	for path, wrong := range v.fields() {
		return Limits{}, fmt.Errorf("%s: %s", path, wrong)
	}
	return l, nil
}

// around is a validator of what stands beside this configuration's routes and owners.
func (c *Config) around(owners []Owner) *validator {
	all := slices.Clone(c.Owners)
	for _, o := range owners {
		if c.Owner(o.Name) == nil {
			all = append(all, o)
		}
	}
	return &validator{c: &Config{Routes: c.Routes, Owners: all}, broken: map[string]bool{}}
}

// maxNetworks bounds the networks that a key may be used from, and the models.
const maxNetworks = 256

// draftTexts refuses what no file could hold.
func (v *validator) draftTexts(name, owner string, lists ...[]string) {
	bad := func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }
	for path, text := range map[string]string{".name": name, ".owner": owner} {
		if bad(text) {
			v.problem(path, "holds a character that is none")
			v.broken[path] = true
		}
	}
	for i, list := range lists {
		path := [...]string{".models", ".tags"}[i]
		if slices.ContainsFunc(list, bad) {
			v.problem(path, "hold a character that is none")
		}
		if len(list) > maxNetworks {
			v.problem(path, "are more than %d", maxNetworks)
		}
	}
}

func (v *validator) draftNumber(path string, n, least, most int64) {
	if n < least || n > most {
		v.problem(path, "must be between %d and %d", least, most)
	}
}

func (v *validator) draftNetworks(texts []string) []netip.Prefix {
	if len(texts) > maxNetworks {
		v.problem(".allowed_ips", "are more than %d", maxNetworks)
		return nil
	}
	var out []netip.Prefix
	for i, s := range texts {
		n, err := parsePrefix(s)
		if err != nil {
			v.problem(fmt.Sprintf(".allowed_ips[%d]", i), "%s %s", quote(s), err)
			continue
		}
		out = append(out, n)
	}
	return out
}

// draftLimits reads limits by their names.
func (v *validator) draftLimits(text map[string]string) (l Limits) {
	known := l.names()
	for _, name := range slices.Sorted(maps.Keys(text)) {
		path := join(".limits", name)
		if !slices.Contains(known, name) {
			v.problem(path, "there is no limit %s; %s", quote(name), suggest(name, known))
			continue
		}
		if err := l.read(name, text[name]); err != nil {
			v.problem(path, "%s %s", quote(text[name]), err)
			v.broken[path] = true
		}
	}
	return l
}

// fields are the problems by path; of several at one place the first.
func (v *validator) fields() map[string]string {
	if len(v.problems) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, p := range v.problems {
		path := strings.TrimPrefix(p.Path, ".")
		if _, said := out[path]; !said {
			out[path] = p.Message
		}
	}
	return out
}

// said are the warnings, each with its place.
func (v *validator) said() []string {
	var out []string
	for _, p := range v.warnings {
		out = append(out, strings.TrimPrefix(p.Path, ".")+": "+p.Message)
	}
	return out
}

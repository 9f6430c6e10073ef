package config

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (v *validator) routes() {
	if len(v.c.Routes) == 0 {
		v.problem("routes", "there are no routes: a route is a model name that clients may ask for")
	}
	for i := range v.c.Routes {
		r := &v.c.Routes[i]
		v.route(join("routes", r.Name), r)
	}
}

func (v *validator) route(path string, r *Route) {
	if r.Name == "" || len(r.Name) > 256 || strings.Contains(r.Name, "*") || strings.ContainsFunc(r.Name, notInName) {
		v.problem(path, "a route's name has 1 to 256 characters, no spaces and no *")
	}
	if len(r.Targets) == 0 {
		v.problem(path+".targets", "there are no targets: provider/model, the first choice first")
	}
	for i, t := range r.Targets {
		at := fmt.Sprintf("%s.targets[%d]", path, i)
		if t.Provider == "" {
			continue // reported by the decoder
		}
		v.target(at, t)
		if t.Weight < 1 || t.Weight > 1_000_000 {
			v.problem(at+".weight", "must be between 1 and 1000000; to take a target out, write paused: true")
		}
		if slices.ContainsFunc(r.Targets[:i], func(o Target) bool { return o.String() == t.String() }) {
			v.problem(at, "%s is on this list already", quote(t.String()))
		}
	}
	for i, f := range r.FallbackOn {
		at := fmt.Sprintf("%s.fallback_on[%d]", path, i)
		if v.word(at, f, triggers()...) && slices.Contains(r.FallbackOn[:i], f) {
			v.problem(at, "%s is on this list already", quote(f))
		}
	}
	if len(r.Targets) > 0 && !slices.ContainsFunc(r.Targets, func(t Target) bool { return !t.Paused }) {
		v.problem(path+".targets", "all of them are paused")
	}
	v.word(path+".strategy", r.Strategy, "ordered", "weighted", "least_busy", "lowest_latency")
	if r.WaitComments != 0 && (r.WaitComments < 5*time.Second || r.WaitComments > time.Hour) {
		v.problem(path+".wait_comments", "must be between 5s and 1h: some SDKs give up after many comments")
	}
	v.limits(path+".limits", &r.Limits, false)
	v.noShares(path+".limits", &r.Limits)
	if r.MaxWait > time.Hour {
		v.problem(path+".max_wait", "must be at most 1h")
	}
	if r.WaitBeforeFallback > r.MaxWait {
		v.problem(path+".wait_before_fallback", "is longer than max_wait (%s): the next target would never be tried", span(r.MaxWait))
	}
	if r.MaxAttempts < 1 || r.MaxAttempts > 100 {
		v.problem(path+".max_attempts", "must be between 1 and 100")
	}
	v.positive(path+".timeout", r.Timeout, 24*time.Hour)
	v.word(path+".cache.scope", r.Cache.Scope, "key", "owner", "all")
}

// target checks that a target's provider exists, and that the accounts which have
// limits have some for its model.
func (v *validator) target(path string, t Target) {
	p := v.c.Provider(t.Provider)
	if p == nil {
		var names []string
		for _, p := range v.c.Providers {
			names = append(names, p.Name)
		}
		v.problem(path, "there is no provider %s; %s", quote(t.Provider), suggest(t.Provider, names))
		return
	}
	for i := range p.Accounts {
		a := &p.Accounts[i]
		if l, _ := a.LimitsFor(t.Model); l == nil && len(a.Limits) > 0 {
			v.warn(path, "the account %s of %s has no limits for %s: it is called without a budget", quote(a.Name), quote(p.Name), quote(t.Model))
		}
	}
}

func (v *validator) noShares(path string, l *Limits) {
	for _, e := range l.Entries {
		if e.Share > 0 {
			v.problem(path+"."+e.Name, "a share needs an owner; only client keys have one")
		}
	}
}

func (v *validator) owners() {
	for i := range v.c.Owners {
		o := &v.c.Owners[i]
		path := join("owners", o.Name)
		v.ownerName(path, o)
		v.word(path+".kind", o.Kind, "team", "user")
		v.tags(path+".tags", o.Tags)
		v.limits(path+".limits", &o.Limits, false)
		v.noShares(path+".limits", &o.Limits)
	}
}

func (v *validator) ownerName(path string, o *Owner) {
	if o.Name == "" || len(o.Name) > 128 || strings.ContainsFunc(o.Name, notInName) {
		v.problem(path, "an owner's name has 1 to 128 characters and no spaces")
	}
}

func (v *validator) clientKeys() {
	if len(v.c.ClientKeys) == 0 {
		v.warn("client_keys", "there are no client keys: nobody can call")
	}
	names := map[string]int{}
	digests := map[[32]byte]int{}
	for i := range v.c.ClientKeys {
		k := &v.c.ClientKeys[i]
		path := fmt.Sprintf("client_keys[%d]", i)
		switch first, dup := names[k.Name]; {
		case !v.keyName(path, k):
		case dup:
			v.problem(path+".name", "%s is the name of client_keys[%d] already", quote(k.Name), first)
		default:
			names[k.Name] = i
		}
		if v.credential(path, k) {
			if first, dup := digests[k.SHA256]; dup {
				v.problem(path, "is the same credential as client_keys[%d]", first)
			} else {
				digests[k.SHA256] = i
			}
		}
		v.clientKey(path, k)
	}
}

func (v *validator) keyName(path string, k *ClientKey) bool {
	if k.Name == "" || len(k.Name) > 128 || strings.ContainsFunc(k.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		v.problem(path+".name", "a client key needs a name of 1 to 128 characters")
		return false
	}
	return true
}

// clientKey checks what a key may do, wherever the key is kept.
func (v *validator) clientKey(path string, k *ClientKey) {
	v.word(path+".priority", k.Priority, "critical", "high", "normal", "low")
	v.keyModels(path+".models", k)
	v.tags(path+".tags", k.Tags)
	v.limits(path+".limits", &k.Limits, false)
	v.keyOwner(path, k)
}

// credential checks key and hash and fills the digest.
func (v *validator) credential(path string, k *ClientKey) bool {
	keyGiven, hashGiven := v.given(path+".key"), v.given(path+".hash")
	switch {
	case v.broken[path+".key"] || v.broken[path+".hash"] || v.broken[path]:
		return false
	case keyGiven && hashGiven:
		v.problem(path+".hash", "key and hash are both given; one is enough")
		return false
	case keyGiven && k.Key == "":
		v.problem(path+".key", "is empty")
		return false
	case keyGiven:
		v.secret(path+".key", k.Key, 20)
		k.digest()
		return true
	case !hashGiven:
		v.problem(path, "a client key needs a key or a hash")
		return false
	}
	digits, ok := strings.CutPrefix(k.Hash.Reveal(), "sha256:")
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != len(k.SHA256) {
		v.problem(path+".hash", "must be sha256: and 64 hexadecimal digits")
		return false
	}
	k.SHA256 = [32]byte(sum)
	return true
}

// keyModels checks a key's patterns and warns of those that match no route.
func (v *validator) keyModels(path string, k *ClientKey) {
	v.patterns(path, k.Models)
	for i, m := range k.Models {
		if !slices.ContainsFunc(v.c.Routes, func(r Route) bool { return match(m, r.Name) }) && len(v.c.Routes) > 0 {
			v.warn(fmt.Sprintf("%s[%d]", path, i), "%s matches no route", quote(m))
		}
	}
}

// keyOwner checks a key's limits against its owner's.
func (v *validator) keyOwner(path string, k *ClientKey) {
	o := v.c.Owner(k.Owner)
	if k.Owner != "" && o == nil {
		var names []string
		for _, o := range v.c.Owners {
			names = append(names, o.Name)
		}
		v.problem(path+".owner", "there is no owner %s; %s", quote(k.Owner), suggest(k.Owner, names))
		return
	}
	for _, e := range k.Limits.Entries {
		at := path + ".limits." + e.Name
		var whole *Limit
		if o != nil {
			whole = o.Limits.Find(e.Name)
		}
		switch {
		case e.Share > 0 && o == nil:
			v.problem(at, "a share needs an owner, and this key has none")
		case e.Share > 0 && whole == nil:
			v.problem(at, "is a share of a limit that the owner %s does not have", quote(o.Name))
		case e.Share > 0 && e.Amount == 0:
			v.problem(at, "is less than one of the owner's %d", whole.Amount)
		case e.Share == 0 && whole != nil && e.Amount > whole.Amount:
			v.warn(at, "is more than the owner's: the owner's counts")
		}
	}
}

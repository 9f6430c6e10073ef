package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxDiff bounds the lines of a summary.
const maxDiff = 40

// Diff says what differs between two configurations, one line each, for the log of
// a reload: "added routes.x", "removed …", "changed routes.x.max_wait: 20s → 30s".
// Secrets are told apart by a short digest and never shown. What only a restart can
// change is marked so. No lines: nothing differs. Either may be nil.
func Diff(old, new *Config) []string {
	before, after := flatten(old), flatten(new)
	paths := sortedKeys(before.values)
	for _, p := range sortedKeys(after.values) {
		if _, had := before.values[p]; !had {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	said := map[string]bool{}
	var out []string
	say := func(line string) {
		if !said[line] {
			said[line] = true
			out = append(out, line)
		}
	}
	for _, p := range paths {
		was, had := before.values[p]
		is, has := after.values[p]
		switch {
		case had && has && was == is:
		case !had:
			say("added " + before.missing(p) + restart(p))
		case !has:
			say("removed " + after.missing(p) + restart(p))
		default:
			say(fmt.Sprintf("changed %s: %s → %s%s", p, shown(was), shown(is), restart(p)))
		}
	}
	if len(out) > maxDiff {
		out = append(out[:maxDiff], fmt.Sprintf("and %d more", len(out)-maxDiff))
	}
	return out
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// restart marks what a reload cannot change.
func restart(path string) string {
	if atStart(path) {
		return " (needs a restart)"
	}
	return ""
}

// readAtStart are the settings, and the sections, that the program reads when it starts and
// never again.
func readAtStart() []string {
	return []string{
		"server.listen", "server.admin_listen", "server.metrics_listen", "logging.format", "tokens.counter",
		"store.driver", "store.dsn", "store.memory", "store.spool", "budgets.driver", "budgets.url", "budgets.levels", "telemetry",
	}
}

// atStart says that a path is, or lies in, what is read at the start.
func atStart(path string) bool {
	return slices.ContainsFunc(readAtStart(), func(p string) bool {
		rest, ok := strings.CutPrefix(path, p)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// NeedsRestart answers the paths at which two configurations differ in what is read at the
// start only: what a program that began with the old one does not yet do of the new one.
// Either may be nil.
func NeedsRestart(old, new *Config) []string {
	before, after := flatten(old).values, flatten(new).values
	var out []string
	for _, p := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(sortedKeys(before), sortedKeys(after))))) {
		was, had := before[p]
		if is, has := after[p]; atStart(p) && (was != is || had != has) {
			out = append(out, p)
		}
	}
	return out
}

func shown(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// flat is a configuration as single values by path.
type flat struct {
	values map[string]string
	groups map[string]bool
}

// missing is the outermost part of a path that a configuration does not have: a
// whole route, when the route is what is new.
func (f flat) missing(path string) string {
	for p := path; p != ""; p = parent(p) {
		if up := parent(p); up == "" || f.groups[up] {
			return p
		}
	}
	return path
}

func flatten(c *Config) flat {
	f := flat{values: map[string]string{}, groups: map[string]bool{}}
	if c != nil {
		f.value("", reflect.ValueOf(c).Elem())
	}
	return f
}

func (f flat) value(path string, v reflect.Value) {
	if text, ok := plainText(v); ok {
		f.values[path] = text
		return
	}
	f.groups[path] = true
	switch v.Kind() {
	case reflect.Struct:
		f.structure(path, v)
	case reflect.Slice:
		f.list(path, v)
	}
}

func (f flat) structure(path string, v reflect.Value) {
	if l, ok := v.Interface().(Limits); ok {
		f.limits(path, l)
		return
	}
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("yaml")
		name, how, _ := strings.Cut(tag, ",")
		switch {
		case how == "inline":
			f.value(path, v.Field(i))
		case name != "" && name != "-":
			f.value(join(path, name), v.Field(i))
		}
	}
}

func (f flat) limits(path string, l Limits) {
	for _, e := range l.Entries {
		text := strconv.FormatInt(e.Amount, 10)
		if e.Dimension == "cost" {
			text = strconv.FormatFloat(float64(e.Amount)/nanoUSD, 'f', -1, 64)
		}
		f.values[join(path, e.Name)] = text
	}
	f.values[join(path, "burst")] = l.Burst.String()
	f.values[join(path, "margin")] = strconv.FormatFloat(l.Margin, 'g', -1, 64)
	f.values[join(path, "jitter")] = l.Jitter.String()
}

// list gives entries their own names as path where they have one, so that an entry
// that only moved is not a difference.
func (f flat) list(path string, v reflect.Value) {
	var words []string
	for i := range v.Len() {
		e := v.Index(i)
		if text, ok := plainText(e); ok {
			words = append(words, text)
			continue
		}
		f.value(f.entry(path, i, e), e)
	}
	if words != nil {
		delete(f.groups, path)
		f.values[path] = "[" + strings.Join(words, " ") + "]"
	}
}

func (f flat) entry(path string, i int, e reflect.Value) string {
	name := ""
	switch e := e.Interface().(type) {
	case AccountLimits:
		name = strings.Join(e.Models, " ")
	case UpstreamKey:
		name = digest(e.Value)
	default:
		name = reflect.ValueOf(e).FieldByName("Name").String()
	}
	at := join(path, name)
	if f.groups[at] {
		at = path + "[" + strconv.Itoa(i) + "]"
	}
	return at
}

// plainText is a single value as text; ok is false for structs and lists of them.
func plainText(v reflect.Value) (string, bool) {
	switch x := v.Interface().(type) {
	case Secret:
		return digest(x), true
	case time.Duration:
		return x.String(), true
	case time.Time:
		if x.IsZero() {
			return "", true
		}
		return x.Format(time.RFC3339), true
	case *time.Location:
		if x == nil {
			return "", true
		}
		return x.String(), true
	case netip.Prefix:
		return x.String(), true
	case Target:
		return x.String(), true
	case Condition:
		return x.Text, true
	case Bound:
		return x.String(), true
	case Action:
		return x.String(), true
	case Header:
		return x.Name + ": " + digest(x.Value), true
	case OIDCRole:
		return x.Name + ": " + x.Role, true
	}
	switch v.Kind() {
	case reflect.Slice:
		return "[]", v.Len() == 0 && !nested(v.Type().Elem())
	case reflect.Struct:
		return "", false
	}
	return fmt.Sprint(v.Interface()), true
}

// nested says that entries of a list have names of their own.
func nested(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	_, single := plainText(reflect.New(t).Elem())
	return !single
}

// digest tells secrets apart without showing anything of them.
func digest(s Secret) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s.Reveal()))
	return "secret#" + hex.EncodeToString(sum[:3])
}

// String is the burst as the file writes it, empty for the default.
func (b Burst) String() string {
	switch {
	case b.Borrow:
		return "borrow"
	case b.Amount > 0:
		return strconv.FormatInt(b.Amount, 10)
	case b.Duration > 0:
		return b.Duration.String()
	}
	return ""
}

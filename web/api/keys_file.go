package api

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
)

// filePrefix begins the IDs of the configuration file's keys, and the cursors of pages
// that end among them.
const filePrefix = "file:"

// filedAfter is the cursor behind so many keys of the file; -1: all of them.
func filedAfter(n int) string { return filePrefix + strconv.Itoa(n) }

// ofFile answers the page of the file's keys that a query is at, and the cursor of the
// next page where that is among them too. The query goes on behind them.
func (k *keys) ofFile(q *auth.KeyQuery) (rows []ClientKey, next string) {
	at := 0
	if text, ok := strings.CutPrefix(q.After, filePrefix); ok {
		at, _ = strconv.Atoi(text) // a cursor that nobody gave begins anew
	} else if q.After != "" {
		return nil, ""
	}
	q.After = ""
	if at < 0 {
		return nil, ""
	}
	cfg := k.config()
	for i := range cfg.ClientKeys {
		f := &cfg.ClientKeys[i]
		if !filedChosen(f, q) {
			continue
		}
		if at--; at >= 0 {
			continue
		}
		if len(rows) == q.Limit {
			return rows, filedAfter(k.position(q, rows))
		}
		rows = append(rows, k.viewFiled(f))
	}
	return rows, ""
}

// position is how many of the file's keys that a query chooses end with a page.
func (k *keys) position(q *auth.KeyQuery, page []ClientKey) int {
	last, n := page[len(page)-1].Name, 0
	cfg := k.config()
	for i := range cfg.ClientKeys {
		if filedChosen(&cfg.ClientKeys[i], q) {
			n++
		}
		if cfg.ClientKeys[i].Name == last {
			break
		}
	}
	return n
}

func filedChosen(f *config.ClientKey, q *auth.KeyQuery) bool {
	if q.Owner != "" && f.Owner != q.Owner || q.Tag != "" && !slices.Contains(f.Tags, q.Tag) {
		return false
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(q.Search)) }
	return q.Search == "" || has(f.Name) || has(f.Owner) || slices.ContainsFunc(f.Tags, has)
}

// filed answers a key of the file that the caller may know of.
func (k *keys) filed(c *Call) (ClientKey, bool) {
	name, ok := strings.CutPrefix(unescaped(c.Param("id")), filePrefix)
	if !ok {
		return ClientKey{}, false
	}
	cfg := k.config()
	for i := range cfg.ClientKeys {
		if f := &cfg.ClientKeys[i]; f.Name == name && owns(c.Who, f.Owner) {
			return k.viewFiled(f), true
		}
	}
	return ClientKey{}, false
}

// notFiled refuses to change what the file says.
func (k *keys) notFiled(c *Call) error {
	if f, ok := k.filed(c); ok {
		return inFile(f.Name)
	}
	return nil
}

func inFile(name string) *Error {
	return Conflict("in_file", clip(name)+" is in the configuration file: change it there")
}

// unescaped is a parameter of the path as it was meant: names may hold slashes.
func unescaped(param string) string {
	if s, err := url.PathUnescape(param); err == nil {
		return s
	}
	return param
}

func (k *keys) viewFiled(f *config.ClientKey) ClientKey {
	v := ClientKey{
		ID: filePrefix + f.Name, Name: f.Name, Owner: f.Owner, Priority: f.Priority, Weight: int(f.Weight), Models: orEmpty(f.Models),
		Limits: limitsOf(fileLimits(&f.Limits)), MaxTokens: f.MaxTokens, AllowedIPs: prefixes(f.AllowedIPs), Tags: orEmpty(f.Tags),
		ExpiresAt: timeOf(f.ExpiresAt), Disabled: f.Disabled, Source: "file",
	}
	v.State = k.state(time.Time{}, f.ExpiresAt, f.Disabled)
	return v
}

func prefixes(nets []netip.Prefix) []string {
	out := make([]string, len(nets))
	for i, n := range nets {
		out[i] = n.String()
	}
	return out
}

// fileLimits writes limits of the file as texts again.
func fileLimits(l *config.Limits) map[string]string {
	out := map[string]string{}
	for _, e := range l.Entries {
		switch {
		case e.Share > 0:
			out[e.Name] = strconv.FormatFloat(e.Share*100, 'g', 10, 64) + "%"
		case e.Dimension == "cost":
			out[e.Name] = dollars(e.Amount)
		default:
			out[e.Name] = strconv.FormatInt(e.Amount, 10)
		}
	}
	if b := l.Burst.String(); b != "" {
		out["burst"] = b
	}
	return out
}

// dollars writes nano-dollars as dollars.
func dollars(nano int64) string {
	const unit = 1_000_000_000
	s := fmt.Sprintf("%d.%09d", nano/unit, nano%unit)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

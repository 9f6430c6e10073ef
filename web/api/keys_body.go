package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/auth"
)

// NewKey is what a client key is made of.
type NewKey struct {
	// Name is unique among living keys: 1 to 128 characters.
	Name string `json:"name"`
	// Owner is an owner's name. Default: nobody's.
	Owner string `json:"owner,omitempty"`
	// Priority is critical, high, normal or low. Default normal.
	Priority string `json:"priority,omitempty"`
	// Weight is its share of its class's turns. Default 1.
	Weight int `json:"weight,omitempty"`
	// Models are the routes it may use; * stands for any text. Default ["*"].
	Models []string `json:"models,omitempty"`
	// Limits are by the names of the configuration. Default none.
	Limits map[string]any `json:"limits,omitempty"`
	// MaxTokens caps what one call may ask for as output. Default no cap.
	MaxTokens int64 `json:"max_tokens,omitempty"`
	// AllowedIPs are the addresses and networks it may be used from. Default all.
	AllowedIPs []string `json:"allowed_ips,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	// ExpiresAt is when it ends. Default never.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

func (n *NewKey) stored() auth.Stored {
	s := auth.Stored{
		Name: n.Name, Owner: n.Owner, Priority: n.Priority, Weight: n.Weight, Models: n.Models, Limits: limitTexts(n.Limits),
		MaxTokens: n.MaxTokens, AllowedIPs: n.AllowedIPs, Tags: n.Tags,
	}
	if n.ExpiresAt != nil {
		s.ExpiresAt = n.ExpiresAt.UTC()
	}
	return s
}

// KeyEdit is what to change of a client key; what is left out stays.
type KeyEdit struct {
	// Version, where it is given, must still be the key's.
	Version    int64          `json:"version,omitempty"`
	Name       *string        `json:"name,omitempty"`
	Owner      *string        `json:"owner,omitempty"`
	Priority   *string        `json:"priority,omitempty"`
	Weight     *int           `json:"weight,omitempty"`
	Models     []string       `json:"models,omitempty"`
	Limits     map[string]any `json:"limits,omitempty"`
	MaxTokens  *int64         `json:"max_tokens,omitempty"`
	AllowedIPs *[]string      `json:"allowed_ips,omitempty"`
	Tags       *[]string      `json:"tags,omitempty"`
	ExpiresAt  *time.Time     `json:"expires_at,omitempty"`
	Disabled   *bool          `json:"disabled,omitempty"`

	null map[string]bool // fields that were given as null
}

func readKeyEdit(c *Call) (*KeyEdit, error) {
	var e KeyEdit
	null, err := decodeEdit(c, &e, "owner", "max_tokens", "allowed_ips", "tags", "limits", "expires_at")
	e.null = null
	return &e, err
}

// decodeEdit reads the body of an edit, and which fields are null, of which only some
// may be.
func decodeEdit(c *Call, v any, nullable ...string) (map[string]bool, error) {
	if err := c.mustBeJSON(); err != nil {
		return nil, err
	}
	data, err := c.Read()
	if err != nil {
		return nil, err
	}
	if err := decode(data, v); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, BadRequest("invalid_json", "the body must be an object")
	}
	null, wrong := map[string]bool{}, auth.FieldErrors{}
	for name, raw := range fields {
		if string(bytes.TrimSpace(raw)) != "null" {
			continue
		}
		if null[name] = true; !slices.Contains(nullable, name) {
			wrong[name] = "must not be null"
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return null, nil
}

// editNote is an edit as the audit log has it.
type editNote struct {
	Edit    any      `json:"edit"`
	Cleared []string `json:"cleared,omitempty"`
}

func cleared(null map[string]bool) []string { return slices.Sorted(maps.Keys(null)) }

// apply makes the edit.
func (e *KeyEdit) apply(k *auth.Stored) error {
	k.Limits = mergeLimits(k.Limits, e.Limits, e.null["limits"])
	set(&k.Name, e.Name)
	set(&k.Priority, e.Priority)
	set(&k.Weight, e.Weight)
	set(&k.Disabled, e.Disabled)
	clearOr(&k.Owner, e.Owner, e.null["owner"])
	clearOr(&k.MaxTokens, e.MaxTokens, e.null["max_tokens"])
	clearOr(&k.AllowedIPs, e.AllowedIPs, e.null["allowed_ips"])
	clearOr(&k.Tags, e.Tags, e.null["tags"])
	clearOr(&k.ExpiresAt, e.ExpiresAt, e.null["expires_at"])
	k.ExpiresAt = k.ExpiresAt.UTC()
	if e.Models != nil {
		k.Models = e.Models
	}
	return nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func clearOr[T any](to, from *T, null bool) {
	var zero T
	if null {
		*to = zero
	}
	set(to, from)
}

// mergeLimits changes the limits that are named; null removes one.
func mergeLimits(old map[string]string, edit map[string]any, all bool) map[string]string {
	if edit == nil && !all {
		return old
	}
	merged := map[string]string{}
	if !all {
		maps.Copy(merged, old)
	}
	given := map[string]any{}
	for name, v := range edit {
		if v == nil {
			delete(merged, name)
			continue
		}
		given[name] = v
	}
	maps.Copy(merged, limitTexts(given))
	return merged
}

// limitTexts turns limits of JSON into the texts that a file would hold. What can be none
// becomes a text that is refused with everything else that is wrong.
func limitTexts(limits map[string]any) map[string]string {
	texts := map[string]string{}
	for name, v := range limits {
		switch v := v.(type) {
		case string:
			texts[name] = v
		case float64:
			texts[name] = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			data, _ := json.Marshal(v) // what was decoded encodes
			texts[name] = clip(string(data))
		}
	}
	return texts
}

// limitsOf turns such texts into JSON: numbers where they are plain.
func limitsOf(texts map[string]string) map[string]any {
	out := map[string]any{}
	for name, text := range texts {
		if text != "" && strings.Trim(text, "0123456789.") == "" && json.Valid([]byte(text)) {
			out[name] = json.Number(text)
		} else {
			out[name] = text
		}
	}
	return out
}

// Rotation says how a credential is replaced.
type Rotation struct {
	// Grace is how long the old one works: a duration such as 24h, 30m or 7d. Default 24h.
	Grace *string `json:"grace,omitempty"`
	// Version, where it is given, must still be the key's.
	Version int64 `json:"version,omitempty"`
}

// defaultGrace is long enough to deploy a new credential in working hours.
const defaultGrace = 24 * time.Hour

func readRotation(c *Call) (r Rotation, grace time.Duration, err error) {
	if err := c.mustBeJSON(); err != nil {
		return r, 0, err
	}
	data, err := c.Read()
	if err != nil {
		return r, 0, err
	}
	if len(bytes.TrimSpace(data)) > 0 {
		if err := decode(data, &r); err != nil {
			return r, 0, err
		}
	}
	if r.Grace == nil {
		return r, defaultGrace, nil
	}
	text := *r.Grace
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil {
			return r, time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if grace, err = time.ParseDuration(text); err != nil {
		return r, 0, auth.FieldErrors{"grace": fmt.Sprintf("%.40q is not a duration such as 24h, 30m or 0", text)}
	}
	return r, grace, nil
}

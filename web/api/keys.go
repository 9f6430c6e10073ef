package api

import (
	"context"
	"net/http"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/web/access"
)

// Clients manages client keys and owners. What is wrong with a value is an
// auth.FieldErrors.
type Clients interface {
	CreateKey(ctx context.Context, k auth.Stored) (made auth.Stored, secret string, warnings []string, err error)
	EditKey(ctx context.Context, id string, version int64, change func(*auth.Stored) error) (edited auth.Stored, warnings []string, err error)
	RotateKey(ctx context.Context, id string, version int64, grace time.Duration) (rotated auth.Stored, secret string, err error)
	RevokeKey(ctx context.Context, id string, version int64) (auth.Stored, error)
	Key(ctx context.Context, id string) (auth.Stored, error)
	Keys(q auth.KeyQuery) (rows []auth.Stored, next string)

	CreateOwner(ctx context.Context, o auth.StoredOwner) (auth.StoredOwner, error)
	EditOwner(ctx context.Context, name string, version int64, change func(*auth.StoredOwner) error) (edited auth.StoredOwner, warnings []string, err error)
	DeleteOwner(ctx context.Context, name string, version int64) error
	Owner(name string) (o auth.StoredOwner, keys int, err error)
	Owners(search, after string, limit int) (rows []auth.StoredOwner, next string)
	KeysOf(owner string) int
}

// Holders shows the live buckets of those who hold limits.
type Holders interface {
	// KeyBudgets are a key's own and its owner's, OwnerBudgets an owner's. Keys are named
	// by the ID that a ClientKey has.
	KeyBudgets(id string) []Budget
	OwnerBudgets(name string) []Budget
}

// ClientKey is what an application presents, without the credential.
type ClientKey struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Owner    string   `json:"owner"` // empty: nobody's
	Priority string   `json:"priority"`
	Weight   int      `json:"weight"`
	Models   []string `json:"models"`
	// Limits are by the names of the configuration: numbers, and shares as "25%".
	Limits     map[string]any `json:"limits"`
	MaxTokens  int64          `json:"max_tokens"`  // 0: no cap
	AllowedIPs []string       `json:"allowed_ips"` // empty: everywhere
	Tags       []string       `json:"tags"`
	ExpiresAt  *time.Time     `json:"expires_at"` // null: never
	Disabled   bool           `json:"disabled"`
	// State is active, disabled, expired or revoked.
	State string `json:"state"`
	// Hint is the credential's last characters.
	Hint string `json:"hint"`
	// OldKeyUntil is how long the credential from before the last rotation works.
	OldKeyUntil *time.Time `json:"old_key_until"`
	// Source is store, or file: keys of the configuration file are changed there.
	Source    string     `json:"source"`
	CreatedAt *time.Time `json:"created_at"`
	UpdatedAt *time.Time `json:"updated_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	Version   int64      `json:"version"`
}

// MadeKey is a key with a new credential, which is told here and never again.
type MadeKey struct {
	ClientKey
	Key      string   `json:"key"`
	Warnings []string `json:"warnings"`
}

// EditedKey is a key after an edit, with what is allowed and probably not meant.
type EditedKey struct {
	ClientKey
	Warnings []string `json:"warnings"`
}

// KeyDetail is a key with its live buckets and its owner's.
type KeyDetail struct {
	ClientKey
	Usage []Budget `json:"usage"`
}

// keys serves client keys.
type keys struct {
	clients Clients
	holders Holders
	config  func() *config.Config
	now     func() time.Time
}

const limitNames = "Limits are named as in the configuration: rps, rpm, rpd, tps, tpm, tpd, input_tpm, output_tpm, concurrency, usd_per_day, usd_per_month, and beside them burst. Amounts are numbers, or texts such as \"100k\" or \"25%\", a share of the owner's."

// KeyEndpoints make, show, change and end client keys. cfg is the configuration in
// force, whose keys are shown too.
func KeyEndpoints(clients Clients, holders Holders, cfg func() *config.Config) []Endpoint {
	k := &keys{clients, holders, cfg, time.Now}
	id := "A key of the configuration file has the ID file:NAME and is changed there."
	e := []Endpoint{
		{
			Method: http.MethodGet, Path: "/keys", ID: "keys.list", Summary: "Client keys, those of the file first, then the latest first",
			Description: "A key-owner sees the keys of the own owner.", Roles: Everybody(), Answer: List[ClientKey]{}, Handle: k.list,
			Query: []Param{
				{Name: "search", About: "a part of the name, the owner, a tag, the ID or the hint, in any case"},
				{Name: "owner", About: "only keys of this owner"}, {Name: "tag", About: "only keys with this tag"},
				{Name: "after", About: "what the page before gave as next"}, {Name: "limit", About: "keys per page, 1 to 1000; default 100", Type: "integer"},
			},
		},
		{
			Method: http.MethodPost, Path: "/keys", ID: "keys.create", Summary: "Make a client key; its credential is told only here",
			Description: "Counts at once on this node and within a second on every other. " + limitNames,
			Roles:       Operators(), Body: NewKey{}, Answer: MadeKey{}, Status: http.StatusCreated, Handle: k.create,
		},
		{
			Method: http.MethodGet, Path: "/keys/{id}", ID: "keys.show", Summary: "One client key, with what is used of its limits now",
			Description: id, Roles: Everybody(), Answer: KeyDetail{}, Handle: k.show,
		},
		{
			Method: http.MethodPatch, Path: "/keys/{id}", ID: "keys.update", Summary: "Change a client key",
			Description: "What is left out stays. Limits are merged by name, and null removes one; null for owner, max_tokens, allowed_ips, tags, limits and expires_at removes it whole. Buckets keep their levels. " + limitNames + " " + id,
			Roles:       Operators(), Body: KeyEdit{}, Answer: EditedKey{}, Handle: k.edit,
		},
		{
			Method: http.MethodDelete, Path: "/keys/{id}", ID: "keys.revoke", Summary: "End a client key for good",
			Description: "The next call with it is refused. " + id, Roles: Operators(), Query: []Param{versionParam()}, Handle: k.revoke,
		},
		{
			Method: http.MethodPost, Path: "/keys/{id}/rotate", ID: "keys.rotate", Summary: "Give a client key a new credential; it is told only here",
			Description: "The old credential works for the grace: 24h unless told otherwise, 0 for not at all, at most 720h. The one before it ends now. A key-owner may rotate the own keys. " + id,
			Roles:       []access.Role{access.Admin, access.Operator, access.KeyOwner}, Body: Rotation{}, Answer: MadeKey{}, Handle: k.rotate,
		},
	}
	for i := range e {
		e[i].Tag = "keys"
	}
	return e
}

func versionParam() Param {
	return Param{Name: "version", About: "the version that the decision was made from; 409 when it is another by now. Default: whichever there is", Type: "integer"}
}

// pageSize are the bounds of a list's pages.
const pageSize, maxPage = 100, 1000

func (k *keys) list(c *Call) (any, error) {
	limit, err := c.Int("limit", pageSize, 1, maxPage)
	if err != nil {
		return nil, err
	}
	q := auth.KeyQuery{Search: c.Query("search"), Owner: c.Query("owner"), Tag: c.Query("tag"), After: c.Query("after"), Limit: limit}
	if c.Who.Role == access.KeyOwner {
		if c.Who.Owner == "" || q.Owner != "" && q.Owner != c.Who.Owner {
			return Page[ClientKey](nil, ""), nil
		}
		q.Owner = c.Who.Owner
	}
	rows, next := k.ofFile(&q)
	if next != "" {
		return Page(rows, next), nil
	}
	if q.Limit -= len(rows); q.Limit == 0 {
		return Page(rows, filedAfter(-1)), nil
	}
	stored, next := k.clients.Keys(q)
	for i := range stored {
		rows = append(rows, k.view(&stored[i]))
	}
	return Page(rows, next), nil
}

// find answers a key of the store that the caller may know of.
func (k *keys) find(c *Call) (auth.Stored, error) {
	s, err := k.clients.Key(c.Context(), c.Param("id"))
	if err != nil {
		return s, err
	}
	if !owns(c.Who, s.Owner) {
		return s, auth.ErrNotFound
	}
	return s, nil
}

// owns says whether an owner's things are somebody's to see.
func owns(who access.Identity, owner string) bool {
	return who.Role != access.KeyOwner || owner != "" && owner == who.Owner
}

func (k *keys) show(c *Call) (any, error) {
	if filed, ok := k.filed(c); ok {
		return KeyDetail{filed, k.usage(filed.ID)}, nil
	}
	s, err := k.find(c)
	if err != nil {
		return nil, err
	}
	return KeyDetail{k.view(&s), k.usage(s.ID)}, nil
}

func (k *keys) usage(id string) []Budget {
	if b := k.holders.KeyBudgets(id); b != nil {
		return b
	}
	return []Budget{}
}

func (k *keys) create(c *Call) (any, error) {
	var n NewKey
	if err := c.Decode(&n); err != nil {
		return nil, err
	}
	made, secret, warnings, err := k.clients.CreateKey(c.Context(), n.stored())
	if err != nil {
		return nil, err
	}
	c.Note(made.ID, n)
	return MadeKey{k.view(&made), secret, orEmpty(warnings)}, nil
}

func (k *keys) edit(c *Call) (any, error) {
	if err := k.notFiled(c); err != nil {
		return nil, err
	}
	e, err := readKeyEdit(c)
	if err != nil {
		return nil, err
	}
	s, warnings, err := k.clients.EditKey(c.Context(), c.Param("id"), e.Version, e.apply)
	if err != nil {
		return nil, err
	}
	c.Note(s.ID, editNote{e, cleared(e.null)})
	return EditedKey{k.view(&s), orEmpty(warnings)}, nil
}

func (k *keys) revoke(c *Call) (any, error) {
	if err := k.notFiled(c); err != nil {
		return nil, err
	}
	version, err := c.Int("version", 0, 0, maxVersion)
	if err != nil {
		return nil, err
	}
	s, err := k.clients.RevokeKey(c.Context(), c.Param("id"), int64(version))
	if err == nil {
		c.Note(s.ID, map[string]string{"name": s.Name, "owner": s.Owner})
	}
	return nil, err
}

// maxVersion bounds what is read as a version.
const maxVersion = 1 << 53

func (k *keys) rotate(c *Call) (any, error) {
	if filed, ok := k.filed(c); ok {
		return nil, inFile(filed.Name)
	}
	s, err := k.find(c)
	if err != nil {
		return nil, err
	}
	r, grace, err := readRotation(c)
	if err != nil {
		return nil, err
	}
	s, secret, err := k.clients.RotateKey(c.Context(), s.ID, r.Version, grace)
	if err != nil {
		return nil, err
	}
	c.Note(s.ID, map[string]string{"name": s.Name, "grace": grace.String()})
	return MadeKey{k.view(&s), secret, []string{}}, nil
}

// view is a key of the store as it is shown.
func (k *keys) view(s *auth.Stored) ClientKey {
	v := ClientKey{
		ID: s.ID, Name: s.Name, Owner: s.Owner, Priority: s.Priority, Weight: max(s.Weight, 1), Models: orEmpty(s.Models),
		Limits: limitsOf(s.Limits), MaxTokens: s.MaxTokens, AllowedIPs: orEmpty(s.AllowedIPs), Tags: orEmpty(s.Tags),
		ExpiresAt: timeOf(s.ExpiresAt), Disabled: s.Disabled, Hint: s.Hint, Source: "store",
		CreatedAt: timeOf(s.CreatedAt), UpdatedAt: timeOf(s.UpdatedAt), RevokedAt: timeOf(s.RevokedAt), Version: s.Version,
	}
	if s.OldUntil.After(k.now()) {
		v.OldKeyUntil = timeOf(s.OldUntil)
	}
	v.State = k.state(s.RevokedAt, s.ExpiresAt, s.Disabled)
	return v
}

func (k *keys) state(revoked, expires time.Time, disabled bool) string {
	switch {
	case !revoked.IsZero():
		return "revoked"
	case disabled:
		return "disabled"
	case !expires.IsZero() && !expires.After(k.now()):
		return "expired"
	}
	return "active"
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

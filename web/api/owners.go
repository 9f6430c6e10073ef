package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/web/access"
)

// Owner is a user or a team that client keys belong to.
type Owner struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // team or user
	// Limits are shared by all of its keys.
	Limits map[string]any `json:"limits"`
	Tags   []string       `json:"tags"`
	// Keys is how many keys belong to it.
	Keys int `json:"keys"`
	// Source is store, or file: owners of the configuration file are changed there.
	Source    string     `json:"source"`
	CreatedAt *time.Time `json:"created_at"`
	UpdatedAt *time.Time `json:"updated_at"`
	Version   int64      `json:"version"`
}

// OwnerDetail is an owner with its live buckets.
type OwnerDetail struct {
	Owner
	Usage []Budget `json:"usage"`
}

// EditedOwner is an owner after an edit, with what is allowed and probably not meant.
type EditedOwner struct {
	Owner
	Warnings []string `json:"warnings"`
}

// NewOwner is what an owner is made of.
type NewOwner struct {
	// Name is unique: 1 to 128 characters without spaces. It does not change.
	Name string `json:"name"`
	// Kind is team or user. Default team.
	Kind string `json:"kind,omitempty"`
	// Limits are shared by all keys of the owner. Default none.
	Limits map[string]any `json:"limits,omitempty"`
	Tags   []string       `json:"tags,omitempty"`
}

// OwnerEdit is what to change of an owner; what is left out stays.
type OwnerEdit struct {
	// Version, where it is given, must still be the owner's.
	Version int64          `json:"version,omitempty"`
	Kind    *string        `json:"kind,omitempty"`
	Limits  map[string]any `json:"limits,omitempty"`
	Tags    *[]string      `json:"tags,omitempty"`

	null map[string]bool
}

// OwnerEndpoints make, show, change and delete owners.
func OwnerEndpoints(clients Clients, holders Holders, cfg func() *config.Config) []Endpoint {
	o := &owners{clients, holders, cfg}
	e := []Endpoint{
		{
			Method: http.MethodGet, Path: "/owners", ID: "owners.list", Summary: "Owners, those of the file first, then by name",
			Description: "A key-owner sees the own owner.", Roles: Everybody(), Answer: List[Owner]{}, Handle: o.list,
			Query: []Param{
				{Name: "search", About: "a part of the name or of a tag, in any case"},
				{Name: "after", About: "what the page before gave as next"}, {Name: "limit", About: "owners per page, 1 to 1000; default 100", Type: "integer"},
			},
		},
		{
			Method: http.MethodPost, Path: "/owners", ID: "owners.create", Summary: "Make an owner", Description: limitNames,
			Roles: Operators(), Body: NewOwner{}, Answer: Owner{}, Status: http.StatusCreated, Handle: o.create,
		},
		{
			Method: http.MethodGet, Path: "/owners/{name}", ID: "owners.show", Summary: "One owner, with what is used of its limits now",
			Roles: Everybody(), Answer: OwnerDetail{}, Handle: o.show,
		},
		{
			Method: http.MethodPatch, Path: "/owners/{name}", ID: "owners.update", Summary: "Change an owner",
			Description: "What is left out stays. Limits are merged by name, and null removes one; null for limits and tags removes them whole. Buckets keep their levels. " + limitNames,
			Roles:       Operators(), Body: OwnerEdit{}, Answer: EditedOwner{}, Handle: o.edit,
		},
		{
			Method: http.MethodDelete, Path: "/owners/{name}", ID: "owners.delete", Summary: "Delete an owner that no key belongs to",
			Description: "While keys belong to it, 409 with their number as detail.keys.", Roles: Operators(), Query: []Param{versionParam()}, Handle: o.remove,
		},
	}
	for i := range e {
		e[i].Tag = "owners"
	}
	return e
}

type owners struct {
	clients Clients
	holders Holders
	config  func() *config.Config
}

func (o *owners) list(c *Call) (any, error) {
	limit, err := c.Int("limit", pageSize, 1, maxPage)
	if err != nil {
		return nil, err
	}
	after, search := c.Query("after"), c.Query("search")
	if c.Who.Role == access.KeyOwner {
		own, err := o.find(c.Who.Owner)
		if err != nil || after != "" || !strings.Contains(strings.ToLower(own.Name), strings.ToLower(search)) {
			return Page[Owner](nil, ""), nil
		}
		return Page([]Owner{own}, ""), nil
	}
	var rows []Owner
	cfg := o.config()
	for i := range cfg.Owners {
		if f := &cfg.Owners[i]; after == "" && ownerChosen(f, search) {
			rows = append(rows, o.viewFiled(f))
		}
	}
	stored, next := o.clients.Owners(search, after, limit)
	for i := range stored {
		if cfg.Owner(stored[i].Name) == nil { // the file's counts
			rows = append(rows, o.view(&stored[i]))
		}
	}
	return Page(rows, next), nil
}

func ownerChosen(f *config.Owner, search string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(search)) }
	if has(f.Name) {
		return true
	}
	for _, t := range f.Tags {
		if has(t) {
			return true
		}
	}
	return false
}

// find answers an owner: the file's, or else the stored one.
func (o *owners) find(name string) (Owner, error) {
	if f := o.config().Owner(name); f != nil {
		return o.viewFiled(f), nil
	}
	s, _, err := o.clients.Owner(name)
	if err != nil {
		return Owner{}, err
	}
	return o.view(&s), nil
}

func (o *owners) show(c *Call) (any, error) {
	name := unescaped(c.Param("name"))
	if !owns(c.Who, name) {
		return nil, auth.ErrNotFound
	}
	v, err := o.find(name)
	if err != nil {
		return nil, err
	}
	usage := o.holders.OwnerBudgets(name)
	if usage == nil {
		usage = []Budget{}
	}
	return OwnerDetail{v, usage}, nil
}

func (o *owners) create(c *Call) (any, error) {
	var n NewOwner
	if err := c.Decode(&n); err != nil {
		return nil, err
	}
	s, err := o.clients.CreateOwner(c.Context(), auth.StoredOwner{Name: n.Name, Kind: n.Kind, Limits: limitTexts(n.Limits), Tags: n.Tags})
	if err != nil {
		return nil, err
	}
	c.Note(s.Name, n)
	return o.view(&s), nil
}

func (o *owners) edit(c *Call) (any, error) {
	name, err := o.stored(c)
	if err != nil {
		return nil, err
	}
	var e OwnerEdit
	if e.null, err = decodeEdit(c, &e, "limits", "tags"); err != nil {
		return nil, err
	}
	s, warnings, err := o.clients.EditOwner(c.Context(), name, e.Version, func(s *auth.StoredOwner) error {
		s.Limits = mergeLimits(s.Limits, e.Limits, e.null["limits"])
		set(&s.Kind, e.Kind)
		clearOr(&s.Tags, e.Tags, e.null["tags"])
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.Note(name, editNote{e, cleared(e.null)})
	return EditedOwner{o.view(&s), orEmpty(warnings)}, nil
}

func (o *owners) remove(c *Call) (any, error) {
	name, err := o.stored(c)
	if err != nil {
		return nil, err
	}
	version, err := c.Int("version", 0, 0, maxVersion)
	if err != nil {
		return nil, err
	}
	err = o.clients.DeleteOwner(c.Context(), name, int64(version))
	var used *auth.InUse
	if errors.As(err, &used) {
		e := Conflict("in_use", fmt.Sprintf("%d keys belong to this owner: revoke them, or give them another", used.Keys))
		e.Detail = map[string]int{"keys": used.Keys}
		return nil, e
	}
	c.Note(name, nil)
	return nil, err
}

// stored is the name of the owner that a call would change; the file's is changed there.
func (o *owners) stored(c *Call) (string, error) {
	name := unescaped(c.Param("name"))
	if o.config().Owner(name) != nil {
		return "", inFile(name)
	}
	return name, nil
}

func (o *owners) view(s *auth.StoredOwner) Owner {
	return Owner{
		Name: s.Name, Kind: s.Kind, Limits: limitsOf(s.Limits), Tags: orEmpty(s.Tags), Keys: o.clients.KeysOf(s.Name), Source: "store",
		CreatedAt: timeOf(s.CreatedAt), UpdatedAt: timeOf(s.UpdatedAt), Version: s.Version,
	}
}

func (o *owners) viewFiled(f *config.Owner) Owner {
	v := Owner{Name: f.Name, Kind: f.Kind, Limits: limitsOf(fileLimits(&f.Limits)), Tags: orEmpty(f.Tags), Keys: o.clients.KeysOf(f.Name), Source: "file"}
	cfg := o.config()
	for i := range cfg.ClientKeys {
		if cfg.ClientKeys[i].Owner == f.Name {
			v.Keys++
		}
	}
	return v
}

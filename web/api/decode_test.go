package api

import (
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// All that is wrong with a body's names and types is told at once, however deep it lies.
func TestTheShapeOfABodyIsToldWhole(t *testing.T) {
	for _, c := range []struct {
		into   any
		body   string
		fields []string // nil: what is told is the message
		says   string
	}{
		{new(RoutePatch), `{"targets":[{"target":5},{"wieght":1,"paused":"yes"},3],"Strategy":"ordered","notes":1}`,
			[]string{"Strategy", "notes", "targets[0].target", "targets[1].paused", "targets[1].wieght", "targets[2]"}, "must be true or false"},
		{new(KeyEdit), `{"weight":1.5,"tags":"x","expires_at":"soon","disabled":0,"models":[1],"null":{}}`,
			[]string{"disabled", "expires_at", "models", "null", "tags", "weight"}, "must be a moment such as 2027-01-31T18:00:00Z"},
		{new(NewKey), `{"weight":99999999999999999999,"limits":[]}`, []string{"limits", "weight"}, "must be an object"},
		{new(ConfigText), `{"text":null}`, []string{}, ""},
		{new(NewKey), ``, nil, "is empty"}, {new(NewKey), `null`, nil, "must be a JSON object"}, {new(NewKey), `{"name":"a","name":"b"}`, nil, "duplicate"},
		{new(NewKey), "{\"name\":\"\xff\"}", nil, "UTF-8"}, {new(NewKey), `{"name":`, nil, "not JSON"}, {new(NewKey), `{} {}`, nil, "more than one"},
	} {
		err := decode([]byte(c.body), c.into)
		e, _ := err.(*Error)
		switch {
		case err == nil && len(c.fields) == 0 && c.fields != nil:
		case e == nil || e.Status != 400 || e.Code != "invalid_json":
			t.Errorf("%q: %v", c.body, err)
		case c.fields == nil && !strings.Contains(e.Message, c.says):
			t.Errorf("%q: %s", c.body, e.Message)
		case c.fields != nil && !slices.Equal(slices.Sorted(maps.Keys(e.Fields)), c.fields) || c.fields != nil && !slices.Contains(slices.Collect(maps.Values(e.Fields)), c.says):
			t.Errorf("%q: %v", c.body, e.Fields)
		}
	}
	many := strings.Repeat("x", 10_000)
	e, _ := decode([]byte(`{"`+many+`":1}`), new(NewKey)).(*Error)
	for name := range e.Fields {
		if len(name) > 300 {
			t.Errorf("%d bytes of a name are repeated", len(name))
		}
	}
}

func TestABodyIsDecodedIntoItsFields(t *testing.T) {
	var e KeyEdit
	if err := decode([]byte(`{"version":3,"name":"n","weight":2,"tags":["a"],"limits":{"rpm":1,"tpm":null},"expires_at":"2027-01-31T00:00:00Z","disabled":true}`), &e); err != nil {
		t.Fatal(err)
	}
	if e.Version != 3 || *e.Name != "n" || *e.Weight != 2 || (*e.Tags)[0] != "a" || e.Limits["rpm"] != 1.0 || !e.ExpiresAt.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) || !*e.Disabled || e.Owner != nil {
		t.Errorf("%+v", e)
	}
	var p RoutePatch
	if err := decode([]byte(`{"targets":[{"target":"a/b","weight":3},{"target":"c/d","paused":true}],"max_wait":null,"cache":{"ttl":"1m"}}`), &p); err != nil {
		t.Fatal(err)
	}
	if got := *p.Targets; len(got) != 2 || got[0].Weight != 3 || !got[1].Paused || string(p.MaxWait) != "null" || string(p.Cache["ttl"]) != `"1m"` {
		t.Errorf("%+v", p)
	}
}

func TestABodySaysWhatItIs(t *testing.T) {
	for media, status := range map[string]int{
		"": 0, "application/json": 0, "application/json; charset=UTF-8": 0, "application/merge-patch+json": 0, "application/x-www-form-urlencoded": 0,
		"text/xml": 415, "application/json; charset=latin1": 415, "multipart/form-data; boundary=x": 415, ";": 415,
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
		r.Header.Set("Content-Type", media)
		err := (&Call{Request: r}).Decode(new(NewKey))
		if e, _ := err.(*Error); (e == nil) != (status == 0) || e != nil && e.Status != status {
			t.Errorf("%q: %v", media, err)
		}
	}
}

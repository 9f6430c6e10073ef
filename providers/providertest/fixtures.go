package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/providers"
)

// document is the body of a fixture: Text as it is, or Body as JSON.
type document struct {
	Name   string            `json:"name"`
	Header map[string]string `json:"header"`
	Body   json.RawMessage   `json:"body"`
	Text   string            `json:"text"`
}

func (d *document) bytes() []byte {
	if d.Body != nil {
		return d.Body
	}
	return []byte(d.Text)
}

func (d *document) header() http.Header {
	h := http.Header{}
	for name, value := range d.Header {
		h.Set(name, value)
	}
	return h
}

// duration is written as Go writes it.
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration(v)
	return err
}

type refusal struct {
	document
	Status int `json:"status"`
	Want   struct {
		Kind       string   `json:"kind"`
		Status     int      `json:"status"` // zero: the answer's
		RetryAfter duration `json:"retry_after"`
		Limit      int64    `json:"limit"`
		Remaining  *int64   `json:"remaining"`
		Requested  int64    `json:"requested"`
		Code       *string  `json:"code"`
		Type       *string  `json:"type"`
		Message    *string  `json:"message"`
	} `json:"want"`
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func (s *Suite) errors(t *testing.T) {
	n := s.fixtures(t, "errors", ".json", func(t *testing.T, preset, _ string, data []byte) {
		var cases []refusal
		decode(t, data, &cases)
		d := s.New(t, preset)
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				c.check(t, d.Classify(c.Status, c.header(), c.bytes()))
			})
		}
	})
	if n == 0 {
		t.Error("there are no fixtures of errors")
	}
}

func (c *refusal) check(t *testing.T, f providers.Failure) {
	t.Helper()
	w := &c.Want
	if w.Status == 0 {
		w.Status = c.Status
	}
	if f.Kind.String() != w.Kind || f.Status != w.Status {
		t.Errorf("it is %s with status %d, not %s with %d", f.Kind, f.Status, w.Kind, w.Status)
	}
	if f.RetryAfter != time.Duration(w.RetryAfter) {
		t.Errorf("it waits %v, not %v", f.RetryAfter, time.Duration(w.RetryAfter))
	}
	remaining := int64(-1)
	if w.Remaining != nil {
		remaining = *w.Remaining
	}
	if f.Limit != w.Limit || f.Remaining != remaining || f.Requested != w.Requested {
		t.Errorf("limit, remaining, requested are %d %d %d, not %d %d %d", f.Limit, f.Remaining, f.Requested, w.Limit, remaining, w.Requested)
	}
	for what, pair := range map[string]struct {
		got  string
		want *string
	}{"code": {f.Code, w.Code}, "type": {f.Type, w.Type}, "message": {f.Message, w.Message}} {
		if pair.want != nil && pair.got != *pair.want {
			t.Errorf("its %s is %q, not %q", what, pair.got, *pair.want)
		}
	}
}

func (s *Suite) headers(t *testing.T) {
	s.fixtures(t, "headers", ".json", func(t *testing.T, preset, _ string, data []byte) {
		var cases []struct {
			document
			Want []struct {
				Dimension     string   `json:"dimension"`
				Limit         int64    `json:"limit"`
				Remaining     int64    `json:"remaining"`
				Window, Reset duration `json:",omitempty"`
			} `json:"want"`
		}
		decode(t, data, &cases)
		d := s.New(t, preset)
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				got := d.Observe(http.StatusOK, c.header())
				if len(got) != len(c.Want) {
					t.Fatalf("observed %+v", got)
				}
				for i, w := range c.Want {
					o := got[i]
					if o.Dimension.String() != w.Dimension || o.Limit != w.Limit || o.Remaining != w.Remaining ||
						o.Window != time.Duration(w.Window) || o.Reset != time.Duration(w.Reset) {
						t.Errorf("observed %s %+v, not %+v", o.Dimension, o, w)
					}
				}
			})
		}
	})
}

func (s *Suite) answers(t *testing.T) {
	s.fixtures(t, "answers", ".json", func(t *testing.T, preset, _ string, data []byte) {
		var cases []struct {
			document
			Endpoint string `json:"endpoint"`
			Want     struct {
				Usage providers.Usage `json:"usage"`
				Model string          `json:"model"`
				Body  *string         `json:"body"` // absent: as it came
				Error bool            `json:"error"`
			} `json:"want"`
		}
		decode(t, data, &cases)
		d := s.New(t, preset)
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				a, err := d.Answer(endpoint(t, c.Endpoint), c.bytes())
				if (err != nil) != c.Want.Error || err != nil && !errors.Is(err, providers.ErrNotAnAnswer) {
					t.Fatalf("error is %v", err)
				}
				if err != nil {
					return
				}
				want := string(c.bytes())
				if c.Want.Body != nil {
					want = *c.Want.Body
				}
				if string(a.Body) != want {
					t.Errorf("the body is\n%s\nnot\n%s", a.Body, want)
				}
				if a.Usage != c.Want.Usage || a.Model != c.Want.Model {
					t.Errorf("usage %+v of %q, not %+v of %q", a.Usage, a.Model, c.Want.Usage, c.Want.Model)
				}
			})
		}
	})
}

func endpoint(t *testing.T, name string) providers.Endpoint {
	t.Helper()
	for _, e := range [...]providers.Endpoint{providers.ChatCompletions, providers.Completions, providers.Embeddings} {
		if e.String() == name {
			return e
		}
	}
	t.Fatalf("no endpoint %q", name)
	return 0
}

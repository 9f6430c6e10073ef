package request

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/sluice-gateway/sluice/budget/tokens"
)

func canonical(t *testing.T, body string, without ...string) string {
	t.Helper()
	r, err := Read(tokens.Chat, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.Canonical(nil, without...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestCanonical(t *testing.T) {
	const messages = `"messages":[{"role":"user","content":"hi é"}]`
	same := []string{
		`{"model":"m",` + messages + `,"temperature":0.50}`,
		`{ "temperature" : 0.50 , ` + messages + ` ,"model":"m"}`,
		"{\"model\":\"\\u006d\",\n\"messages\":[{\"content\":\"hi \\u00e9\",\"role\":\"user\"}],\t\"temperature\":0.50}",
		`{"model":"m",` + messages + `,"temperature":0.50,"user":"x","stream":false,"metadata":{"a":"b"}}`,
		`{"model":"m",` + messages + `,"temperature":0.50,"us\u0065r":"x","seed":null}`,
	}
	want := canonical(t, same[0], "user", "metadata")
	if want != `{"messages":[{"content":"hi é","role":"user"}],"model":"m","temperature":0.50}` {
		t.Fatalf("%s", want)
	}
	for _, body := range same {
		if got := canonical(t, body, "user", "metadata"); got != want {
			t.Errorf("%s\nis  %s\nnot %s", body, got, want)
		}
	}
	for _, body := range []string{
		`{"model":"m",` + messages + `,"temperature":0.5}`,
		`{"model":"m",` + messages + `,"temperature":0.50,"stream":true}`,
		`{"model":"m",` + messages + `,"temperature":0.50,"seed":0}`,
		`{"model":"m","messages":[{"role":"user","content":"hi e"}],"temperature":0.50}`,
		`{"model":"m","messages":[{"role":"user","content":"hi é","user":"x"}],"temperature":0.50}`,
	} {
		if canonical(t, body, "user", "metadata") == want {
			t.Errorf("%s is taken for another", body)
		}
	}
}

// Whatever a body says, its canonical form says the same, and is its own canonical form.
func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"\u0041\ud83d\ude00"}],"z":{"b":1e400,"a":[-0,1.0]}}`))
	f.Add([]byte(`{"messages":[{}],"model":"m","stream":true,"":{},"user":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Read(tokens.Chat, body)
		if err != nil {
			return
		}
		out, err := r.Canonical(nil)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		again, err := Read(tokens.Chat, out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if twice, err := again.Canonical(nil); err != nil || !bytes.Equal(twice, out) {
			t.Fatalf("%s\nbecomes %s, %v", out, twice, err)
		}
		if a, b := members(t, body, r.Stream), members(t, out, r.Stream); !reflect.DeepEqual(a, b) {
			t.Fatalf("%s\nbecame %s", body, out)
		}
	})
}

// members are a body's, without those that say nothing; numbers as they are written.
func members(t *testing.T, body []byte, stream bool) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Skip("encoding/json does not read it") // it is stricter about depth
	}
	for name, v := range m {
		if v == nil || name == "stream" && !stream {
			delete(m, name)
		}
	}
	return m
}

package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func index(t testing.TB, credentials ...string) *Index {
	t.Helper()
	var keys []Key
	for i, c := range credentials {
		keys = append(keys, Key{Name: fmt.Sprint("key", i), Hash: sha256.Sum256([]byte(c)), Ref: i, Models: []string{"*"}})
	}
	x, err := NewIndex(keys)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestLookup(t *testing.T) {
	real := Generate()
	x := index(t, "sk-one", real)
	if k, ok := x.Lookup(real); !ok || k.Ref != 1 {
		t.Fatal("the real key is not found")
	}
	sum := sha256.Sum256([]byte(real))
	for name, c := range map[string]string{
		"empty": "", "prefix": real[:len(real)-1], "longer": real + "a", "case": strings.ToUpper(real),
		"quote": real + "'--", "nul": real + "\x00", "hash hex": hex.EncodeToString(sum[:]), "hash raw": string(sum[:]),
		"1 MB": strings.Repeat("a", 1<<20), "pg_sleep": "'||pg_sleep(10)||'",
	} {
		if _, ok := x.Lookup(c); ok {
			t.Errorf("%s was let in", name)
		}
	}
}

func TestDisabledKeysAreNotFound(t *testing.T) {
	x, err := NewIndex([]Key{{Hash: sha256.Sum256([]byte("a")), Disabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := x.Lookup("a"); ok {
		t.Fatal("found")
	}
}

func TestOneCredentialForTwoKeysIsRefused(t *testing.T) {
	h := sha256.Sum256([]byte("a"))
	if _, err := NewIndex([]Key{{Name: "one", Hash: h}, {Name: "two", Hash: h}}); err == nil {
		t.Fatal("accepted")
	}
}

func TestFromRequest(t *testing.T) {
	for _, c := range []struct {
		name string
		h    http.Header
		want string
		err  error
	}{
		{"bearer", http.Header{"Authorization": {"Bearer sk-a"}}, "sk-a", nil},
		{"bearer in lower case", http.Header{"Authorization": {"bearer sk-a"}}, "sk-a", nil},
		{"api-key", http.Header{"Api-Key": {"sk-a"}}, "sk-a", nil},
		{"x-api-key", http.Header{"X-Api-Key": {"sk-a"}}, "sk-a", nil},
		{"the same twice", http.Header{"Authorization": {"Bearer sk-a"}, "Api-Key": {"sk-a"}}, "sk-a", nil},
		{"none", http.Header{}, "", ErrMissing},
		{"basic", http.Header{"Authorization": {"Basic c2stYQ=="}}, "", ErrMalformed},
		{"empty bearer", http.Header{"Authorization": {"Bearer "}}, "", ErrMalformed},
		{"two", http.Header{"Authorization": {"Bearer sk-a", "Bearer sk-b"}}, "", ErrConflicting},
		{"two headers", http.Header{"Authorization": {"Bearer sk-a"}, "Api-Key": {"sk-b"}}, "", ErrConflicting},
		{"nul", http.Header{"Authorization": {"Bearer sk-a\x00b"}}, "", ErrMalformed},
		{"space inside", http.Header{"Authorization": {"Bearer sk-a b"}}, "", ErrMalformed},
		{"not ASCII", http.Header{"Authorization": {"Bearer sk-é"}}, "", ErrMalformed},
		{"1 MB", http.Header{"Authorization": {"Bearer " + strings.Repeat("a", 1<<20)}}, "", ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := FromRequest(c.h)
			if got != c.want || !errors.Is(err, c.err) {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

func TestAllows(t *testing.T) {
	k := Key{Models: []string{"qwen3-max", "gpt-*", "*-mini-*x"}}
	for model, want := range map[string]bool{"a-mini-x": true, "-mini-yx": true, "a-minix": false, "a-mini-": false, "mini-x": false, "qwen3-max": true, "qwen3": false, "gpt-4o": true, "gpt-": true, "": false, "GPT-4o": false} {
		if k.Allows(model) != want {
			t.Errorf("%q: %v", model, !want)
		}
	}
	if (&Key{}).Allows("x") {
		t.Error("a key without models is let in")
	}
}

func TestGenerate(t *testing.T) {
	a, b := Generate(), Generate()
	if a == b || !WellFormed(a) || len(a) > maxCredential {
		t.Fatalf("%q %q", a, b)
	}
	for i := len(prefix); i < len(a); i++ {
		c := byte('A')
		if a[i] == c {
			c = 'B'
		}
		if WellFormed(a[:i] + string(c) + a[i+1:]) {
			t.Errorf("a changed character %d is not noticed", i)
		}
	}
}

func FuzzFromRequest(f *testing.F) {
	f.Add("Bearer sk-a", "sk-a")
	f.Add("Bearer \x00", "")
	f.Fuzz(func(t *testing.T, authorization, key string) {
		c, err := FromRequest(http.Header{"Authorization": {authorization}, "Api-Key": {key}})
		if err == nil && (c == "" || len(c) > maxCredential || strings.ContainsAny(c, " \x00\n")) {
			t.Fatalf("accepted %q", c)
		}
		WellFormed(c)
	})
}

func BenchmarkLookup(b *testing.B) {
	credentials := make([]string, 100_000)
	for i := range credentials {
		credentials[i] = fmt.Sprint("sk-sluice-benchmark-", i)
	}
	x := index(b, credentials...)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, ok := x.Lookup(credentials[i%len(credentials)]); !ok {
				b.Fatal("lost")
			}
		}
	})
}

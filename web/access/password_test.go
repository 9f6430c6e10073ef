package access

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"
)

func testHasher(t testing.TB) *hasher {
	t.Helper()
	h, err := newHasher(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Hashes are made two at a time; thirty-two wait, each at most five seconds; the rest are
// told to come back.
func TestHashesAreFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHasher(t)
		var at, refused, late atomic.Int32
		for range hashesAtOnce + hashesQueued + 10 {
			go func() {
				begin := time.Now()
				done, err := h.turn(context.Background())
				switch {
				case err == nil:
					if at.Add(1) > hashesAtOnce {
						t.Error("too many at once")
					}
					time.Sleep(time.Minute) // virtual
					at.Add(-1)
					done()
				case time.Since(begin) == hashPatience:
					late.Add(1)
				default:
					refused.Add(1)
				}
			}()
		}
		synctest.Wait()
		if refused.Load() != 10 {
			t.Errorf("%d refused at once", refused.Load())
		}
		time.Sleep(hashPatience) // virtual
		synctest.Wait()
		if late.Load() != hashesQueued {
			t.Errorf("%d gave up waiting", late.Load())
		}
		time.Sleep(time.Minute) // virtual
		if done, err := h.turn(context.Background()); err != nil {
			t.Error("no turn after all have gone")
		} else {
			done()
		}
	})
}

func TestHashesThatMustNotBeUsed(t *testing.T) {
	h := testHasher(t)
	good, err := h.hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.verify(t.Context(), "correct horse battery", good); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := h.verify(t.Context(), "correct horse battery", ""); ok || err != nil {
		t.Error("no hash lets somebody in", err)
	}
	part := strings.Split(good, "$")
	with := func(i int, s string) string {
		p := append([]string(nil), part...)
		p[i] = s
		return strings.Join(p, "$")
	}
	for name, hash := range map[string]string{
		"text": "correct horse battery", "no key": with(5, ""), "short key": with(5, "AAAA"), "no salt": with(4, ""),
		"no passes": with(3, "m=64,t=0,p=1"), "no lanes": with(3, "m=64,t=1,p=0"), "4 GiB": with(3, "m=4194304,t=1,p=1"),
		"many passes": with(3, "m=64,t=1000000,p=1"), "argon2i": with(1, "argon2i"), "old": with(2, "v=16"),
		"long": good + strings.Repeat("A", 600), "no memory": with(3, "m=0,t=1,p=1"), "negative": with(3, "m=-1,t=1,p=1"),
	} {
		ok, err := h.verify(t.Context(), "correct horse battery", hash)
		if ok || err == nil {
			t.Errorf("%s: %v %v", name, ok, err)
		} else if strings.Contains(err.Error(), part[5]) {
			t.Errorf("%s: the error tells the hash", name)
		}
	}
}

// Whatever stands in the database costs little, panics never and lets nobody in by
// accident.
func FuzzPasswordHash(f *testing.F) {
	h := testHasher(f)
	good, err := h.hash(f.Context(), "correct horse battery")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("$argon2id$v=19$m=65536,t=3,p=2$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG")
	f.Add("$argon2id$v=19$m=0,t=0,p=0$$")
	f.Fuzz(func(t *testing.T, hash string) {
		p, err := readHash(hash)
		if err != nil {
			return
		}
		if p.Memory > 256<<10 || p.Iterations > 16 || p.Parallelism == 0 || p.KeyLength < 16 {
			t.Fatalf("%+v is let through", p)
		}
		if p.Memory > 1<<10 {
			return // it would only take time
		}
		if ok, _ := h.verify(t.Context(), "another password", hash); ok {
			t.Fatalf("%q lets another password in", hash)
		}
	})
}

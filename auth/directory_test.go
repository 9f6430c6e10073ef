package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// stored makes a key whose credential is sk- and the ID.
func stored(id string, version int64) *Stored {
	return &Stored{
		ID: id, Name: "name of " + id, Owner: "acme", Priority: "high", Weight: 2, Models: []string{"qwen*"},
		Limits: map[string]string{"rpm": "60", "tpm": "25%"}, MaxTokens: 100, AllowedIPs: []string{"10.0.0.0/8"},
		Tags: []string{"team:a"}, Hash: Digest("sk-" + id), Hint: "…abcd", CreatedAt: noon(), UpdatedAt: noon(), Version: version,
	}
}

func put(t testing.TB, d *Directory, keys ...*Stored) {
	t.Helper()
	for _, k := range keys {
		if err := d.Put(k); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDirectoryKeepsAllOfAKey(t *testing.T) {
	d := NewDirectory()
	k := stored("key_1", 3)
	k.ExpiresAt, k.OldHash, k.OldUntil = noon().Add(time.Hour), Digest("old"), noon().Add(time.Minute)
	put(t, d, k)
	l, err := d.Find(Digest("sk-key_1"), noon())
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Stored(); !reflect.DeepEqual(got, *k) {
		t.Fatalf("\n%+v\n%+v", got, *k)
	}
	if l.ID() != k.ID || l.Name() != k.Name || l.Hint() != k.Hint || l.Owner() != "acme" || !l.Profile().Allows("qwen3-max") || l.Profile().Allows("gpt") {
		t.Fatalf("%+v", l)
	}
	k.Models[0], k.Limits["rpm"] = "*", "1" // the caller's own again
	if l.Profile().Allows("gpt") || l.Profile().Limits["rpm"] != "60" {
		t.Fatal("the directory kept the caller's memory")
	}
}

func TestDirectoryFind(t *testing.T) {
	expired, disabled, revoked, rotated := stored("expired", 1), stored("disabled", 1), stored("revoked", 1), stored("rotated", 1)
	expired.ExpiresAt = noon()
	disabled.Disabled = true
	revoked.RevokedAt = noon()
	rotated.OldHash, rotated.OldUntil = Digest("sk-before"), noon().Add(time.Hour)
	d := NewDirectory()
	put(t, d, expired, disabled, revoked, rotated, stored("good", 1))
	sum := Digest("sk-good")
	for _, c := range []struct {
		credential string
		after      time.Duration
		want       error
	}{
		{"sk-good", 0, nil},
		{"sk-expired", -time.Nanosecond, nil},
		{"sk-expired", 0, ErrExpired},
		{"sk-disabled", 0, ErrDisabled},
		{"sk-revoked", 0, ErrUnknown},
		{"sk-rotated", 0, nil},
		{"sk-before", 0, nil},
		{"sk-before", time.Hour - time.Nanosecond, nil},
		{"sk-before", time.Hour, ErrUnknown},
		{"", 0, ErrUnknown},
		{"sk-goo", 0, ErrUnknown},
		{"sk-good ", 0, ErrUnknown},
		{"sk-good\x00", 0, ErrUnknown},
		{"sk-good'--", 0, ErrUnknown},
		{"' OR 1=1 --", 0, ErrUnknown},
		{"sk-gооd", 0, ErrUnknown}, // Cyrillic
		{hex.EncodeToString(sum[:]), 0, ErrUnknown},
		{"sha256:" + hex.EncodeToString(sum[:]), 0, ErrUnknown},
		{string(sum[:]), 0, ErrUnknown},
		{strings.Repeat("a", 1<<20), 0, ErrUnknown},
		{"sk-good" + strings.Repeat("a", 1<<20), 0, ErrUnknown},
	} {
		if _, err := d.Find(Digest(c.credential), noon().Add(c.after)); !errors.Is(err, c.want) {
			t.Errorf("%.40q after %s: %v, not %v", c.credential, c.after, err, c.want)
		}
	}
}

// Only whole digests count: one that shares the half by which entries are found is
// compared to its end.
func TestDirectoryComparesAllOfADigest(t *testing.T) {
	d := NewDirectory()
	put(t, d, stored("one", 1))
	for i := range sha256.Size {
		sum := Digest("sk-one")
		sum[i] ^= 1
		if _, err := d.Find(sum, noon()); !errors.Is(err, ErrUnknown) {
			t.Errorf("a digest that differs in byte %d: %v", i, err)
		}
	}
}

// What is looked up is a digest: no method of a directory takes a credential, so none
// can compare one, early or late.
func TestDirectoryNeverSeesACredential(t *testing.T) {
	byName := map[string]bool{"Key": true, "Limited": true, "Remove": true, "Owner": true, "KeysOf": true} // IDs, names, limits
	typ := reflect.TypeFor[*Directory]()
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		for j := 1; j < m.Type.NumIn(); j++ {
			in := m.Type.In(j)
			if k := in.Kind(); !byName[m.Name] && (k == reflect.String || k == reflect.Slice) {
				t.Errorf("%s takes a %s", m.Name, in)
			}
		}
	}
	if _, ok := reflect.TypeFor[Live]().FieldByName("credential"); ok {
		t.Error("a live key holds a credential")
	}
	// Guesses that share more of a credential are no nearer to its digest.
	real := Generate()
	want := Digest(real)
	for n := range len(real) {
		got, same := Digest(real[:n]), 0
		for same < len(got) && got[same] == want[same] {
			same++
		}
		if same > 3 {
			t.Errorf("a prefix of %d characters shares %d bytes of the digest", n, same)
		}
	}
}

func TestDirectoryRefusesOneCredentialForTwoKeys(t *testing.T) {
	d := NewDirectory()
	put(t, d, stored("one", 1))
	two := stored("two", 1)
	two.Hash = Digest("sk-one")
	if err := d.Put(two); !errors.Is(err, ErrSameCredential) || d.Len() != 1 || d.KeysOf("acme") != 1 {
		t.Fatalf("%v, %d keys", err, d.Len())
	}
}

func TestDirectoryPassesOverWhatIsOlder(t *testing.T) {
	d := NewDirectory()
	put(t, d, stored("one", 5))
	old := stored("one", 4)
	old.Disabled = true
	put(t, d, old)
	if _, err := d.Find(Digest("sk-one"), noon()); err != nil {
		t.Fatal(err)
	}
	d.PutOwner(&StoredOwner{Name: "acme", Version: 2, Kind: "team"})
	d.PutOwner(&StoredOwner{Name: "acme", Version: 1, Kind: "user"})
	if d.Owner("acme").Kind != "team" {
		t.Fatal("an older owner replaced a newer one")
	}
	d.PutOwner(&StoredOwner{Name: "acme", Version: 3, DeletedAt: noon()})
	if d.Owner("acme") != nil || d.OwnerChanges() != 2 {
		t.Fatalf("%v %d", d.Owner("acme"), d.OwnerChanges())
	}
}

func TestAllowedIPs(t *testing.T) {
	for _, c := range []struct {
		nets []string
		ip   string
		want bool
	}{
		{nil, "1.2.3.4", true}, {[]string{"10.0.0.0/8"}, "10.1.2.3", true}, {[]string{"10.0.0.0/8"}, "11.1.2.3", false},
		{[]string{"10.0.0.0/8", "2001:db8::/32"}, "2001:db8::1", true}, {[]string{"not a network"}, "1.2.3.4", false},
	} {
		p := profileOf(&Stored{AllowedIPs: c.nets})
		if p.AllowsIP(netip.MustParseAddr(c.ip)) != c.want {
			t.Errorf("%v %s", c.nets, c.ip)
		}
	}
	if profileOf(&Stored{AllowedIPs: []string{"::/0"}}).AllowsIP(netip.Addr{}) {
		t.Error("an unknown address is let in where addresses are listed")
	}
}

// The directory against a model that keeps rows in a list and looks at all of them.
func TestDirectoryAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := NewDirectory()
		model := map[string]Stored{}
		version := int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				version++
				k := stored(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id"), version)
				k.Hash = Digest(rapid.StringMatching("[p-s]").Draw(t, "credential") + k.ID)
				if rapid.Bool().Draw(t, "rotated") {
					k.OldHash, k.OldUntil = Digest(rapid.StringMatching("[t-w]").Draw(t, "old")+k.ID), noon().Add(time.Hour)
				}
				k.Owner = rapid.SampledFrom([]string{"", "acme", "other"}).Draw(t, "owner")
				k.MaxTokens = rapid.Int64Range(0, 3).Draw(t, "cap")
				if err := d.Put(k); err != nil {
					t.Fatal(err)
				}
				model[k.ID] = *k
			},
			"remove": func(t *rapid.T) {
				id := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id")
				d.Remove(id)
				delete(model, id)
			},
			"": func(t *rapid.T) { checkAgainst(t, d, model) },
		})
	})
}

func checkAgainst(t *rapid.T, d *Directory, model map[string]Stored) {
	for _, id := range []string{"a", "b", "c", "d"} {
		for c := 'p'; c <= 'w'; c++ {
			sum, want := Digest(string(c)+id), ""
			for _, k := range model {
				if k.Hash == sum || k.OldHash == sum {
					want = k.ID
				}
			}
			got := ""
			if l, err := d.Find(sum, noon()); err == nil {
				got = l.ID()
			}
			if got != want {
				t.Fatalf("%c%s leads to %q, not %q", c, id, got, want)
			}
		}
	}
	owners, profiles := map[string]int{}, map[int64]bool{}
	hashes := 0
	for _, k := range model {
		owners[k.Owner]++
		profiles[k.MaxTokens] = true
		hashes++
		if k.OldHash != ([32]byte{}) {
			hashes++
		}
	}
	for _, o := range []string{"acme", "other"} {
		if d.KeysOf(o) != owners[o] {
			t.Fatalf("%d keys of %s, not %d", d.KeysOf(o), o, owners[o])
		}
	}
	kept := 0
	for i := range d.byHash {
		kept += d.byHash[i].used
	}
	if d.Len() != len(model) || len(d.profiles.byDigest) != len(profiles) || kept != hashes || len(d.names) > 2 {
		t.Fatalf("%d keys, %d profiles, %d digests, %d owners: something stays behind", d.Len(), len(d.profiles.byDigest), kept, len(d.names))
	}
}

func TestDirectoryIsSafeForConcurrentUse(t *testing.T) {
	d := NewDirectory()
	put(t, d, stored("stays", 1))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			id := fmt.Sprint("key", g)
			for v := range int64(300) {
				k := stored(id, v)
				k.Hash = Digest(fmt.Sprint(id, v))
				if err := d.Put(k); err != nil {
					t.Error(err)
				}
				d.PutOwner(&StoredOwner{Name: id, Version: v})
				if v%50 == 49 {
					d.Remove(id)
				}
			}
		})
		wg.Go(func() {
			for range 3000 {
				if l, err := d.Find(Digest("sk-stays"), noon()); err != nil || l.Profile().MaxTokens != 100 {
					t.Error(err)
				}
				d.Owner("key1")
			}
			d.Each(func(l *Live) bool { return l.Name() != "" })
		})
	}
	wg.Wait()
}

// filled is a directory with n keys of 100 owners with 20 profiles and real
// credentials, every tenth of them rotated.
func filled(t testing.TB, n int) (*Directory, []string) {
	d := NewDirectory()
	credentials := make([]string, n)
	for i := range n {
		credentials[i] = Generate()
		k := stored(fmt.Sprintf("key_%026d", i), 1)
		k.Name, k.Owner, k.MaxTokens = fmt.Sprint("customer-", i), fmt.Sprint("team-", i%100), int64(i%20)
		k.Hash, k.Hint = Digest(credentials[i]), credentials[i][len(credentials[i])-4:]
		if i%10 == 0 {
			k.OldHash, k.OldUntil = Digest(fmt.Sprint("old", i)), noon()
		}
		put(t, d, k)
	}
	return d, credentials
}

// TestMemoryOfADirectory holds what a key takes under what lets a million fit in 300 MB.
func TestMemoryOfADirectory(t *testing.T) {
	const n, most = 200_000, 300
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d, credentials := filled(t, n)
	clear(credentials)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (float64(after.HeapAlloc) - float64(before.HeapAlloc) - float64(16*len(credentials))) / n
	t.Logf("%d keys take %.0f bytes each: a million take %.0f MB", d.Len(), each, each)
	if each > most {
		t.Errorf("%.0f bytes a key, above %d", each, most)
	}
	runtime.KeepAlive(credentials)
	runtime.KeepAlive(d)
}

func TestFindDoesNotAllocate(t *testing.T) {
	d, credentials := filled(t, 100)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.Find(Digest(credentials[7]), noon()); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkDirectory1M looks keys up all over a directory of a million. cpu-ns/op is what
// the process used, which a busy machine changes less than the time that passed.
func BenchmarkDirectory1M(b *testing.B) {
	d, credentials := filled(b, 1_000_000)
	now := noon()
	const some = 1 << 14
	picked, digests := make([]string, some), make([][sha256.Size]byte, some)
	for i := range picked { // in no friendly order, and themselves side by side as if just received
		picked[i] = strings.Clone(credentials[i*7919%len(credentials)])
		digests[i] = Digest(picked[i])
	}
	clear(credentials)
	runtime.GC()
	bench := func(name string, each func(i int) error, want error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime()
			for i := 0; b.Loop(); i++ {
				if err := each(i); !errors.Is(err, want) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
	bench("digest and find", func(i int) error { _, err := d.Find(Digest(picked[i%some]), now); return err }, nil)
	bench("digest and find, 500 busy keys", func(i int) error { _, err := d.Find(Digest(picked[i%500]), now); return err }, nil)
	bench("find", func(i int) error { _, err := d.Find(digests[i%some], now); return err }, nil)
	bench("unknown", func(i int) error { _, err := d.Find(Digest(picked[i%some][1:]), now); return err }, ErrUnknown)
	bench("digest", func(i int) error { digests[i%some] = Digest(picked[i%some]); return nil }, nil)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestTagsAreShared(t *testing.T) {
	d := NewDirectory()
	one, two := stored("one", 1), stored("two", 1)
	put(t, d, one, two)
	if a, b := d.Key("one"), d.Key("two"); a.tags != b.tags || a.profile != b.profile || a.owner != b.owner || !slices.Equal(a.Tags(), []string{"team:a"}) {
		t.Fatal("equal values are kept twice")
	}
}

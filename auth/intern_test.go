package auth

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What keys share is known by bytes that are the same for equal values and for no others,
// however words and lists lie beside each other.
func TestWhatIsSharedIsToldApart(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "b", "ab", "aa", "\x00", "\x01a"})
	draw := rapid.Custom(func(t *rapid.T) *Profile {
		p := &Profile{
			Priority: word.Draw(t, "priority"), Weight: rapid.IntRange(0, 1).Draw(t, "weight"), MaxTokens: rapid.Int64Range(-1, 1).Draw(t, "max"),
			Models: rapid.SliceOfN(word, 0, 3).Draw(t, "models"), Limits: rapid.MapOfN(word, word, 0, 3).Draw(t, "limits"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "networks") {
			p.AllowedIPs = append(p.AllowedIPs, rapid.SampledFrom([]netip.Prefix{{}, netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::/0")}).Draw(t, "network"))
		}
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		if rapid.Bool().Draw(t, "nearly the same") {
			c := *a
			c.Models = rapid.Permutation(a.Models).Draw(t, "models in another order")
			b = &c
		}
		equal := a.Priority == b.Priority && a.Weight == b.Weight && a.MaxTokens == b.MaxTokens && slices.Equal(a.Models, b.Models) &&
			maps.Equal(a.Limits, b.Limits) && slices.Equal(a.AllowedIPs, b.AllowedIPs)
		if same := bytes.Equal(appendProfile(nil, a), appendProfile(nil, b)); same != equal {
			t.Fatalf("%+v and %+v: the same %v", a, b, same)
		}
		x, y := rapid.SliceOfN(word, 0, 3).Draw(t, "x"), rapid.SliceOfN(word, 0, 3).Draw(t, "y")
		if same := bytes.Equal(appendWords(nil, &x), appendWords(nil, &y)); same != slices.Equal(x, y) {
			t.Fatalf("%q and %q: the same %v", x, y, same)
		}
	})
}

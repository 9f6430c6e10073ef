package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/vault"
)

func sealer(t testing.TB, current vault.Key, old ...vault.Key) *vault.Sealer {
	t.Helper()
	s, err := vault.NewSealer(current, old...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSealedOpensOnlyAtItsPlace(t *testing.T) {
	s := sealer(t, vault.NewKey())
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		names := rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "names")
		place := vault.Place("upstream_key", names...)
		sealed := s.Seal(plain, place)
		if len(plain) > 3 && bytes.Contains(sealed, plain) {
			t.Fatal("the text lies in the envelope")
		}
		got, err := s.Open(sealed, place)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %q, %v", got, err)
		}
		other := vault.Place("upstream_key", rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "other")...)
		if _, err := s.Open(sealed, other); other != place && !errors.Is(err, vault.ErrTampered) {
			t.Fatalf("at %q instead of %q: %v", other, place, err)
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		sealed[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if got, err := s.Open(sealed, place); err == nil {
			t.Fatalf("a changed byte %d was not noticed: %q", at, got)
		}
	})
}

func TestPlacesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []string{
		vault.Place("k", "a", "b/c"), vault.Place("k", "a/b", "c"), vault.Place("k", "a", "b", "c"),
		vault.Place("k/a", "b", "c"), vault.Place("k", "a", "b%2Fc"), vault.Place("k", "", "a"), vault.Place("k", "a", ""),
	} {
		if seen[p] {
			t.Errorf("two places are both called %q", p)
		}
		seen[p] = true
	}
}

func TestNoTwoEnvelopesAreTheSame(t *testing.T) {
	s := sealer(t, vault.NewKey())
	seen := map[string]bool{}
	for range 1000 {
		sealed := string(s.Seal([]byte("the same"), "here"))
		if seen[sealed] {
			t.Fatal("a nonce came twice")
		}
		seen[sealed] = true
	}
}

func TestRotation(t *testing.T) {
	one, two := vault.NewKey(), vault.NewKey()
	sealed := sealer(t, one).Seal([]byte("secret"), "here")
	if _, err := sealer(t, two).Open(sealed, "here"); !errors.Is(err, vault.ErrUnknownKey) || !strings.Contains(err.Error(), one.ID()) {
		t.Errorf("without the old key: %v", err)
	}
	both := sealer(t, two, one)
	anew, changed, err := both.Reseal(sealed, "here")
	if err != nil || !changed {
		t.Fatalf("resealed: %v, %v", changed, err)
	}
	if id, _ := vault.SealedWith(anew); id != two.ID() || id != both.KeyID() {
		t.Errorf("resealed with %s", id)
	}
	if got, err := sealer(t, two).Open(anew, "here"); err != nil || string(got) != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
	if again, changed, err := both.Reseal(anew, "here"); err != nil || changed || !bytes.Equal(again, anew) {
		t.Errorf("a second time: %v, %v", changed, err)
	}
	if _, _, err := both.Reseal(sealed, "there"); !errors.Is(err, vault.ErrTampered) {
		t.Errorf("resealed at another place: %v", err)
	}
	if _, err := vault.NewSealer(one, vault.Key{}); err == nil {
		t.Error("an empty key was taken")
	}
}

func TestParseKey(t *testing.T) {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(i*7 + 1)
	}
	want, err := vault.ParseKey(hex.EncodeToString(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		strings.ToUpper(hex.EncodeToString(raw)), base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), "  " + base64.StdEncoding.EncodeToString(raw) + "\n", want.Reveal(),
	} {
		if k, err := vault.ParseKey(text); err != nil || k != want {
			t.Errorf("%q: %v, %v", text, k, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "blank": "  ", "text": "correct horse battery staple", "short": hex.EncodeToString(raw[:31]), "long": hex.EncodeToString(append(raw, 0)),
		"long base64": base64.StdEncoding.EncodeToString(append(raw, 0)), "zeros": strings.Repeat("00", 32), "equal": strings.Repeat("ab", 32),
		"two bytes": strings.Repeat("abcd", 16), "quoted": `"` + want.Reveal() + `"`,
	} {
		_, err := vault.ParseKey(text)
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := vault.NewKey()
	raw, _ := base64.StdEncoding.DecodeString(k.Reveal())
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "in", struct{ K vault.Key }{k})
	j, err := json.Marshal(map[string]any{"k": k, "p": &k})
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		all += fmt.Sprintf(verb, k) + fmt.Sprintf(verb, struct{ K *vault.Key }{&k}) + fmt.Sprintf(verb, []vault.Key{k})
	}
	for _, form := range []string{k.Reveal(), hex.EncodeToString(raw), string(raw), fmt.Sprint(raw)} {
		if strings.Contains(all, form) {
			t.Errorf("the key is told as %q in %s", form, all)
		}
	}
}

// FuzzOpen feeds a Sealer garbage: it neither panics nor opens anything.
func FuzzOpen(f *testing.F) {
	s := sealer(f, vault.NewKey())
	f.Add([]byte{}, "here")
	f.Add(s.Seal([]byte("secret"), "elsewhere"), "here")
	f.Fuzz(func(t *testing.T, sealed []byte, place string) {
		if place == "elsewhere" {
			return
		}
		if got, err := s.Open(sealed, place); err == nil {
			t.Errorf("opened %q", got)
		}
		_, _ = vault.SealedWith(sealed)
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add("")
	f.Add(vault.NewKey().Reveal())
	f.Fuzz(func(t *testing.T, text string) {
		k, err := vault.ParseKey(text)
		if err != nil {
			return
		}
		if again, err := vault.ParseKey(k.Reveal()); err != nil || again != k {
			t.Errorf("%v does not read as itself: %v, %v", k, again, err)
		}
	})
}

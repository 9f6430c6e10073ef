package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func routed(t testing.TB) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(`
providers: {up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a]}]}}
routes: {m: {targets: [up/m]}}
owners: {acme: {limits: {rpm: 100, tpm: 40000}}}
client_keys: [{name: test, key: sk-test-test-test-test-test}]
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheckReadsAKeyAsTheFileDoes(t *testing.T) {
	c := routed(t)
	k, wrong, warnings := c.Check(KeyDraft{
		Name: "app", Owner: "acme", Limits: map[string]string{"rpm": "60", "tpm": "25%", "usd_per_day": "0.5", "burst": "borrow"},
		AllowedIPs: []string{"10.0.0.0/8", "192.0.2.7"}, MaxTokens: 500, Tags: []string{"a"},
	}, nil)
	if wrong != nil || warnings != nil {
		t.Fatal(wrong, warnings)
	}
	if k.Priority != "normal" || k.Weight != 1 || !slices.Equal(k.Models, []string{"*"}) || len(k.AllowedIPs) != 2 || k.AllowedIPs[1].Bits() != 32 {
		t.Fatalf("%+v", k)
	}
	if rpm := k.Limits.Find("rpm"); rpm.Amount != 60 || rpm.Burst != 60 || !rpm.Borrow {
		t.Fatalf("%+v", rpm)
	}
	if tpm, usd := k.Limits.Find("tpm"), k.Limits.Find("usd_per_day"); tpm.Amount != 10000 || usd.Amount != 500_000_000 {
		t.Fatalf("%+v %+v", tpm, usd)
	}
}

func TestCheckTellsWhatIsWrongByField(t *testing.T) {
	c := routed(t)
	for _, d := range []struct {
		name  string
		draft KeyDraft
		wrong []string
	}{
		{"nothing", KeyDraft{}, []string{"name"}},
		{"many", KeyDraft{Name: strings.Repeat("n", 129), Owner: "acmee", Priority: "urgent", Weight: -1, MaxTokens: -5, AllowedIPs: []string{"10.0.0.1/8", "x"},
			Tags: []string{"", "b", "b"}, Models: []string{"a b"}},
			[]string{"name", "owner", "priority", "weight", "max_tokens", "allowed_ips[0]", "allowed_ips[1]", "tags[0]", "tags[2]", "models[0]"}},
		{"limits", KeyDraft{Name: "a", Owner: "acme", Limits: map[string]string{"rpm": "many", "rpn": "1", "tpm": "101%", "concurrency": "0", "tpd": "10%", "usd_per_day": "1.0000000001"}},
			[]string{"limits.rpm", "limits.rpn", "limits.tpm", "limits.concurrency", "limits.tpd", "limits.usd_per_day"}},
		{"share without an owner", KeyDraft{Name: "a", Limits: map[string]string{"rpm": "25%"}}, []string{"limits.rpm"}},
		{"share of less than one", KeyDraft{Name: "a", Owner: "acme", Limits: map[string]string{"rpm": "0.5%"}}, []string{"limits.rpm"}},
		{"burst without a rate", KeyDraft{Name: "a", Limits: map[string]string{"burst": "6s"}}, []string{"limits.burst"}},
		{"a broken rate and a burst", KeyDraft{Name: "a", Limits: map[string]string{"rpm": "x", "burst": "6s"}}, []string{"limits.rpm"}},
		{"no models", KeyDraft{Name: "a", Models: []string{}}, []string{"models"}},
		{"NUL", KeyDraft{Name: "a\x00", Owner: "b\xff", Models: []string{"\x00"}, Tags: []string{"\xff"}}, []string{"name", "owner", "models", "models[0]", "tags"}},
	} {
		_, wrong, _ := c.Check(d.draft, nil)
		if got := slices.Sorted(maps.Keys(wrong)); !slices.Equal(got, slices.Sorted(slices.Values(d.wrong))) {
			t.Errorf("%s: %v", d.name, wrong)
		}
	}
}

// The words are those that a file's problem has.
func TestCheckHasTheFilesWords(t *testing.T) {
	text := `
providers: {up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a]}]}}
routes: {m: {targets: [up/m]}}
owners: {acme: {limits: {rpm: 100}}}
client_keys: [{name: app, key: sk-test-test-test-test-test, owner: acme, priority: urgent, limits: {tpm: lots, rpm: 0.1%}}]
`
	_, err := Parse("test.yaml", []byte(text), nil)
	_, wrong, _ := routed(t).Check(KeyDraft{Name: "app", Owner: "acme", Priority: "urgent", Limits: map[string]string{"tpm": "lots", "rpm": "0.1%"}}, nil)
	if len(wrong) != 3 {
		t.Fatal(wrong)
	}
	for field, message := range wrong {
		if !strings.Contains(err.Error(), "client_keys[0]."+field+": "+message) {
			t.Errorf("%s: %q is not in\n%s", field, message, err)
		}
	}
}

func TestCheckWarns(t *testing.T) {
	c := routed(t)
	_, wrong, warnings := c.Check(KeyDraft{Name: "a", Owner: "acme", Models: []string{"m", "n*"}, Limits: map[string]string{"rpm": "500"}}, nil)
	if wrong != nil || len(warnings) != 2 || !strings.HasPrefix(warnings[0], "models[1]: ") || !strings.HasPrefix(warnings[1], "limits.rpm: ") {
		t.Fatal(wrong, warnings)
	}
}

func TestOwnersBesideTheFile(t *testing.T) {
	c := routed(t)
	stored, wrong := c.CheckOwner("team", "", map[string]string{"rpm": "10"}, nil)
	if wrong != nil || stored.Kind != "team" {
		t.Fatal(stored, wrong)
	}
	same, _ := c.CheckOwner("acme", "user", map[string]string{"rpm": "1"}, nil)
	k, wrong, _ := c.Check(KeyDraft{Name: "a", Owner: "team", Limits: map[string]string{"rpm": "50%"}}, []Owner{stored, same})
	if wrong != nil || k.Limits.Find("rpm").Amount != 5 {
		t.Fatal(k.Limits, wrong)
	}
	k, _, _ = c.Check(KeyDraft{Name: "a", Owner: "acme", Limits: map[string]string{"rpm": "50%"}}, []Owner{stored, same})
	if k.Limits.Find("rpm").Amount != 50 {
		t.Fatal("the file's owner does not come first")
	}
	if _, wrong := c.CheckOwner("a b", "club", map[string]string{"rpm": "10%", "x": "1"}, []string{""}); len(wrong) != 5 {
		t.Fatal(wrong)
	}
}

func TestParseLimitsForUse(t *testing.T) {
	owner := &Limits{Entries: []Limit{{Name: "rpm", Amount: 10}}}
	for _, c := range []struct {
		text  map[string]string
		owner *Limits
		want  map[string]int64
	}{
		{nil, nil, nil},
		{map[string]string{"rpm": "60"}, nil, map[string]int64{"rpm": 60}},
		{map[string]string{"rpm": "50%", "tpm": "50%"}, owner, map[string]int64{"rpm": 5}}, // tpm is not limited any more
		{map[string]string{"rpm": "1%"}, owner, map[string]int64{"rpm": 1}},
		{map[string]string{"rpm": "1%"}, nil, nil},
	} {
		l, err := ParseLimits(c.text, c.owner)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for _, e := range l.Entries {
			got[e.Name] = e.Amount
			if e.Burst != e.Amount {
				t.Errorf("%s: burst %d", e.Name, e.Burst)
			}
		}
		if !maps.Equal(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%v: %v", c.text, got)
		}
	}
	if _, err := ParseLimits(map[string]string{"rpm": "x"}, nil); err == nil || !strings.Contains(err.Error(), "limits.rpm") {
		t.Fatal(err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("name", "acme", "high", "gpt-*", "rpm", "60", "10.0.0.0/8")
	f.Add("", "\x00", "urgent", "**", "tpm", "1e9", "::1")
	f.Add("a", "acme", "low", "m", "burst", "borrow", "x")
	c := routed(f)
	f.Fuzz(func(t *testing.T, name, owner, priority, model, limit, value, network string) {
		d := KeyDraft{Name: name, Owner: owner, Priority: priority, Models: []string{model}, Limits: map[string]string{limit: value}, AllowedIPs: []string{network}}
		k, wrong, _ := c.Check(d, nil)
		if wrong != nil {
			return
		}
		var whole *Limits
		if o := c.Owner(owner); o != nil {
			whole = &o.Limits
		}
		l, err := ParseLimits(d.Limits, whole)
		if err != nil || !slices.Equal(l.Entries, k.Limits.Entries) {
			t.Fatalf("%v: checked %+v, for use %+v %v", d.Limits, k.Limits, l, err)
		}
	})
}

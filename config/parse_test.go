package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

const small = `
providers: {one: {base_url: https://example.com/v1, accounts: [{keys: [sk-upstream-0123456789]}]}}
routes: {gpt-4o: {targets: [one/gpt-4o]}}
client_keys: [{name: app, key: sk-client-0123456789abcd}]
`

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Parse("", []byte(text), anyEnv)
	if err != nil {
		t.Fatalf("%v\nin:\n%s", err, text)
	}
	return cfg
}

// anyEnv has every variable, with a value of its own that is good as a secret.
func anyEnv(name string) (string, bool) {
	if strings.HasSuffix(name, "ENCRYPTION_KEY") {
		return "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", true
	}
	return "sk-" + strings.ToLower(name) + "-0123456789abcdef", true
}

func TestFull(t *testing.T) {
	cfg, err := Load("testdata/full.yaml", anyEnv)
	if err != nil {
		t.Fatal(err)
	}
	p := cfg.Provider("dashscope")
	checks := []struct {
		name      string
		got, want any
	}{
		{"max_body", cfg.Server.MaxBody, int64(20 << 20)},
		{"drain_timeout", cfg.Server.DrainTimeout, 45 * time.Second},
		{"trusted_proxies", cfg.Server.TrustedProxies, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}},
		{"time_zone", cfg.TimeZone.String(), "Asia/Seoul"},
		{"provider's time_zone", p.TimeZone.String(), "Asia/Singapore"},
		{"base_url", p.BaseURL, "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"},
		{"key", p.Accounts[0].Keys[1].Value.Reveal(), "sk-dashscope_key_a2-0123456789abcdef"},
		{"expires_at", p.Accounts[0].Keys[1].ExpiresAt, time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
		{"rps burst", p.Accounts[0].Limits[0].Find("rps").Burst, int64(10)},
		{"rpm burst", p.Accounts[0].Limits[0].Find("rpm").Burst, int64(60)},
		{"tpm", p.Accounts[0].Limits[0].Find("tpm").Amount, int64(1_000_000)},
		{"margin", p.Accounts[0].Limits[0].Margin, 0.01},
		{"jitter", p.Accounts[0].Limits[0].Jitter, 10 * time.Millisecond},
		{"first match", limitIndex(&p.Accounts[0], "qwen3-max"), 0},
		{"star", limitIndex(&p.Accounts[0], "qwen-plus"), 2},
		{"name of the only account", cfg.Provider("local").Accounts[0].Name, "default"},
		{"simulated's window", cfg.Provider("play").Window, "fixed"},
		{"no key needed", len(cfg.Provider("local").Accounts[0].Keys), 1},
		{"target", cfg.Route("gpt-oss").Targets[0], Target{Provider: "local", Model: "openai/gpt-oss", Weight: 1}},
		{"fallback_on default", cfg.Route("gpt-oss").FallbackOn, triggers()},
		{"fallback_on none", len(cfg.Route("qwen3-max").FallbackOn), 0},
		{"owner's money", cfg.Owner("acme").Limits.Find("usd_per_month").Amount, int64(200_500_000_000)},
		{"share", cfg.ClientKeys[0].Limits.Find("tpm").Amount, int64(125_000)},
		{"borrow", cfg.ClientKeys[0].Limits.Find("rpm").Borrow, true},
		{"door burst", cfg.ClientKeys[0].Limits.Find("rpm").Burst, int64(600)},
		{"hash", cfg.ClientKeys[1].SHA256[:2], []byte{0x00, 0x11}},
		{"anchor", cfg.ClientKeys[1].Priority, "low"},
		{"threshold", cfg.Shedding.Thresholds.Low, 0.85},
		{"adaptive", cfg.Adaptive.Hold, 30 * time.Second},
		{"adaptive given", cfg.Adaptive.Step, 0.2},
		{"certificate", cfg.Server.TLS, TLS{"testdata/tls/api.pem", "/etc/sluice/api.key"}},
		{"allow", cfg.Server.AdminAllow, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
		{"oidc roles", cfg.Admin.OIDC.Roles, []OIDCRole{{"platform", "admin"}, {"on-call", "operator"}, {"all staff", "key-owner"}}},
		{"ca", cfg.Provider("local").CA, "testdata/tls/own-ca.pem"},
		{"proxy", cfg.Provider("local").Proxy.Reveal(), "socks5://user:sk-proxy_password-0123456789abcdef@127.0.0.1:1080"},
		{"route cache", cfg.Route("qwen3-max").Cache, RouteCache{10 * time.Minute, "all", false}},
		{"route cache default", cfg.Route("gpt-oss").Cache, RouteCache{0, "owner", true}},
		{"owner's kind", cfg.Owner("nobody").Kind, "team"},
		{"allowed_ips", len(cfg.ClientKeys[0].AllowedIPs), 2},
		{"max_tokens", cfg.ClientKeys[0].MaxTokens, int64(4000)},
		{"content", cfg.Store.Content, Content{true, 24 * time.Hour, 16 << 10}},
		{"spool", cfg.Store.Spool, Spool{"/var/lib/sluice/spool", 2 << 30}},
		{"no levels", cfg.Budgets.Levels, ""},
		{"header", cfg.Telemetry.OTLPHeaders[0].Value.Reveal(), "Bearer sk-otlp_token-0123456789abcdef"},
		{"condition", cfg.Alerts[0].When, Condition{"queue_depth", ">", 100, "queue_depth > 100"}},
		{"clear", cfg.Alerts[0].Clear, Bound{50, true, "50"}},
		{"actions", len(cfg.Alerts[0].Do), 4},
		{"shed", cfg.Alerts[0].Do[2], Action{Kind: "shed", Class: "low"}},
		{"condition in seconds", cfg.Alerts[1].When.Value, 10.0},
		{"condition as written", cfg.Alerts[1].When.Text, "queue_wait >= 10s"},
		{"condition in days", cfg.Alerts[2].When.Value, 14.0},
		{"clear in days", cfg.Alerts[2].Clear.Value, 20.0},
		{"condition in bytes", cfg.Alerts[3].When.Value, float64(400 << 20)},
		{"price", cfg.Prices[0], Price{"dashscope", "qwen3*", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), 32_000,
			1_200_000_000, 240_000_000, 1_500_000_000, 6_000_000_000, 1_000_000, 2_500_000}},
		{"default action", cfg.Alerts[1].Do, []Action{{Kind: "log"}}},
	}
	for _, c := range checks {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}

func limitIndex(a *Account, model string) int {
	_, i := a.LimitsFor(model)
	return i
}

// A file that only says what it must has the documented defaults.
func TestDefaults(t *testing.T) {
	cfg := mustParse(t, small)
	var want Config
	want.setDefaults()
	want.Adaptive.complete()
	if !reflect.DeepEqual(cfg.Server, want.Server) || cfg.Shedding != want.Shedding || cfg.Adaptive != want.Adaptive {
		t.Errorf("defaults: %+v", cfg)
	}
	if p := cfg.Provider("one"); p.Preset != "generic" || p.TimeZone != nil || p.Timeouts.Total != 10*time.Minute {
		t.Errorf("provider: %+v", p)
	}
	if len(cfg.Warnings()) != 0 {
		t.Errorf("warnings: %v", cfg.Warnings())
	}
}

// What lies beside the database follows its name, and can be named itself.
func TestFilesBesideTheStore(t *testing.T) {
	for _, c := range []struct{ store, levels, spool, wantLevels, wantSpool string }{
		{"{}", "", "", "./sluice.db.levels", "./sluice.db.spool"},
		{"{dsn: /data/s.db}", "", "", "/data/s.db.levels", "/data/s.db.spool"},
		{"{dsn: /data/s.db}", "none", "/tmp/spool", "", "/tmp/spool"},
		{"{dsn: /data/s.db}", "/tmp/levels", "", "/tmp/levels", "/data/s.db.spool"},
		{`{dsn: ":memory:"}`, "", "", "", ""},
		{`{driver: postgres, dsn: "postgres://localhost/sluice"}`, "", "", "", "./sluice.spool"},
	} {
		text := strings.TrimSuffix(c.store, "}") + `, spool: {path: "` + c.spool + `"}}`
		text = strings.Replace(text, "{,", "{", 1)
		cfg := mustParse(t, small+"store: "+text+"\nbudgets: {levels: '"+c.levels+"'}\n")
		if cfg.Budgets.Levels != c.wantLevels || cfg.Store.Spool.Path != c.wantSpool {
			t.Errorf("%s: levels %q, spool %q", c.store, cfg.Budgets.Levels, cfg.Store.Spool.Path)
		}
	}
}

func TestParseEncryptionKey(t *testing.T) {
	want := [32]byte{}
	for i := range want {
		want[i] = byte(i)
	}
	for _, s := range []Secret{
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	} {
		if key, err := ParseEncryptionKey(s); err != nil || key != want {
			t.Errorf("%q: %v", s.Reveal(), err)
		}
	}
	for _, s := range []Secret{"", "00", "AAEC", Secret(strings.Repeat("0", 63)), Secret(strings.Repeat("0f", 32)), Secret(strings.Repeat("z", 44))} {
		if _, err := ParseEncryptionKey(s); err == nil || (s != "" && strings.Contains(err.Error(), s.Reveal())) {
			t.Errorf("%q is taken, or told: %v", s.Reveal(), err)
		}
	}
}

func TestPresetByNameAndHost(t *testing.T) {
	for _, c := range []struct{ name, fields, preset, url string }{
		{"deepseek", "", "deepseek", "https://api.deepseek.com/v1"},
		{"mine", "base_url: https://api.groq.com/openai/v1/,", "groq", "https://api.groq.com/openai/v1"},
		{"mine", "base_url: https://notgroq.com/v1,", "generic", "https://notgroq.com/v1"},
		{"mine", "base_url: http://127.0.0.1:11434/v1,", "ollama", "http://127.0.0.1:11434/v1"},
		{"mine", "preset: mistral,", "mistral", "https://api.mistral.ai/v1"},
		{"openai", "base_url: https://proxy.internal/v1,", "generic", "https://proxy.internal/v1"},
	} {
		text := fmt.Sprintf("providers: {%s: {%s accounts: [{keys: [sk-0123456789]}]}}\nroutes: {m: {targets: [%s/m]}}\n", c.name, c.fields, c.name)
		p := mustParse(t, text).Provider(c.name)
		if p.Preset != c.preset || p.BaseURL != c.url {
			t.Errorf("%s %s: preset %s, base_url %s", c.name, c.fields, p.Preset, p.BaseURL)
		}
	}
}

func TestWarnings(t *testing.T) {
	cfg, err := Load("testdata/warnings.yaml", testEnv)
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.Warnings().Error() + "\n"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile("testdata/warnings.golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/warnings.golden")
	if err != nil || got != string(want) {
		t.Errorf("got:\n%swant:\n%s%v", got, want, err)
	}
}

// Whether a stored admin could sign in is known only when the program starts.
func TestAnAdminListenerForEverybodyWarns(t *testing.T) {
	const text = "server: {admin_listen: '%s'%s}\nproviders: {openai: {accounts: [{keys: [sk-0123456789]}]}}\nroutes: {m: {targets: [openai/m]}}\n"
	for _, c := range []struct {
		listen, more string
		warns        bool
	}{
		{"0.0.0.0:8081", "", true}, {"0.0.0.0:8081", ", admin_token: a-token-of-the-tests", false}, {"127.0.0.1:8081", "", false},
	} {
		got := mustParse(t, fmt.Sprintf(text, c.listen, c.more)).Warnings().Error()
		if strings.Contains(got, "reachable from other machines") != c.warns {
			t.Errorf("%s%s: %q", c.listen, c.more, got)
		}
	}
}

func TestReferences(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("sk-from-file-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(small, "sk-upstream-0123456789", `"${file:key}"`, 1) +
		"server: {admin_token: \"a${PART}b$${literal}c\", max_in_flight: \"${MANY}\"}\n"
	env := func(name string) (string, bool) { return map[string]string{"PART": "-part-", "MANY": "12"}[name], true }
	cfg, err := Parse(filepath.Join(dir, "sluice.yaml"), []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Providers[0].Accounts[0].Keys[0].Value.Reveal(); got != "sk-from-file-0123456789" {
		t.Errorf("file: %q", got)
	}
	if got := cfg.Server.AdminToken.Reveal(); got != "a-part-b${literal}c" {
		t.Errorf("environment: %q", got)
	}
	if cfg.Server.MaxInFlight != 12 {
		t.Errorf("number: %d", cfg.Server.MaxInFlight)
	}
	if got := cfg.Files(); !slices.Equal(got, []string{filepath.Join(dir, "key")}) {
		t.Errorf("files: %q", got)
	}
}

func TestSecretsStayInside(t *testing.T) {
	cfg := mustParse(t, strings.Replace(small, "sk-upstream-0123456789", `"${UP}"`, 1)+"server: {admin_token: \"${ADMIN}\"}\n")
	cfg.marks = nil
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "cfg", cfg, "key", cfg.ClientKeys[0].Key)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "cfg", cfg, "key", cfg.ClientKeys[0].Key)
	fmt.Fprintf(&b, "%v %+v %#v %s %q", *cfg, *cfg, *cfg, cfg.ClientKeys[0].Key, cfg.ClientKeys[0].Key)
	j, err := json.Marshal(cfg.Providers)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(cfg.ClientKeys)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(j)
	b.Write(y)
	for _, secret := range []string{"sk-up-", "sk-admin-", "sk-client-0123456789abcd"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%s is printed:\n%s", secret, b.String())
		}
	}
}

// Aliases cannot make a small file large.
func TestAliasesAreBounded(t *testing.T) {
	var b strings.Builder
	keys := "&k [" + strings.Repeat("sk-0123456789,", 5000) + "]"
	b.WriteString("providers:\n  p:\n    base_url: https://example.com\n    accounts:\n      - {name: a, keys: " + keys + "}\n")
	for range 5000 {
		b.WriteString("      - {name: a, keys: *k}\n")
	}
	_, err := Parse("", []byte(b.String()), nil)
	if err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("accepted, or another reason")
	}
}

func TestUnreadable(t *testing.T) {
	for _, path := range []string{"testdata/none.yaml", "testdata"} {
		_, err := Load(path, nil)
		if p, ok := err.(Problems); !ok || len(p) != 1 || !strings.HasPrefix(p.Error(), path+": cannot read") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for name, data := range map[string][]byte{"large": make([]byte, maxFile+1), "binary": {0xff, 0xfe, 0}} {
		if _, err := Parse("x", data, nil); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

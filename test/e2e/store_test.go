package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/store/postgres/pgtest"
	"github.com/sluice-gateway/sluice/web/api"
)

// postgresServer is a server for one test.
func postgresServer(t *testing.T) *pgtest.Server {
	t.Helper()
	s, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// What the documentation says of moving from SQLite to PostgreSQL, step by step: keys,
// their spend, sealed upstream keys and the ledger are there afterwards.
func TestMovingToPostgreSQL(t *testing.T) {
	dsn := postgresServer(t).Database(t)
	_, url := upstream(t, open("a", "stored"))
	yaml := one(url, "") + "prices: [{model: m, input: 1, output: 2}]\n"
	g := start(t, yaml)
	dir := filepath.Dir(g.file)
	k := g.create(`{"name":"app","limits":{"usd_per_month":5}}`)
	if a := g.asAdmin("POST", "/upstreams/up/a/keys", `{"key":"key-stored"}`); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for range 3 {
		if a := g.as(k.Key); a.status != 200 {
			t.Fatal(a.body)
		}
	}
	var before, after api.List[api.Usage]
	eventually(t, "the ledger has them", func() bool {
		g.manage(http.MethodGet, "/usage?group_by=key,day", "", &before)
		return len(before.Data) == 1 && before.Data[0].Requests == 3
	})
	g.stop()

	store := func(args ...string) (string, error) {
		cmd := exec.Command(binary, append([]string{"store", "copy"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for want, args := range map[string][]string{
		"no such file":     {"--from", "nowhere.db", "--to", dsn},
		"--to is needed":   {},
		"the same":         {"--from", dsn, "--to", dsn},
		"cannot be read":   {"--to", "postgres://%zz:s3cr@/"},
		"does not exist":   {"--to", strings.Replace(dsn, "test_1", "test_none", 1)},
		"rows wait in ./x": {"--from", "./x.db", "--to", dsn},
	} {
		for name, data := range map[string]string{"x.db": "", "x.db.spool/1.spool": "x"} {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := store(args...); err == nil || !strings.Contains(out, want) || strings.Contains(out, "s3cr") {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
	out, err := store("--from", "./sluice.db", "--to", dsn)
	if err != nil || !strings.Contains(out, "store.encryption_key") || !strings.Contains(strings.Join(strings.Fields(out), " "), "requests 3 attempts 3") {
		t.Fatalf("%v %s", err, out)
	}
	if out, err := store("--from", "./sluice.db", "--to", dsn); err == nil || !strings.Contains(out, "is not empty: there are client keys") {
		t.Fatalf("%v %s", err, out)
	}

	sealing, err := os.ReadFile(filepath.Join(dir, "sluice.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(sealing)), "\n")
	first := lines[slices.IndexFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "#") })]
	g.write(yaml + `store: {driver: postgres, dsn: "` + dsn + `", encryption_key: "` + first + `"}` + "\nbudgets: {levels: ./sluice.db.levels}\n")
	g = g.again(t)
	if a := g.as(k.Key); a.status != 200 {
		t.Fatal(a.body)
	}
	var up struct {
		Accounts []struct {
			Keys []struct{ Source, Health string }
		}
	}
	if a := g.manage(http.MethodGet, "/upstreams/up", "", &up); len(up.Accounts) != 1 || len(up.Accounts[0].Keys) != 2 {
		t.Fatal(a.body)
	}
	eventually(t, "usage goes on", func() bool {
		g.manage(http.MethodGet, "/usage?group_by=key,day", "", &after)
		return len(after.Data) == 1 && after.Data[0].Requests == 4 && after.Data[0].Group["key_id"] == before.Data[0].Group["key_id"]
	})
	var shown api.KeyDetail
	g.manage(http.MethodGet, "/keys/"+k.ID, "", &shown)
	if spent := shown.Usage[0].Amount - shown.Usage[0].Level; spent != after.Data[0].Cost || spent != 4*(8*1000+64*2000) {
		t.Fatalf("%d nano-dollars of the limit are spent, the ledger has %d", spent, after.Data[0].Cost)
	}
}

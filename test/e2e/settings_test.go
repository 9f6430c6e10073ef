package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// adminAPI calls the admin API as its bearer; headers come in pairs.
func (g *gateway) adminAPI(method, path, body string, headers ...string) answer {
	g.t.Helper()
	req, err := http.NewRequest(method, g.admin+"/admin/api/v1"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return do(g.t, req)
}

// inForce is the version of the configuration in force.
func (g *gateway) inForce() string {
	var v struct{ Version string }
	_ = json.Unmarshal([]byte(g.adminAPI(http.MethodGet, "/config", "").body), &v)
	return v.Version
}

// apply writes the file, has it loaded, and waits until it is in force.
func (g *gateway) apply(yaml string) {
	g.t.Helper()
	g.write(yaml)
	whole := strings.NewReplacer("{{key}}", key, "{{token}}", adminToken).Replace(yaml)
	sum := sha256.Sum256([]byte(whole))
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		g.t.Fatal(err)
	}
	want := "file-" + hex.EncodeToString(sum[:])[:16]
	eventually(g.t, "the file in force", func() bool { return g.inForce() == want })
}

// caller makes calls of a kind until the context ends, and counts what was lost.
func caller(ctx context.Context, g *gateway, n int, done, lost *atomic.Int64, why chan<- string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for i := 0; ctx.Err() == nil; i++ {
		stream := (n+i)%2 == 0
		extra := []string{`"max_tokens":40`}
		if stream {
			extra = append(extra, `"stream":true`)
		}
		req, err := http.NewRequest(http.MethodPost, g.api+"/v1/chat/completions", strings.NewReader(chatBody("m", fmt.Sprint("hello ", n, i), extra...)))
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+key)
		problem := ""
		resp, err := client.Do(req)
		if err != nil {
			problem = err.Error()
		} else {
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			switch {
			case err != nil:
				problem = err.Error()
			case resp.StatusCode != 200:
				problem = resp.Status + " " + string(body)
			case stream && !strings.Contains(string(body), "data: [DONE]"):
				problem = "a stream without an end: " + string(body)
			}
		}
		if done.Add(1); problem != "" {
			lost.Add(1)
			select {
			case why <- problem:
			default:
			}
		}
	}
}

// Fifty reloads under load, with broken files in between, cost no call.
func TestFiftyReloadsUnderLoad(t *testing.T) {
	o := open("a", "b")
	o.FirstToken, o.TokensPerSecond = 50*time.Millisecond, 400
	s, url := upstream(t, o)
	variant := func(i int) string {
		yaml := strings.Replace(one(url, fmt.Sprintf("    max_wait: %ds\n    strategy: %s\n", 10+i, []string{"ordered", "least_busy"}[i%2])),
			"keys: [key-a]}", fmt.Sprintf("keys: [key-a], limits: [{models: [m], rpm: %d}]}\n      - {name: b, keys: [key-b]}", 6000+i), 1)
		yaml += fmt.Sprintf("  - {name: other-%d, key: sk-other-key-of-the-tests-%d}\n", i, i)
		return strings.Replace(yaml, "\nclient_keys:", fmt.Sprintf("  extra-%d: {targets: [up/x]}\nlogging: {level: info}\nclient_keys:", i), 1)
	}
	g := start(t, variant(0))
	ctx, stop := context.WithCancel(t.Context())
	var done, lost atomic.Int64
	why := make(chan string, 10)
	var wg sync.WaitGroup
	for n := range 12 {
		wg.Go(func() { caller(ctx, g, n, &done, &lost, why) })
	}
	broken := 0
	for i := 1; i <= 50; i++ {
		if i%5 == 0 {
			before := g.inForce()
			g.write([]string{"routes: {broken", strings.Replace(variant(i), "up/m", "nowhere/m", 1)}[i%2])
			if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			broken++
			eventually(t, "the complaint", func() bool { return strings.Count(g.log.String(), "the old one goes on") >= broken })
			broken = strings.Count(g.log.String(), "the old one goes on")
			if after := g.inForce(); after != before {
				t.Fatalf("a broken file changed %s to %s", before, after)
			}
		}
		g.apply(variant(i))
		calls := done.Load()
		eventually(t, "some calls", func() bool { return done.Load() >= calls+8 })
	}
	stop()
	wg.Wait()
	t.Logf("%d calls, %d lost", done.Load(), lost.Load())
	close(why)
	for w := range why {
		t.Errorf("lost: %s", w)
	}
	if total := s.Total(); total.Attempts != done.Load() {
		t.Errorf("%d calls made %d attempts", done.Load(), total.Attempts)
	}
	if done.Load() < 400 {
		t.Errorf("only %d calls: that is no load", done.Load())
	}
	for _, b := range g.buckets() {
		if b.Reserved != 0 {
			t.Errorf("%+v is still reserved", b)
		}
	}
}

// What the admin API applies lies over the file until it is rolled back; nothing of the
// host comes out through it.
func TestTheConfigurationOfTheAdminAPI(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	a := g.adminAPI(http.MethodGet, "/config", "")
	var v struct{ Version, Source, Text string }
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || v.Source != "file" || strings.Contains(a.body, key) || strings.Contains(a.body, "key-a") || strings.Contains(a.body, adminToken) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, text := range []string{
		strings.Replace(v.Text, "name: test", `name: "${HOME}"`, 1), strings.Replace(v.Text, "preset: generic", `preset: "${file:/etc/hostname}"`, 1),
		strings.Replace(v.Text, "preset: generic", `preset: "${command:id}"`, 1), strings.Replace(v.Text, url, "http://192.0.2.1/v1", 1),
	} {
		body, _ := json.Marshal(map[string]string{"text": text})
		a := g.adminAPI(http.MethodPost, "/config/validate", string(body))
		if !strings.Contains(a.body, `"valid":false`) || strings.Contains(a.body, "uid=") {
			t.Errorf("%s\n%s", text, a.body)
		}
	}
}

package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// strange is a page of somebody else's that does what it can with the browser of whoever
// opens it: a form that is sent at once, and calls of every kind.
func strange(admin string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /form", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>a form</title><form method="post" enctype="text/plain" action="%s/admin/api/v1/keys">
<input name='{"name":"forged","tags":["' value='"]}'></form><script>document.forms[0].submit()</script>`, admin)
	})
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>calls</title><iframe src="%[1]s/"></iframe><script>
const to = "%[1]s/admin/api/v1", told = [];
const ask = async (name, path, init) => {
	try { const r = await fetch(to + path, { credentials: "include", ...init }); told.push([name, r.type, r.status, (await r.text()).slice(0, 100)]); }
	catch (e) { told.push([name, "failed", 0, ""]); }
};
const body = JSON.stringify({ name: "forged" });
Promise.all([
	ask("post, as text", "/keys", { method: "POST", mode: "no-cors", body }),
	ask("post, as JSON", "/keys", { method: "POST", body, headers: { "content-type": "application/json" } }),
	ask("put", "/config", { method: "PUT", body: "{}", headers: { "content-type": "application/json" } }),
	ask("delete", "/session", { method: "DELETE" }),
	ask("read", "/keys", {}),
	ask("read, opaque", "/keys", { mode: "no-cors" }),
]).then(() => { window.told = told; });
</script>`, admin)
	})
	return mux
}

// A page of another origin gets nothing with the cookie of whoever has opened it: the same
// host on another port, which the browser sends the cookie, and another host, which it
// does not.
func TestAPageOfAnotherOriginGetsNothing(t *testing.T) {
	h, page := share(t, "keys")
	other := httptest.NewServer(strange(h.Admin))
	t.Cleanup(other.Close)
	at, err := url.Parse(other.URL)
	must(t, err)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		from := "http://" + host + ":" + at.Port()
		must(t, page.Visit(from+"/form"))
		must(t, page.Until("the form is refused", `location.origin === `+quoted(h.Admin)+` && document.body.innerText.includes('"error"')`))
		var answer string
		must(t, page.Eval(`document.body.innerText`, &answer))
		if !strings.Contains(answer, "cross_origin") {
			t.Errorf("from %s: %s", host, answer)
		}
		must(t, page.Visit(from+"/calls"))
		must(t, page.Until("all calls were answered", `window.told?.length === 6`))
		var told [][4]any
		must(t, page.Eval(`window.told`, &told))
		for _, c := range told {
			if c[1] != "failed" && c[1] != "opaque" || c[3] != "" {
				t.Errorf("from %s: %v", host, c)
			}
		}
		var framed bool
		must(t, page.Eval(`(() => { try { return !!document.querySelector("iframe").contentDocument?.querySelector(".rail") } catch { return false } })()`, &framed))
		if framed {
			t.Error("the dashboard is shown in a frame")
		}
	}
	_, list, err := h.Ask(http.MethodGet, "/keys?search=forged", "")
	must(t, err)
	if strings.Contains(string(list), "forged") {
		t.Errorf("a key was made: %s", list)
	}
	must(t, page.Go("keys"))
	must(t, page.Until("whoever was signed in still is", Holding(".list .line", "nightly")))
	page.Forgive() // the console tells of every call that was refused
}

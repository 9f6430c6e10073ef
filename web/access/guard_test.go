package access_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/access/accesstest"
)

const (
	configured = "configured-token-of-the-tests"
	password   = "correct horse battery"
)

// house is a Guard with a store and a clock that tests move.
type house struct {
	*access.Guard
	t     *testing.T
	store *accesstest.Store
	now   time.Time
}

// cheap is a cost that tests can afford.
func cheap() argon2id.Params {
	return argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

func newHouse(t *testing.T, change ...func(*access.Options)) *house {
	t.Helper()
	h := &house{t: t, store: accesstest.New(), now: time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)}
	o := access.Options{Store: h.store, Cost: cheap(), Now: func() time.Time { return h.now }}
	o.Token = configured
	for _, f := range change {
		f(&o)
	}
	g, err := access.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h.Guard = g
	return h
}

func (h *house) person(name string, role access.Role) access.Account {
	h.t.Helper()
	owner := ""
	if role == access.KeyOwner {
		owner = "acme"
	}
	a, err := h.CreateAccount(h.t.Context(), access.NewAccount{Name: name, Role: role, Owner: owner, Password: password})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func request(method string, change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, "http://admin.test/admin/api/v1/things", nil)
	r.RemoteAddr = "192.0.2.7:1234"
	for _, f := range change {
		f(r)
	}
	return r
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func bearer(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }

// ask answers who the Guard says it is, and the status that is told.
func (h *house) ask(r *http.Request) (who access.Identity, status int) {
	w := httptest.NewRecorder()
	h.Authenticate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who = access.Of(r.Context())
		if why := access.WhyNobody(r.Context()); why != nil {
			w.WriteHeader(why.Status)
		} else if who.Role == "" {
			h.t.Error("nobody, and no reason why")
		}
	})).ServeHTTP(w, r)
	return who, w.Code
}

func (h *house) signIn(name string) *http.Cookie {
	h.t.Helper()
	in, _, err := h.SignIn(request(http.MethodPost), name, password)
	if err != nil {
		h.t.Fatal(err)
	}
	return in.Cookie
}

func status(err error) int {
	var r *access.Refusal
	if errors.As(err, &r) {
		return r.Status
	}
	return 0
}

func code(err error) string {
	var r *access.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return fmt.Sprint(err)
}

func TestBearerTokens(t *testing.T) {
	h := newHouse(t, func(o *access.Options) { o.Bootstrap = "sluice-admin-bootstrap" })
	made, secret, err := h.CreateToken(t.Context(), access.NewTokenOptions{Name: "ci", Role: access.KeyOwner, Owner: "acme", ExpiresAt: h.now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	other, _ := access.NewToken()
	for name, c := range map[string]struct {
		change func(*http.Request)
		who    string
		status int
	}{
		"configured":        {bearer(configured), "admin token", 200},
		"bootstrap":         {bearer("sluice-admin-bootstrap"), "bootstrap token", 200},
		"stored":            {bearer(secret), "ci", 200},
		"scheme in small":   {header("Authorization", "bearer "+configured), "admin token", 200},
		"none":              {func(*http.Request) {}, "", 401},
		"unknown":           {bearer(other), "", 401},
		"empty":             {bearer(""), "", 401},
		"no scheme":         {header("Authorization", configured), "", 401},
		"basic":             {header("Authorization", "Basic "+configured), "", 401},
		"longer":            {bearer(configured + "x"), "", 401},
		"shorter":           {bearer(configured[:len(configured)-1]), "", 401},
		"two spaces":        {header("Authorization", "Bearer  "+configured), "", 401},
		"trailing space":    {header("Authorization", "Bearer "+configured+" "), "", 401},
		"NUL":               {bearer(configured + "\x00"), "", 401},
		"huge":              {bearer(strings.Repeat("a", 1<<20)), "", 401},
		"quotes":            {bearer(`' OR pg_sleep(10) --`), "", 401},
		"two headers":       {func(r *http.Request) { bearer(configured)(r); bearer(configured)(r) }, "", 401},
		"stored in capital": {bearer(strings.ToUpper(secret)), "", 401},
		"its hash":          {bearer(fmt.Sprintf("%x", made.Hash)), "", 401},
	} {
		who, got := h.ask(request(http.MethodPost, c.change))
		if who.Name != c.who || got != c.status || who.From != "192.0.2.7" {
			t.Errorf("%s: %+v %d, want %q %d", name, who, got, c.who, c.status)
		}
	}
	who, _ := h.ask(request(http.MethodGet, bearer(secret)))
	if who.Role != access.KeyOwner || who.Owner != "acme" {
		t.Errorf("%+v", who)
	}
	h.now = h.now.Add(time.Hour)
	if _, got := h.ask(request(http.MethodGet, bearer(secret))); got != 401 {
		t.Errorf("an ended token: %d", got)
	}
}

func TestADeletedTokenEndsAtOnce(t *testing.T) {
	h := newHouse(t)
	made, secret, err := h.CreateToken(t.Context(), access.NewTokenOptions{Name: "ci", Role: access.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	if _, got := h.ask(request(http.MethodGet, bearer(secret))); got != 200 {
		t.Fatal(got)
	}
	if err := h.DeleteToken(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, got := h.ask(request(http.MethodGet, bearer(secret))); got != 401 {
		t.Errorf("%d", got)
	}
}

// An emptied setting must not turn the hash of nothing into a key.
func TestWithoutATokenNobodyIsAdmin(t *testing.T) {
	h := newHouse(t, func(o *access.Options) { o.Token = "" })
	for _, token := range []string{"", " ", "\x00", configured} {
		if who, got := h.ask(request(http.MethodGet, bearer(token))); got != 401 || who.Role != "" {
			t.Errorf("%q: %+v %d", token, who, got)
		}
	}
	h.Apply(access.Settings{Token: "another-token-of-the-tests"})
	if _, got := h.ask(request(http.MethodGet, bearer("another-token-of-the-tests"))); got != 200 {
		t.Errorf("%d", got)
	}
}

func TestGarbageIsNeverLookedUp(t *testing.T) {
	h := newHouse(t)
	for _, token := range []string{"sk-sluice-demo", "sluice-admin-", "sluice-admin-short", "x", strings.Repeat("a", 500)} {
		h.ask(request(http.MethodGet, bearer(token)))
		h.ask(request(http.MethodGet, header("Cookie", access.CookieName+"="+token)))
	}
	if n := h.store.Reads(); n != 0 {
		t.Errorf("%d look-ups", n)
	}
}

func TestSessions(t *testing.T) {
	h := newHouse(t)
	h.person("ada", access.Operator)
	c := h.signIn("  ADA ")
	if c.Name != access.CookieName || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || len(c.Value) != 43 {
		t.Errorf("%+v", c)
	}
	who, got := h.ask(request(http.MethodGet, header("Cookie", c.Name+"="+c.Value)))
	if got != 200 || who.Name != "ada" || who.Role != access.Operator || who.AccountID == "" {
		t.Errorf("%+v %d", who, got)
	}
	for name, text := range map[string]string{
		"another": c.Name + "=" + strings.Repeat("A", 43), "two": c.Name + "=" + c.Value + "; " + c.Name + "=" + c.Value,
		"prefix": c.Name + "=" + c.Value[:42], "empty": c.Name + "=", "longer": c.Name + "=" + c.Value + "A",
		"another name": "sluice=" + c.Value,
	} {
		if who, got := h.ask(request(http.MethodGet, header("Cookie", text))); got != 401 || who.Role != "" {
			t.Errorf("%s: %+v %d", name, who, got)
		}
	}
	if _, got := h.ask(request(http.MethodGet, header("Cookie", c.Name+"="+c.Value), bearer("wrong"))); got != 401 {
		t.Errorf("a wrong token beside a session: %d", got)
	}
	gone, err := h.SignOut(request(http.MethodDelete, header("Cookie", c.Name+"="+c.Value)))
	if err != nil || gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("%+v %v", gone, err)
	}
	if _, got := h.ask(request(http.MethodGet, header("Cookie", c.Name+"="+c.Value))); got != 401 {
		t.Errorf("after signing out: %d", got)
	}
}

func TestCookiesAreSecureOverTLS(t *testing.T) {
	proxy := netip.MustParsePrefix("192.0.2.0/24")
	for name, c := range map[string]struct {
		trusted []netip.Prefix
		change  func(*http.Request)
		secure  bool
	}{
		"TLS":                     {nil, func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, true},
		"plain":                   {nil, func(*http.Request) {}, false},
		"a trusted proxy's TLS":   {[]netip.Prefix{proxy}, header("X-Forwarded-Proto", "https"), true},
		"a trusted proxy's plain": {[]netip.Prefix{proxy}, header("X-Forwarded-Proto", "http"), false},
		"anybody's word":          {nil, header("X-Forwarded-Proto", "https"), false},
	} {
		h := newHouse(t, func(o *access.Options) { o.TrustedProxies = c.trusted })
		h.person("ada", access.Viewer)
		in, _, err := h.SignIn(request(http.MethodPost, c.change), "ada", password)
		if err != nil || in.Cookie.Secure != c.secure {
			t.Errorf("%s: %v %v", name, in, err)
		}
	}
}

func TestSessionsEndUnusedAndInAnyCase(t *testing.T) {
	h := newHouse(t, func(o *access.Options) { o.Session, o.Idle = 10*time.Hour, 2*time.Hour })
	h.person("ada", access.Viewer)
	use := func(c *http.Cookie) int {
		_, got := h.ask(request(http.MethodGet, header("Cookie", c.Name+"="+c.Value)))
		return got
	}
	c := h.signIn("ada")
	h.now = h.now.Add(2*time.Hour - time.Second)
	if got := use(c); got != 200 {
		t.Fatalf("in time: %d", got)
	}
	h.now = h.now.Add(2 * time.Hour)
	if got := use(c); got != 401 {
		t.Errorf("unused for two hours: %d", got)
	}
	c = h.signIn("ada")
	begin := h.now
	for h.now.Sub(begin) < 9*time.Hour+30*time.Minute {
		if got := use(c); got != 200 {
			t.Fatalf("used, after %s: %d", h.now.Sub(begin), got)
		}
		h.now = h.now.Add(30 * time.Minute)
	}
	if h.now = begin.Add(10 * time.Hour); use(c) != 401 {
		t.Error("it outlives its longest time")
	}
	c = h.signIn("ada")
	h.Apply(access.Settings{Session: time.Minute})
	if h.now = h.now.Add(time.Minute); use(c) != 401 {
		t.Error("a shorter time that was configured does not count")
	}
}

func TestChangesOfAnAccountCountAtOnce(t *testing.T) {
	h := newHouse(t)
	a := h.person("ada", access.Admin)
	c := h.signIn("ada")
	ask := func() (access.Identity, int) {
		return h.ask(request(http.MethodGet, header("Cookie", c.Name+"="+c.Value)))
	}
	if who, _ := ask(); who.Role != access.Admin {
		t.Fatalf("%+v", who)
	}
	viewer := access.Viewer
	if _, err := h.EditAccount(t.Context(), a.ID, access.AccountEdit{Role: &viewer}); err != nil {
		t.Fatal(err)
	}
	if who, _ := ask(); who.Role != access.Viewer {
		t.Errorf("the old role goes on: %+v", who)
	}
	// Another node's change is seen within a second.
	stored, err := h.store.Account(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	stored.Role = access.Operator
	if err := h.store.UpdateAccount(t.Context(), &stored, nil); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(time.Second)
	if who, _ := ask(); who.Role != access.Operator {
		t.Errorf("another node's change is not seen: %+v", who)
	}
	yes, no := true, false
	if _, err := h.EditAccount(t.Context(), a.ID, access.AccountEdit{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, got := ask(); got != 401 {
		t.Errorf("disabled: %d", got)
	}
	if _, _, err := h.SignIn(request(http.MethodPost), "ada", password); code(err) != "wrong_credentials" {
		t.Errorf("disabled, with the right password: %v", err)
	}
	if _, err := h.EditAccount(t.Context(), a.ID, access.AccountEdit{Disabled: &no}); err != nil {
		t.Fatal(err)
	}
	if _, got := ask(); got != 401 {
		t.Errorf("enabled again, its old session lives: %d", got)
	}
	if c = h.signIn("ada"); h.DeleteAccount(t.Context(), a.ID) != nil {
		t.Fatal("not deleted")
	}
	if _, got := ask(); got != 401 {
		t.Errorf("deleted: %d", got)
	}
}

// What a store does not answer is never a yes, and never keeps the configured token out.
func TestWithoutAnAnswerOfTheStore(t *testing.T) {
	h := newHouse(t)
	h.person("ada", access.Admin)
	_, secret, err := h.CreateToken(t.Context(), access.NewTokenOptions{Name: "ci", Role: access.Admin})
	if err != nil {
		t.Fatal(err)
	}
	c := h.signIn("ada")
	h.store.Fail(errors.New("dial tcp: password=hunter2"))
	for name, r := range map[string]*http.Request{
		"token": request(http.MethodGet, bearer(secret)), "session": request(http.MethodGet, header("Cookie", c.Name+"="+c.Value)),
	} {
		if who, got := h.ask(r); got != 503 || who.Role != "" {
			t.Errorf("%s: %+v %d", name, who, got)
		}
	}
	if _, got := h.ask(request(http.MethodGet, bearer(configured))); got != 200 {
		t.Errorf("configured: %d", got)
	}
	_, _, err = h.SignIn(request(http.MethodPost), "ada", password)
	if status(err) != 503 || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// A browser's cookies are not used by another site's pages, and nobody is signed in by
// one.
func TestCrossOriginRequestsAreRefused(t *testing.T) {
	h := newHouse(t)
	h.person("ada", access.Admin)
	c := h.signIn("ada")
	session := header("Cookie", c.Name+"="+c.Value)
	for name, x := range map[string]struct {
		method string
		change []func(*http.Request)
		status int
	}{
		"another site's form":      {http.MethodPost, []func(*http.Request){session, header("Sec-Fetch-Site", "cross-site")}, 403},
		"a sibling's form":         {http.MethodPost, []func(*http.Request){session, header("Sec-Fetch-Site", "same-site")}, 403},
		"an old browser":           {http.MethodPost, []func(*http.Request){session, header("Origin", "https://evil.test")}, 403},
		"a page without an origin": {http.MethodPost, []func(*http.Request){session, header("Origin", "null")}, 403},
		"a sign-in from elsewhere": {http.MethodPost, []func(*http.Request){header("Sec-Fetch-Site", "cross-site")}, 403},
		"our own page":             {http.MethodPost, []func(*http.Request){session, header("Sec-Fetch-Site", "same-origin")}, 200},
		"our own, an old browser":  {http.MethodDelete, []func(*http.Request){session, header("Origin", "http://admin.test")}, 200},
		"no browser":               {http.MethodPatch, []func(*http.Request){session}, 200},
		"a link from elsewhere":    {http.MethodGet, []func(*http.Request){session, header("Sec-Fetch-Site", "cross-site")}, 200},
		"a token, from elsewhere":  {http.MethodPost, []func(*http.Request){bearer(configured), header("Sec-Fetch-Site", "cross-site")}, 200},
	} {
		if _, got := h.ask(request(x.method, x.change...)); got != x.status {
			t.Errorf("%s: %d, want %d", name, got, x.status)
		}
	}
}

func TestWhereSomebodyComesFrom(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}
	for name, c := range map[string]struct {
		trusted []netip.Prefix
		said    []string
		want    string
	}{
		"a peer":                       {nil, nil, "192.0.2.7"},
		"a peer that says it":          {nil, []string{"198.51.100.1"}, "192.0.2.7"},
		"a proxy":                      {trusted, []string{"198.51.100.1"}, "198.51.100.1"},
		"a client that lies":           {trusted, []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":                  {trusted, []string{"198.51.100.1, 10.1.1.1"}, "198.51.100.1"},
		"a client that lies by a line": {trusted, []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		"garbage":                      {trusted, []string{"unknown"}, "192.0.2.7"},
		"mapped":                       {trusted, []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
	} {
		h := newHouse(t, func(o *access.Options) { o.TrustedProxies = c.trusted })
		r := request(http.MethodGet, bearer(configured))
		r.Header["X-Forwarded-For"] = c.said
		if who, _ := h.ask(r); who.From != c.want {
			t.Errorf("%s: %s, want %s", name, who.From, c.want)
		}
	}
}

func retryAfter(err error) time.Duration {
	var r *access.Refusal
	if errors.As(err, &r) {
		return r.RetryAfter
	}
	return 0
}

package access

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Whatever a header says, it is one visible token of bounded length, or nobody's.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"Bearer abc", "bearer abc", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer \x00", "", "Bearer " + strings.Repeat("a", 600)} {
		f.Add(s, "")
	}
	f.Add("Bearer abc", "Bearer def")
	f.Fuzz(func(t *testing.T, first, second string) {
		h := http.Header{"Authorization": {first}}
		if second != "" {
			h["Authorization"] = append(h["Authorization"], second)
		}
		token, given := bearerOf(h)
		if !given {
			t.Fatal("a header that is there is not seen")
		}
		if token == "" {
			return
		}
		if second != "" || len(token) > maxBearer || strings.ContainsAny(token, " \t\r\n\x00") || !strings.HasSuffix(first, " "+token) ||
			!strings.EqualFold(strings.TrimSuffix(first, token), "bearer ") {
			t.Fatalf("%q of %q and %q", token, first, second)
		}
		if madeHere(token) && len(token) != len(TokenPrefix)+52 {
			t.Fatalf("%q could have been made here", token)
		}
	})
}

// Whatever a cookie says, it is the digest of one value of our form, or nobody's.
func FuzzCookie(f *testing.F) {
	value, _ := newCookie()
	for _, s := range []string{
		CookieName + "=" + value, CookieName + "=" + value + "; a=b", CookieName + "=", CookieName, "a=b", ";;;", CookieName + `="` + value + `"`,
		CookieName + "=" + value + ";" + CookieName + "=" + value,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := &http.Request{Header: http.Header{"Cookie": {line}}}
		hash, given, ok := cookieOf(r)
		if ok && !given || !ok && hash != (Digest{}) {
			t.Fatal(given, ok, hash)
		}
		if ok && (strings.Count(line, CookieName) < 1 || hash != sha256.Sum256([]byte(r.CookiesNamed(CookieName)[0].Value)) || len(r.CookiesNamed(CookieName)[0].Value) != 43) {
			t.Fatalf("%q is let through", line)
		}
		if flow, ok := readFlow(&http.Request{Header: http.Header{"Cookie": {flowCookie + "=" + line}}}, time.Unix(0, 0)); ok && flow.State == "" {
			t.Fatal("a flow without a state")
		}
	})
}

// A sign-in ends at a path of this listener, whatever a browser makes of it.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/a?b=c#d", "//evil.test", "/\\evil.test", "https://evil.test", "/%2f/evil.test", "javascript:alert(1)", "/\t/evil.test", "", "/a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := LocalPath(s)
		if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t \x00") {
			t.Fatalf("%q becomes %q", s, p)
		}
	})
}

func FuzzClientAddress(f *testing.F) {
	f.Add("192.0.2.1:80", "198.51.100.1, 10.0.0.1")
	f.Add("[2001:db8::1%eth0]:80", "unknown")
	f.Add("@", "")
	trusted := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, said string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {said}}}
		ip := clientAddress(r, trusted)
		if ip.Is4In6() || ip.Zone() != "" {
			t.Fatalf("%s", ip)
		}
		if straight := clientAddress(r, nil); straight.IsValid() && !within(straight, trusted) && ip != straight {
			t.Fatalf("%s is believed that it is %s", straight, ip)
		}
		neighbourhood(ip)
	})
}
